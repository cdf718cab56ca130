import Disk
import Logging
import NIOCore
import Net
import PeerWire
import Store
import Swarm
import Synchronization
import SystemPackage
import Torrent

/// One active torrent: a thin owner that feeds the brain and performs its effects, on the event loop of its peers.
///
/// Handlers of that loop enter with `assumeIsolated`, one batch a read, without a hop. Disk and database answer by a
/// task of the loop.
actor TorrentEngine {
    nonisolated let id: TorrentID
    nonisolated let infoHash: InfoHash
    nonisolated let environment: Environment
    nonisolated var unownedExecutor: UnownedSerialExecutor { environment.loop.executor.asUnownedSerialExecutor() }

    let metainfo: Metainfo
    var row: TorrentRow
    var selection: FileSelection
    var payload: Payload
    var swarm: Swarm
    var announcer: Announcer
    let log: Logger
    /// Our port, as trackers and peers are told.
    let listenPort: UInt16
    let onChange: @Sendable (TorrentEngine.Change) -> Void

    // MARK: Connections

    var connections: [PeerKey: PeerConnection] = [:]
    var extensions: [PeerKey: PeerExtensions] = [:]
    /// Connections whose handshake is under way, by the address that was dialled.
    var opening: [ObjectIdentifier: PeerConnection] = [:]
    var needsFlush: Set<PeerKey> = []
    var serves: [PeerKey: [BlockRequest]] = [:]

    // MARK: Pieces

    var buffers: [PieceIndex: PieceBuffer] = [:]
    /// What the last sync found, for the record that follows it.
    var synced: [Fingerprint] = []
    var checkToken: CancelToken?
    var checkBegan: Instant?
    /// Pieces that a check found right: an earlier process may have left them in the page cache, so the next sync
    /// covers their files.
    var foundGood: Bitfield
    var offlineAtStart: String?
    /// Since when the payload has been out of reach in this life, after it was within.
    var offlineSince: Timestamp?
    /// Since when a fault of this machine has stopped it.
    var faultSince: Instant?

    // MARK: Ownership of files

    var custody: Custody
    /// The files as they were found at the start.
    let prints: [PayloadFile: Fingerprint]

    // MARK: Life

    var isPerforming = false
    var wakeTask: Scheduled<Void>?
    var wakeAt: Instant?
    var stopWaiters: [CheckedContinuation<Void, Never>] = []
    var isStopped = false
    /// What trackers are being asked, by their URL.
    var announces: [String: Task<Void, Never>] = [:]
    var nextAnnounceCheck = Instant.origin
    var nextSave = Instant.origin
    var saving: Task<Void, Never>?
    /// What the database counted before this life.
    let base: Counters
    /// What it was told of this life.
    var reported = Counters()
    /// What was moved in earlier lives of the torrent in the same run of the engine.
    let movedBefore: Counters
    var completedAt: Timestamp?
    /// Trackers were told in an earlier life.
    let wasCompleted: Bool
    var isRootSeen: Bool
    var savedPeers: [PeerAddress: SavedPeer] = [:]
    var savedTrackers: [String: TrackerRow] = [:]
    var goalWasTold = false
    /// For how long this life has been there for others; what was before is in the row that it began with.
    var seedTimer = SeedTimer()
    let seedTimeBefore: Duration
    var resumeNote: String?

    struct Counters {
        var downloaded: Int64 = 0
        var uploaded: Int64 = 0
        var wasted: Int64 = 0

        /// `nil` where nothing was moved.
        var ifAny: Counters? { downloaded + uploaded > 0 ? self : nil }
    }

    struct SavedPeer {
        var downloaded: Int64
        var uploaded: Int64
        var hashFailures: Int
    }

    /// What the session is told.
    enum Change: Sendable {
        case completed(TorrentID)
        case seedGoalReached(TorrentID)
        case failed(TorrentID, String)
        /// A peer that had dialled us lied, or only cost us something.
        case misbehaved(PeerAddress.Host, reason: String, isCertain: Bool)
        /// Who may write to its files is to be found out anew.
        case ownershipChanged(TorrentID)
    }

    init(
        _ loaded: TorrentLoader.Loaded, environment: Environment, listenPort: UInt16, settings: SwarmSettings,
        seed: UInt64,
        moved: Counters, onChange: @escaping @Sendable (Change) -> Void
    ) {
        id = loaded.row.id
        infoHash = loaded.row.infoHash
        self.environment = environment
        self.listenPort = listenPort
        self.onChange = onChange
        movedBefore = moved
        metainfo = loaded.metainfo
        row = loaded.row
        base = Counters(
            downloaded: loaded.row.downloadedBytes, uploaded: loaded.row.uploadedBytes, wasted: loaded.row.wastedBytes)
        completedAt = loaded.row.completedAt
        wasCompleted = loaded.row.completedAt != nil
        seedTimeBefore = loaded.row.seedTime
        isRootSeen = loaded.row.isRootSeen
        selection = loaded.selection
        payload = loaded.payload
        offlineAtStart = loaded.offline
        custody = loaded.custody
        prints = loaded.prints
        var log = Logger(label: "pieces.torrent")
        log[metadataKey: "torrent"] = "\(loaded.row.name)"
        self.log = log
        let geometry = loaded.metainfo.geometry
        foundGood = Bitfield(count: geometry.pieceCount)
        var swarm = Swarm(
            geometry: geometry, plan: loaded.plan, recorded: loaded.recorded, opened: loaded.opened,
            partials: loaded.partials,
            wanted: loaded.selection.wantedPieces(geometry: geometry),
            padding: loaded.metainfo.layout.paddedBlocks(geometry: geometry),
            zeros: loaded.metainfo.zeroPieces, completionIsKnown: loaded.row.completedAt != nil, settings: settings,
            seed: seed,
            unixOrigin: environment.clock.unixOrigin)
        for peer in loaded.banned + loaded.peers {
            swarm.restore(AddressBook.Entry(peer, at: environment.clock.timestamp))
            savedPeers[peer.address] = SavedPeer(
                downloaded: peer.downloadedBytes, uploaded: peer.uploadedBytes, hashFailures: peer.hashFailures)
        }
        self.swarm = swarm
        var random = SeededGenerator(seed: seed)
        announcer = Announcer(rows: loaded.trackers, since: environment.clock.unixOrigin, using: &random)
        savedTrackers = Dictionary(loaded.trackers.map { ($0.url, $0) }) { first, _ in first }
        resumeNote = Self.note(on: loaded)
    }

    // MARK: Life

    /// Begins: what is doubtful is checked, peers are dialled, trackers are asked when their time has come.
    func start() {
        let now = environment.clock.now
        if let reason = offlineAtStart {
            swarm.wentOffline(reason, now: now)
        } else {
            considerOwnership(now: now)
        }
        swarm.start(now: now)
        if swarm.fault == nil { announcer.start(now: unixNow) }
        let manual = environment.settings.peers
        if !manual.isEmpty { swarm.learn(manual, from: .manual, now: now) }
        saveState()
        perform()
    }

    /// Ends: peers are closed, everything is made durable, and, unless the torrent only falls asleep, `stopped` goes to
    /// the trackers. Returns when it is at rest.
    func stop(sayingGoodbye: Bool = true) async {
        if !isStopped {
            await withCheckedContinuation { continuation in
                stopWaiters.append(continuation)
                guard stopWaiters.count == 1 else { return }
                checkToken?.cancel()
                swarm.stop(now: environment.clock.now)
                perform()
            }
        }
        if sayingGoodbye { await sayGoodbye() } else { announcer.pause() }
        await savePeersAndTrackers()
        environment.recent.forget(id)
        await withdrawUnmadeFiles()
        await endLeaveToOverwrite()
        environment.disk.release(infoHash)
    }

    /// Feeds an event to the brain, then performs what it answers.
    func feed(_ event: (inout Swarm, Instant) -> Void) {
        swarm.mostServedAhead = environment.shared.value.memory.servedAhead
        event(&swarm, environment.clock.now)
        perform()
    }

    /// Enters from another actor of the same loop, without a hop.
    nonisolated func onLoop<Value: Sendable>(_ body: (isolated TorrentEngine) -> Value) -> Value {
        assumeIsolated(body)
    }

    /// The same, from a thread that isn't the loop's.
    nonisolated func feedLater(_ event: @escaping @Sendable (inout Swarm, Instant) -> Void) {
        environment.loop.execute { self.assumeIsolated { $0.feed(event) } }
    }

    var unixNow: Int64 { environment.clock.timestamp.rawValue }

    func scheduleWake() {
        guard !isStopped, let next = swarm.nextWake else { return }
        if let wakeAt, wakeAt <= next, wakeTask != nil { return }
        wakeTask?.cancel()
        wakeAt = next
        let delay = max(0, (next - environment.clock.now).nanoseconds)
        wakeTask = environment.loop.scheduleTask(in: .nanoseconds(delay)) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.wake() }
        }
    }

    private func wake() {
        wakeTask = nil
        wakeAt = nil
        let now = environment.clock.now
        swarm.wake(now: now)
        if now >= nextAnnounceCheck {
            nextAnnounceCheck = now + .seconds(1)
            announceIfDue()
            checkSeedGoal()
        }
        if now >= nextSave {
            nextSave = now + .seconds(10)
            Task { await savePeersAndTrackers() }
        }
        perform()
    }
}
