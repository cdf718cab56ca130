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
/// Handlers of that loop enter with `assumeIsolated`, once per read and without a hop. Disk and database answer with a
/// task on the loop.
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
    let announces: TorrentAnnounces
    let log: Logger
    /// Our port, as reported to trackers and peers.
    let listenPort: UInt16
    let onChange: @Sendable (TorrentEngine.Change) -> Void

    // MARK: Connections

    var connections: [PeerKey: PeerConnection] = [:]
    var extensions: [PeerKey: PeerExtensions] = [:]
    /// Connections whose handshake is under way.
    var opening: [ObjectIdentifier: PeerConnection] = [:]
    var needsFlush: Set<PeerKey> = []
    var serves: [PeerKey: [BlockRequest]] = [:]

    // MARK: Pieces

    var buffers: [PieceIndex: PieceBuffer] = [:]
    /// The fingerprints from the last sync, for the record that follows.
    var synced: [Fingerprint] = []
    var checkToken: CancelToken?
    var checkBegan: Instant?
    /// Pieces that a check found good. An earlier process may have left them in the page cache only, so the next sync
    /// covers their files.
    var foundGood: Bitfield
    var offlineAtStart: String?
    /// When the payload went offline in this activation, after it had been reachable.
    var offlineSince: Timestamp?
    /// Since when a local fault has stopped the torrent.
    var faultSince: Instant?

    // MARK: Ownership of files

    var custody: Custody
    /// The files as found at the start.
    let prints: [PayloadFile: Fingerprint]

    // MARK: Life

    var isPerforming = false
    var wakeTask: Scheduled<Void>?
    var wakeAt: Instant?
    var stopWaiters: [CheckedContinuation<Void, Never>] = []
    var isStopped = false
    var nextAnnounceCheck = Instant.origin
    var nextSave = Instant.origin
    var saving: Task<Void, Never>?
    /// The database's counters before this activation.
    let base: Counters
    /// Transfers of the torrent's earlier activations in the same run of the engine.
    let movedBefore: Counters
    var completedAt: Timestamp?
    /// Whether an earlier activation completed the torrent and announced that to the trackers.
    let wasCompleted: Bool
    var isRootSeen: Bool
    var savedPeers: [PeerAddress: SavedPeer] = [:]
    var goalWasTold = false
    /// The seed time of this activation; earlier seed time is in the row that it began with.
    var seedTimer = SeedTimer()
    let seedTimeBefore: Duration
    var resumeNote: String?

    struct Counters {
        var downloaded: Int64 = 0
        var uploaded: Int64 = 0
        var wasted: Int64 = 0

        /// `nil` if nothing was transferred.
        var ifAny: Counters? { downloaded + uploaded > 0 ? self : nil }
    }

    struct SavedPeer {
        var downloaded: Int64
        var uploaded: Int64
        var hashFailures: Int
    }

    /// A change that is reported to the session.
    enum Change: Sendable {
        case completed(TorrentID)
        case seedGoalReached(TorrentID)
        case failed(TorrentID, String)
        /// An incoming peer sent bad data, or only cost us work.
        case misbehaved(PeerAddress.Host, reason: String, isCertain: Bool)
        /// The ownership of the torrent's files must be determined again.
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
            files: PayloadFiles(loaded.metainfo.layout, selection: loaded.selection, geometry: geometry),
            plan: loaded.plan, recorded: loaded.recorded, intents: loaded.opened, partials: loaded.partials,
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
        announces = TorrentAnnounces(loaded.row, loaded.trackers, environment: environment, seed: seed, log: log)
        resumeNote = Self.note(on: loaded)
    }

    // MARK: Life

    /// Starts the torrent: unverified pieces are checked, peers are dialled, and trackers are contacted when due.
    func start() {
        let now = environment.clock.now
        if let reason = offlineAtStart {
            swarm.wentOffline(reason, now: now)
        } else {
            considerOwnership(now: now)
        }
        swarm.start(now: now)
        announces.onLoop { [seeker = makeSeeker(), isFaulty = swarm.fault != nil] announces in
            announces.serve(seeker)
            if !isFaulty { announces.start() }
        }
        let manual = environment.settings.peers
        if !manual.isEmpty, let peers = FoundPeers(manual, from: .manual, isPrivate: row.isPrivate) {
            swarm.learn(peers.addresses, from: peers.source, now: now)
        }
        saveState()
        perform()
    }

    /// Stops the torrent: peers are disconnected, data is made durable and, if `sayingGoodbye`, trackers receive
    /// `stopped`. Returns when the torrent is at rest.
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
        await announces.stop(sayingGoodbye: sayingGoodbye)
        await savePeersAndCounters()
        environment.recent.forget(id)
        await withdrawUnmadeFiles()
        await endLeaveToOverwrite()
        environment.disk.release(infoHash)
    }

    /// Feeds an event to the brain and performs the resulting effects.
    func feed(_ event: (inout Swarm, Instant) -> Void) {
        swarm.mostServedAhead = environment.shared.value.memory.servedAhead
        event(&swarm, environment.clock.now)
        perform()
    }

    /// Enters the actor from another one on the same loop, without a hop.
    nonisolated func onLoop<Value: Sendable>(_ body: (isolated TorrentEngine) -> Value) -> Value {
        assumeIsolated(body)
    }

    /// Feeds an event to the brain from a thread other than the loop's.
    nonisolated func feedLater(_ event: @escaping @Sendable (inout Swarm, Instant) -> Void) {
        environment.loop.execute { self.assumeIsolated { $0.feed(event) } }
    }

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
            Task {
                await savePeersAndCounters()
                await announces.save()
            }
        }
        perform()
    }
}
