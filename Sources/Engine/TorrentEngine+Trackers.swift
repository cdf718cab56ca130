import Logging
import Net
import Store
import Swarm
import Torrent
import TrackerWire

/// Sends the announces that the announcer finds due.
extension TorrentEngine {
    func announceIfDue() {
        guard swarm.isRunning, swarm.fault?.kind != .offline else { return }
        var hasNews = false
        // A tracker whose retry time has not passed hands over to the next of its tier.
        while case let actions = announcer.due(now: unixNow, isHungry: swarm.isHungry), !actions.isEmpty {
            for action in actions {
                if let url = try? TrackerURL(action.url),
                    let rest = environment.hosts.rest(of: url, now: environment.clock.timestamp)
                {
                    announcer.failed(action.url, reason: rest.reason, retryIn: rest.seconds, now: unixNow)
                    hasNews = true
                } else {
                    announces[action.url] = Task { await self.announce(action) }
                }
            }
        }
        if hasNews { Task { await self.savePeersAndTrackers() } }
    }

    private func announce(_ action: Announcer.Action) async {
        let name = MaskedURL.text(action.url)
        do {
            let answer = try await ask(action)
            announcer.answered(action.url, event: action.event, Announcer.Answer(answer), now: unixNow)
            if let notice = answer.notice { log.warning("\(name) sent a warning: \(notice)") }
            feed { swarm, now in swarm.learn(answer.peers, from: .tracker, now: now) }
            if answer.complete == nil, swarm.isRunning { await scrape(action.url) }
        } catch {
            // An announce that we cancelled ourselves says nothing about the tracker.
            guard !Task.isCancelled else { return }
            log.info("announce to \(name) failed: \(error)")
            if let error = error as? TrackerError, let url = try? TrackerURL(action.url) { await note(error, of: url) }
            announcer.failed(
                action.url, reason: "\(error)", retryIn: (error as? TrackerError)?.retrySeconds, now: unixNow)
            // The next tracker of the tier, if there is one, is announced to at once.
            if swarm.isRunning { announceIfDue() }
        }
        // Saved at once, so that after a kill the tracker isn't contacted too early and its error isn't lost.
        await savePeersAndTrackers()
    }

    /// Records a failure of the tracker's host for all torrents.
    private func note(_ error: TrackerError, of url: TrackerURL) async {
        do throws(StoreError) {
            try await environment.hosts.failed(url, error, now: environment.clock.timestamp)
        } catch {
            log.error("could not save the retry time that \(url.server) asked for: \(error)")
        }
    }

    private func ask(_ action: Announcer.Action) async throws -> AnnounceResponse {
        defer { announces[action.url] = nil }
        return try await environment.trackers.announce(try TrackerURL(action.url), request(action))
    }

    private func scrape(_ url: String) async {
        do {
            let counts = try await environment.trackers.scrape(try TrackerURL(url), [infoHash]).torrents[infoHash]
            guard let counts else { return }
            announcer.scraped(url, seeders: counts.complete, leechers: counts.incomplete, downloads: counts.downloaded)
        } catch {
            log.debug("could not scrape \(MaskedURL.text(url)): \(error)")
        }
    }

    /// Announces `stopped` to the trackers that know us, within ``EngineSettings/goodbyeTime``.
    func sayGoodbye() async {
        let end = ContinuousClock.now + environment.settings.goodbyeTime
        await finishAnnounces()
        let actions = announcer.stop()
        guard !actions.isEmpty else { return }
        let requests = actions.compactMap { action -> (TrackerURL, AnnounceRequest)? in
            guard let url = try? TrackerURL(action.url),
                environment.hosts.rest(of: url, now: environment.clock.timestamp) == nil
            else { return nil }
            return (url, request(action))
        }
        let trackers = environment.trackers
        // Each task returns whether it was an announce, not the time limit.
        await withTaskGroup(of: Bool.self) { group in
            for (url, request) in requests {
                group.addTask {
                    // A failure changes nothing at this point.
                    _ = try? await trackers.announce(url, request)
                    return true
                }
            }
            group.addTask {
                // Cancelled when all trackers have answered before the limit.
                try? await Task.sleep(until: end, clock: .continuous)
                return false
            }
            var left = requests.count
            while left > 0, await group.next() == true { left -= 1 }
            group.cancelAll()
        }
    }

    /// Waits for the announces under way, so that `stopped` doesn't overtake them. Those that take too long are
    /// cancelled, although the tracker may have received them.
    private func finishAnnounces() async {
        let announces = announces
        let patient = Set(announcer.trackers.filter(\.mayKnowUs).map(\.url))
        for (url, task) in announces where !patient.contains(url) { task.cancel() }
        let limit = Task { [time = environment.settings.goodbyeTime / 2] in
            do { try await Task.sleep(for: time) } catch { return }
            for task in announces.values { task.cancel() }
        }
        for task in announces.values { await task.value }
        limit.cancel()
    }

    private func request(_ action: Announcer.Action) -> AnnounceRequest {
        AnnounceRequest(
            action, of: infoHash, environment, port: listenPort,
            left: max(0, row.wantedBytes - completedBytes(swarm.have)), moved: movedInThisRun)
    }

    /// The bytes to report to trackers: the torrent's transfers since this run of the engine first announced it (BEP
    /// 3).
    var movedInThisRun: Counters {
        Counters(
            downloaded: movedBefore.downloaded + swarm.transfer.downloaded,
            uploaded: movedBefore.uploaded + swarm.transfer.uploaded)
    }
}

extension Announcer.Answer {
    init(_ response: AnnounceResponse) {
        self.init(
            interval: response.interval.components.seconds,
            minimumInterval: response.minimumInterval?.components.seconds,
            trackerID: response.trackerID, seeders: response.complete, leechers: response.incomplete,
            warning: response.notice)
    }
}

extension TrackerError {
    /// Seconds after which the tracker wants to be contacted again, if it gave a time; a day stands for never.
    var retrySeconds: Int64? {
        switch retry {
        case nil: nil
        case .after(let pause): pause.components.seconds
        case .never: Announcer.longestInterval
        }
    }

    /// Whether the host didn't answer at all, so that other torrents need not contact it either.
    var isSilence: Bool {
        switch self {
        case .unreachable, .timedOut, .insecure: true
        default: false
        }
    }
}
