import Logging
import Net
import Store
import Swarm
import Torrent
import TrackerWire

/// Announces, when the announcer says so.
extension TorrentEngine {
    /// The longest that a stop waits for the trackers to hear goodbye.
    private static let goodbyeTime = Duration.seconds(3)

    func announceIfDue() {
        guard swarm.isRunning, swarm.fault?.kind != .offline else { return }
        for action in announcer.due(now: unixNow, isHungry: swarm.isHungry) {
            Task { await self.announce(action) }
        }
    }

    private func announce(_ action: Announcer.Action) async {
        do {
            let answer = try await environment.trackers.announce(try TrackerURL(action.url), request(action))
            announcer.answered(action.url, event: action.event, Announcer.Answer(answer), now: unixNow)
            if let warning = answer.warning { log.warning("\(action.url) warns: \(warning)") }
            feed { swarm, now in swarm.learn(answer.peers, from: .tracker, now: now) }
            if answer.complete == nil, action.event != .stopped { await scrape(action.url) }
            // At once, so that a kill doesn't make us ask again too early.
            await savePeersAndTrackers()
        } catch {
            let retry = (error as? TrackerError)?.retrySeconds
            log.info("\(action.url) did not answer: \(error)")
            announcer.failed(action.url, reason: "\(error)", retryIn: retry, now: unixNow)
            // The next of the tier, if there is one, is asked at once.
            if swarm.isRunning { announceIfDue() }
        }
    }

    private func scrape(_ url: String) async {
        do {
            let counts = try await environment.trackers.scrape(try TrackerURL(url), [infoHash]).torrents[infoHash]
            guard let counts else { return }
            announcer.scraped(url, seeders: counts.complete, leechers: counts.incomplete, downloads: counts.downloaded)
        } catch {
            log.debug("\(url) can't be scraped: \(error)")
        }
    }

    /// Tells the trackers that know us that we go, for a short while at most.
    func sayGoodbye() async {
        let actions = announcer.stop()
        guard !actions.isEmpty else { return }
        let requests = actions.compactMap { action -> (TrackerURL, AnnounceRequest)? in
            guard let url = try? TrackerURL(action.url) else { return nil }
            return (url, request(action))
        }
        let trackers = environment.trackers
        await withTaskGroup(of: Void.self) { group in
            for (url, request) in requests {
                group.addTask {
                    // Whether it was heard changes nothing any more.
                    _ = try? await trackers.announce(url, request)
                }
            }
            group.addTask {
                // Cancelled when all have answered before.
                try? await Task.sleep(for: Self.goodbyeTime)
            }
            for _ in requests { await group.next() }
            group.cancelAll()
        }
    }

    private func request(_ action: Announcer.Action) -> AnnounceRequest {
        AnnounceRequest(
            action, of: infoHash, environment, port: listenPort, left: max(0, row.wantedBytes - completedBytes(swarm.have)), moved: movedInThisRun)
    }

    /// What trackers are told: all that the torrent moved since this run of the engine began to announce it (BEP 3).
    var movedInThisRun: Counters {
        Counters(downloaded: movedBefore.downloaded + swarm.downloadedBytes, uploaded: movedBefore.uploaded + swarm.uploadedBytes)
    }
}

extension Announcer.Answer {
    init(_ response: AnnounceResponse) {
        self.init(
            interval: response.interval.components.seconds, minimumInterval: response.minimumInterval?.components.seconds,
            trackerID: response.trackerID, seeders: response.complete, leechers: response.incomplete, warning: response.warning)
    }
}

extension TrackerError {
    /// Seconds after which the tracker wants to be asked again, when it said so (BEP 31); a day stands for never.
    var retrySeconds: Int64? {
        guard case .failure(_, let retry?) = self else { return nil }
        return switch retry {
        case .after(let pause): pause.components.seconds
        case .never: Announcer.longestInterval
        }
    }

    /// Whether nobody answered at all, so that the host's other torrents needn't ask either.
    var isSilence: Bool {
        switch self {
        case .unreachable, .timedOut, .insecure: true
        default: false
        }
    }
}
