import Logging
import NIOCore
import Net
package import Store
import Swarm
package import Torrent
import TrackerWire

/// Everything that all torrents of a session share when they use trackers, active and dormant ones alike: requests, the
/// hosts that fail or asked for a pause, scrapes, and the rows that the answers change.
///
/// ``TorrentAnnounces`` announces an active torrent; ``announce(_:progress:seed:)`` announces a dormant one once.
package actor AnnounceService: PeerDiscovery {
    package static let source = PeerSource.tracker
    /// The most rows that are kept for another attempt when the database can't be written: the newest ones, about what
    /// ten seconds of announces change.
    private static let mostUnsaved = 1000
    /// The number of turns between two scrapes, so that many torrents share one.
    private static let turnsPerScrape = 10

    /// What trackers are told about this engine.
    struct Identity: Sendable {
        let peerID: PeerID
        /// The key by which trackers recognise us when our address changes (BEP 7).
        let key: UInt32
    }

    nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    private nonisolated let identity: Identity
    private nonisolated let client: TrackerClient
    private nonisolated let store: Store
    private nonisolated let clock: EngineClock
    private nonisolated let log = Logger(label: "pieces.trackers")
    /// The longest that the end of a torrent waits for trackers.
    private let goodbyeTime: Duration

    private var listenPort: UInt16 = 0
    private var hosts = TrackerHosts()
    /// Rows that aren't in the database yet, those that are being written, and the task that writes them.
    private var learned: [TrackerRow] = []
    private var beingSaved: [TrackerRow] = []
    private var saving: Task<Void, Never>?
    /// Torrents whose tracker answers had no counts, by tracker URL.
    package private(set) var uncounted: [String: [InfoHash: TorrentID]] = [:]
    /// The scrapes under way, by tracker URL.
    package private(set) var scrapes: [String: Task<Void, Never>] = [:]
    private var turns = 0
    /// Bytes that each torrent transferred in this run before it became dormant: trackers receive the sum (BEP 3).
    private var moved: [TorrentID: TransferCounters] = [:]

    /// `resting` holds the retry times that an earlier run stored.
    init(
        _ client: TrackerClient, as identity: Identity, resting: [TrackerHostRow], store: Store, loop: any EventLoop,
        clock: EngineClock, goodbyeTime: Duration
    ) {
        self.client = client
        self.identity = identity
        self.store = store
        self.loop = loop
        self.clock = clock
        self.goodbyeTime = goodbyeTime
        for row in resting { hosts.rest(row.server, TrackerHosts.Rest(row)) }
    }

    /// Enters the actor from another one on the same loop, without a hop.
    nonisolated func onLoop<Value: Sendable>(_ body: (isolated AnnounceService) -> Value) -> Value {
        assumeIsolated(body)
    }

    /// Our port, as reported to trackers from now on.
    func listens(on port: UInt16) { listenPort = port }

    func shutdown() async { await client.shutdown() }

    // MARK: Transfers

    /// The bytes that the torrent transferred in earlier activations of this run.
    func moved(_ id: TorrentID) -> TransferCounters { moved[id] ?? .init() }

    func remember(_ counters: TransferCounters, of id: TorrentID) { moved[id] = counters.ifAny }

    /// The torrent was removed.
    func forget(_ id: TorrentID) { moved[id] = nil }

    // MARK: Requests

    /// Which hosts aren't contacted.
    enum Restraint: Sendable {
        /// Those that asked for a pause.
        case active
        /// Also those that are down: one dormant torrent tries them for all.
        case dormant
    }

    /// Returns why the tracker isn't contacted now, if it isn't.
    func reasonToWait(for action: Announcer.Action, _ restraint: Restraint) -> AnnounceOutcome? {
        let url: TrackerURL
        do { url = try TrackerURL(action.url) } catch {
            return .failed(reason: "\(error)", retryIn: Announcer.longestInterval)
        }
        let now = clock.timestamp
        if let rest = hosts.rest(of: url.server, now: now) {
            return .failed(reason: rest.reason, retryIn: rest.until - now)
        }
        guard case .dormant = restraint, let reason = hosts.reasonToWait(for: url.server, now: now) else { return nil }
        return .failed(reason: reason, retryIn: nil)
    }

    /// Announces to one tracker. Cancelling the task ends the request.
    func announce(_ action: Announcer.Action, of infoHash: InfoHash, _ progress: AnnouncedProgress) async
        -> AnnounceOutcome
    {
        let url: TrackerURL
        do { url = try TrackerURL(action.url) } catch {
            return .failed(reason: "\(error)", retryIn: Announcer.longestInterval)
        }
        do throws(TrackerError) {
            let answer = try await client.announce(url, request(action, of: infoHash, progress))
            hosts.answered(url.server)
            return .answered(answer)
        } catch {
            guard !Task.isCancelled else { return .cancelled }
            await note(error, of: url)
            return .failed(reason: "\(error)", retryIn: error.retryPause)
        }
    }

    private func request(_ action: Announcer.Action, of infoHash: InfoHash, _ progress: AnnouncedProgress)
        -> AnnounceRequest
    {
        var request = AnnounceRequest(
            infoHash: infoHash, peerID: identity.peerID, port: listenPort, uploaded: progress.moved.uploaded,
            downloaded: progress.moved.downloaded, left: progress.left, key: identity.key)
        request.event = action.event.flatMap { AnnounceRequest.Event(rawValue: $0.rawValue) }
        request.trackerID = action.trackerID
        if progress.left == 0 { request.peersWanted = Self.peersOfASeed }
        return request
    }

    /// Peers that a seed asks for: it needs only those that no other peer dials.
    private static let peersOfASeed = 30

    /// Records what a failure says about the tracker's host. A retry time is stored, so it survives a kill.
    private func note(_ error: TrackerError, of url: TrackerURL) async {
        guard error.isOfHost || error.isSilence else { return hosts.answered(url.server) }
        let now = clock.timestamp
        guard let pause = error.retryPause else { return hosts.failed(url.server, reason: "\(error)", now: now) }
        let row = TrackerHostRow(server: url.server, restsUntil: now + pause, reason: "\(error)")
        hosts.rest(row.server, TrackerHosts.Rest(row))
        do {
            try await store.perform { db throws(StoreError) in try db.trackerHosts.save(row) }
        } catch {
            log.error("could not save the retry time that \(url.server) asked for: \(error)")
        }
    }

    /// Returns the tracker's counts of the torrents (BEP 48); `nil` if it doesn't report them.
    func counts(of torrents: [InfoHash], at url: String) async -> [InfoHash: ScrapeResponse.Counts]? {
        do {
            return try await client.scrape(try TrackerURL(url), torrents).torrents
        } catch {
            log.debug("could not scrape \(MaskedURL.text(url)): \(error)")
            return nil
        }
    }

    /// Announces `stopped` to the trackers that can be contacted. Returns when all have answered, or at `end`.
    func sayGoodbye(
        _ actions: [Announcer.Action], of infoHash: InfoHash, _ progress: AnnouncedProgress,
        until end: ContinuousClock.Instant
    ) async {
        let requests = actions.compactMap { action -> (TrackerURL, AnnounceRequest)? in
            guard reasonToWait(for: action, .active) == nil, let url = try? TrackerURL(action.url) else { return nil }
            return (url, request(action, of: infoHash, progress))
        }
        guard !requests.isEmpty else { return }
        let client = client
        // Each task returns whether it was an announce, not the time limit.
        await withTaskGroup(of: Bool.self) { group in
            for (url, request) in requests {
                group.addTask {
                    // A failure changes nothing at this point.
                    _ = try? await client.announce(url, request)
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

    // MARK: Dormant torrents

    /// Announces a dormant torrent to the trackers that are due. Returns the peers that may want its data; `nil` if
    /// the task was cancelled.
    func announce(_ dormant: DormantTorrent, _ progress: AnnouncedProgress, seed: UInt64) async -> Announced? {
        let row = dormant.row
        var trackers = TorrentTrackers(dormant.trackers, of: row.id, since: clock.unixOrigin, seed: seed)
        trackers.start(now: clock.timestamp)
        var leechers: [PeerAddress] = []
        while case let actions = trackers.due(now: clock.timestamp, isHungry: false), !actions.isEmpty {
            for action in actions where !Task.isCancelled {
                let outcome: AnnounceOutcome =
                    if let wait = reasonToWait(for: action, .dormant) { wait } else {
                        await announce(action, of: row.infoHash, progress)
                    }
                if case .answered(let answer) = outcome {
                    if answer.complete == nil { uncounted[action.url, default: [:]][row.infoHash] = row.id }
                    if answer.incomplete != 0 { leechers += answer.peers }
                }
                trackers.record(outcome, of: action, now: clock.timestamp)
            }
            guard !Task.isCancelled else { return nil }
        }
        return Announced(
            rows: trackers.takeChanges(),
            peers: leechers.isEmpty ? nil : Self.found(leechers, isPrivate: row.isPrivate))
    }

    /// What the trackers of a dormant torrent answered.
    struct Announced: Sendable {
        /// The rows to be saved, unless the torrent was activated meanwhile.
        let rows: [TrackerRow]
        let peers: FoundPeers?
    }

    // MARK: Rows

    /// The torrents whose rows in the database are older than their answers.
    var unsavedTorrents: Set<TorrentID> { Set((learned + beingSaved).map(\.torrent)) }

    /// Writes these rows and those that wait, many in one transaction. Returns when they are written.
    func save(_ rows: [TrackerRow] = []) async {
        learned += rows
        // The save under way doesn't include the answers that arrived since it began.
        if let saving { await saving.value }
        if let saving { return await saving.value }
        guard !learned.isEmpty else { return }
        let task = Task { await self.write() }
        saving = task
        await task.value
    }

    private func write() async {
        let rows = learned
        learned = []
        beingSaved = rows
        do {
            try await store.perform { db throws(StoreError) in
                try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
                    for row in rows { try db.trackers.save(row) }
                }
            }
        } catch {
            // A lost answer causes an announce too early, but keeping all of them would grow without limit while the
            // database can't be written.
            learned = Array((rows + learned).suffix(Self.mostUnsaved))
            log.error("could not save tracker responses: \(error)")
        }
        beingSaved = []
        saving = nil
    }

    // MARK: Scrapes

    /// Runs once a second: now and then scrapes the counts that announces of dormant torrents didn't report, those of
    /// many torrents at once (BEP 48).
    func scrapeIfDue() {
        turns += 1
        guard turns % Self.turnsPerScrape == 0 else { return }
        let wanted = uncounted
        uncounted = [:]
        for (url, torrents) in wanted {
            if scrapes[url] == nil {
                scrapes[url] = Task { await self.scrape(url, torrents) }
            } else {
                uncounted[url] = torrents
            }
        }
    }

    private func scrape(_ url: String, _ torrents: [InfoHash: TorrentID]) async {
        defer { scrapes[url] = nil }
        guard let counts = await counts(of: Array(torrents.keys), at: url), !Task.isCancelled else { return }
        let now = clock.timestamp
        do {
            try await store.perform { db throws(StoreError) in
                try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
                    for (infoHash, id) in torrents {
                        guard let count = counts[infoHash] else { continue }
                        try db.trackers.saveScrape(
                            id, url, seeders: count.complete, leechers: count.incomplete, downloads: count.downloaded,
                            now: now)
                    }
                }
            }
        } catch {
            log.debug("could not save the counts from \(MaskedURL.text(url)): \(error)")
        }
    }

    /// Cancels the scrapes under way and returns them.
    func cancelScrapes() -> [Task<Void, Never>] {
        for task in scrapes.values { task.cancel() }
        return Array(scrapes.values)
    }
}

extension TrackerHosts.Rest {
    fileprivate init(_ row: TrackerHostRow) { self.init(until: row.restsUntil, reason: row.reason) }
}

extension Announcer.Answer {
    init(_ response: AnnounceResponse) {
        self.init(
            interval: response.interval, minimumInterval: response.minimumInterval, trackerID: response.trackerID,
            seeders: response.complete, leechers: response.incomplete, warning: response.notice)
    }
}

extension TrackerError {
    /// The pause after which the tracker wants to be contacted again, if it gave one; a day stands for never.
    var retryPause: Duration? {
        switch retry {
        case nil: nil
        case .after(let pause): pause
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
