import Logging
import NIOCore
import Net
import Store
import Swarm
package import Torrent
import TrackerWire

/// The announces of one active torrent.
///
/// An announce that is under way when the torrent is deactivated still ends here, and its answer is saved.
package actor TorrentAnnounces: PeerDiscovery {
    package static let source = AnnounceService.source

    package nonisolated var unownedExecutor: UnownedSerialExecutor { service.unownedExecutor }
    private nonisolated let service: AnnounceService
    private let infoHash: InfoHash
    private let isPrivate: Bool
    private let clock: EngineClock
    private let goodbyeTime: Duration
    private let log: Logger
    private var trackers: TorrentTrackers
    private var seeker: PeerSeeker?
    /// The announces under way, by tracker URL.
    private var underWay: [String: Task<Void, Never>] = [:]

    init(_ row: TorrentRow, _ rows: [TrackerRow], environment: Environment, seed: UInt64, log: Logger) {
        service = environment.announces
        infoHash = row.infoHash
        isPrivate = row.isPrivate
        clock = environment.clock
        goodbyeTime = environment.settings.goodbyeTime
        self.log = log
        trackers = TorrentTrackers(rows, of: row.id, since: environment.clock.unixOrigin, seed: seed)
    }

    /// Enters the actor from another one on the same loop, without a hop.
    nonisolated func onLoop<Value: Sendable>(_ body: (isolated TorrentAnnounces) -> Value) -> Value {
        assumeIsolated(body)
    }

    var isAnnouncing: Bool { !underWay.isEmpty }

    // MARK: Events

    /// From now on, peers are found for `seeker`.
    func serve(_ seeker: PeerSeeker) { self.seeker = seeker }

    /// Starts announcing. Stored times still apply.
    func start() { trackers.start(now: clock.timestamp) }

    /// The download has just completed.
    func completed() { trackers.completed() }

    /// Adds the trackers that are new to the torrent, and announces to them.
    func add(_ rows: [TrackerRow]) {
        trackers.add(rows)
        announceIfDue()
    }

    /// Announces as soon as the trackers allow.
    func hasten() {
        trackers.hasten(now: clock.timestamp)
        announceIfDue()
    }

    func announceIfDue() {
        guard let situation = seeker?.situation(), situation.isAnnounced else { return }
        var hasNews = false
        // A tracker whose retry time has not passed hands over to the next of its tier.
        while case let actions = trackers.due(now: clock.timestamp, isHungry: situation.isHungry), !actions.isEmpty {
            for action in actions {
                if let wait = service.onLoop({ $0.reasonToWait(for: action, .active) }) {
                    trackers.record(wait, of: action, now: clock.timestamp)
                    hasNews = true
                } else {
                    underWay[action.url] = Task { await self.announce(action, situation.progress) }
                }
            }
        }
        if hasNews { Task { await self.save() } }
    }

    private func announce(_ action: Announcer.Action, _ progress: AnnouncedProgress) async {
        let outcome = await service.announce(action, of: infoHash, progress)
        underWay[action.url] = nil
        trackers.record(outcome, of: action, now: clock.timestamp)
        let name = MaskedURL.text(action.url)
        switch outcome {
        case .answered(let answer):
            if let notice = answer.notice { log.warning("\(name) sent a warning: \(notice)") }
            if let peers = Self.found(answer.peers, isPrivate: isPrivate) { seeker?.found(peers) }
            if answer.complete == nil, seeker?.situation()?.isRunning == true { await scrape(action.url) }
        case .failed(let reason, _):
            log.info("announce to \(name) failed: \(reason)")
            // The next tracker of the tier, if there is one, is announced to at once.
            announceIfDue()
        case .cancelled: return
        }
        // Saved at once, so that after a kill the tracker isn't contacted too early and its error isn't lost.
        await save()
        await seeker?.save()
    }

    private func scrape(_ url: String) async {
        guard let counts = await service.counts(of: [infoHash], at: url)?[infoHash] else { return }
        trackers.scraped(url, seeders: counts.complete, leechers: counts.incomplete, downloads: counts.downloaded)
    }

    /// Saves what changed about the trackers.
    func save() async { await service.save(trackers.takeChanges()) }

    // MARK: End

    /// Stops announcing. If `sayingGoodbye`, the trackers that know us receive `stopped`, within
    /// ``EngineSettings/goodbyeTime``; otherwise they keep listing the torrent.
    func stop(sayingGoodbye: Bool) async {
        if sayingGoodbye { await sayGoodbye() } else { trackers.pause() }
        await save()
    }

    private func sayGoodbye() async {
        let end = ContinuousClock.now + goodbyeTime
        await finishAnnounces()
        let actions = trackers.stop()
        guard !actions.isEmpty, let progress = seeker?.situation()?.progress else { return }
        await service.sayGoodbye(actions, of: infoHash, progress, until: end)
    }

    /// Waits for the announces under way, so that `stopped` doesn't overtake them. Those that take too long are
    /// cancelled, although the tracker may have received them.
    private func finishAnnounces() async {
        let announces = underWay
        let patient = trackers.knowingUs
        for (url, task) in announces where !patient.contains(url) { task.cancel() }
        let limit = Task { [time = goodbyeTime / 2] in
            do { try await Task.sleep(for: time) } catch { return }
            for task in announces.values { task.cancel() }
        }
        for task in announces.values { await task.value }
        limit.cancel()
    }
}
