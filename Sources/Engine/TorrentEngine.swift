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
    nonisolated let environment: Environment
    nonisolated var unownedExecutor: UnownedSerialExecutor { environment.loop.executor.asUnownedSerialExecutor() }

    let metainfo: Metainfo
    private(set) var row: TorrentRow
    private(set) var selection: FileSelection
    private(set) var payload: Payload
    var swarm: Swarm
    let announces: TorrentAnnounces
    let log: Logger

    // The parts. Each has private state; they meet here and in the files `TorrentEngine+….swift`.

    var connections: PeerConnections
    /// `nil` if the torrent is private, or the exchange is off.
    var exchange: PeerExchange?
    var webSeeds = WebSeedStreams()
    var writes: PieceWrites
    var check: PieceCheck
    var faultTimes: FaultTimes
    var ownership: FileOwnership
    var history: TorrentHistory
    var repair: RepairBook
    var edits: EditWatch
    private var savedPeers: SavedPeers
    private let knownWebSeeds: (rows: [WebSeedRow], files: [WebSeedFileRow])
    private var schedule = EngineSchedule()
    private var stopState = StopState()
    private let beganAt: Instant
    private var isPerforming = false
    private let onChange: @Sendable (Change) -> Void

    /// A change that is reported to the session.
    enum Change: Sendable {
        case completed(TorrentID)
        case seedGoalReached(TorrentID)
        case failed(TorrentID, String)
        /// An incoming peer sent bad data, or only cost us work.
        case misbehaved(PeerAddress.Host, reason: String, isCertain: Bool)
        /// The ownership of the torrent's files must be determined again.
        case ownershipChanged(TorrentID)
        /// The payload is back, and is the first of its volume that is found on this machine.
        case volumeFound(VolumeID)
    }

    init(
        _ loaded: TorrentLoader.Loaded, environment: Environment, listenPort: UInt16, settings: SwarmSettings,
        seed: UInt64,
        moved: TransferCounters, onChange: @escaping @Sendable (Change) -> Void
    ) {
        id = loaded.row.id
        self.environment = environment
        self.onChange = onChange
        metainfo = loaded.metainfo
        row = loaded.row
        selection = loaded.selection
        payload = loaded.payload
        let geometry = loaded.metainfo.geometry
        connections = PeerConnections(listenPort: listenPort)
        if environment.settings.usesPeerExchange { exchange = PeerExchange(isPrivate: loaded.metainfo.isPrivate) }
        writes = PieceWrites(pieceCount: geometry.pieceCount)
        check = PieceCheck(of: loaded)
        faultTimes = FaultTimes(offlineAtStart: loaded.offline)
        ownership = FileOwnership(loaded.custody, found: loaded.prints, skipped: loaded.skippedInPlace)
        history = TorrentHistory(loaded.row, moved: moved)
        repair = RepairBook(loaded.damage)
        edits = EditWatch(loaded.edited)
        beganAt = environment.clock.now
        savedPeers = SavedPeers(loaded.banned + loaded.peers)
        knownWebSeeds = (loaded.webSeeds, loaded.webSeedFiles)
        var log = Logger(label: "pieces.torrent")
        log[metadataKey: "torrent"] = "\(loaded.row.name)"
        self.log = log
        var swarm = Swarm(
            files: PayloadFiles(
                loaded.metainfo.layout, selection: loaded.selection, geometry: geometry,
                withheld: repair.withheld(count: geometry.pieceCount, and: edits.suspects)),
            plan: loaded.plan, recorded: loaded.recorded, intents: loaded.opened, partials: loaded.partials,
            padding: loaded.metainfo.layout.paddedBlocks(geometry: geometry),
            zeros: loaded.metainfo.zeroPieces, completionIsKnown: loaded.row.completedAt != nil, settings: settings,
            seed: seed,
            unixOrigin: environment.clock.unixOrigin.rawValue)
        swarm.mustRepair(repair.wanted(count: geometry.pieceCount))
        for peer in loaded.banned + loaded.peers {
            swarm.restore(AddressBook.Entry(peer, at: environment.clock.timestamp))
        }
        self.swarm = swarm
        announces = TorrentAnnounces(loaded.row, loaded.trackers, environment: environment, seed: seed, log: log)
    }

    nonisolated var infoHash: InfoHash { metainfo.infoHash }

    // MARK: Life

    /// Starts the torrent: unverified pieces are checked, peers are dialled, and trackers are contacted when due.
    func start() {
        let now = environment.clock.now
        if let reason = faultTimes.offlineAtStart {
            swarm.wentOffline(reason, now: now)
        } else {
            considerOwnership(now: now)
        }
        swarm.start(now: now)
        addWebSeeds(knownWebSeeds.rows, knownWebSeeds.files)
        announces.onLoop {
            [seeker = makeSeeker(), isFaulty = swarm.fault.map { $0.kind != .readOnly } ?? false] announces in
            announces.serve(seeker)
            if !isFaulty { announces.start() }
        }
        dht?.serve(id, makeSeeker())
        if let (service, hash) = localDiscovery {
            service.onLoop { [seeker = makeSeeker()] in $0.serve(hash, seeker) }
        }
        let manual = environment.settings.peers
        if !manual.isEmpty, let peers = FoundPeers(manual, from: .manual, isPrivate: row.isPrivate) {
            swarm.learn(peers.addresses, from: peers.source, now: now)
        }
        saveState()
        if swarm.unverified.isEmpty, faultTimes.offlineAtStart == nil { endAudit() }
        perform()
    }

    /// Stops the torrent: peers are disconnected, data is made durable and, if `sayingGoodbye`, trackers receive
    /// `stopped`. Returns when the torrent is at rest.
    func stop(sayingGoodbye: Bool = true) async {
        if !isStopped {
            await withCheckedContinuation { continuation in
                guard stopState.wait(continuation) else { return }
                check.cancel()
                swarm.stop(now: environment.clock.now)
                perform()
            }
        }
        dht?.forget()
        if let (service, hash) = localDiscovery { service.onLoop { $0.forget(hash) } }
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

    /// Reports a change to the session.
    func notify(_ change: Change) { onChange(change) }

    // MARK: Effects

    /// Performs all effects, including those that result from performing them, and then flushes each connection once.
    func perform() {
        guard !isPerforming else { return }
        isPerforming = true
        repeat {
            while swarm.hasEffects {
                for effect in swarm.takeEffects() { perform(effect) }
            }
            dispatchServes()
            // A write that the socket accepts at once is answered at once, and causes new effects.
            for key in connections.takeUnflushed() { connections[key]?.flush() }
        } while swarm.hasEffects || connections.hasUnflushed
        isPerforming = false
        scheduleWake()
    }

    /// The brain is at rest.
    func rest() {
        schedule.cancel()
        webSeeds.end()
        stopState.stopped()
    }

    /// Whether the torrent has been active for so long.
    func isRunning(for time: Duration) -> Bool { swarm.isRunning && environment.clock.now - beganAt >= time }

    /// Whether the torrent is at rest, and does nothing more.
    var isStopped: Bool { stopState.isStopped }

    // MARK: Time

    private func scheduleWake() {
        guard !isStopped, let next = swarm.nextWake, !schedule.wakes(by: next) else { return }
        let delay = max(0, (next - environment.clock.now).nanoseconds)
        let timer = environment.loop.scheduleTask(in: .nanoseconds(delay)) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.wake() }
        }
        schedule.wakes(at: next, by: timer)
    }

    private func wake() {
        schedule.woke()
        let now = environment.clock.now
        swarm.wake(now: now)
        if schedule.takeAnnounceCheck(now: now) {
            serveMetadata()
            announceIfDue()
            checkSeedGoal()
            lookForUnavailable()
        }
        if schedule.takeSave(now: now) {
            Task {
                await savePeersAndCounters()
                await announces.save()
            }
        }
        perform()
    }

    // MARK: Settings and files

    /// Applies changed settings and a changed selection. Files that are no longer wanted stay in place.
    func apply(_ new: TorrentRow, wanted: [Bool]) {
        row = new
        history.seeding.goalChanged()
        let flags = zip(wanted, metainfo.layout.files).map { $0 && !$1.isPad }
        guard flags != selection.wanted, let selection = FileSelection(layout: metainfo.layout, wanted: flags) else {
            return
        }
        self.selection = selection
        let files = payloadFiles
        feed { swarm, now in swarm.select(files, now: now) }
        saveState()
    }

    /// The disk has come back, maybe with another device number.
    func payloadIs(on device: UInt64) { payload = payload.on(device: device) }

    /// The bytes of these skipped files are in the part file, because what is in their place isn't the torrent's.
    func leaveInPlace(_ files: [Int]) { payload = payload.placing(files, as: .part) }

    // MARK: Saving

    /// Saves what changed about peers, and the counters, since the last call. Calls run one after the other.
    func savePeersAndCounters() async {
        let before = savedPeers.lastSave
        let task = Task {
            await before?.value
            await self.saveWhatWasLearned()
        }
        savedPeers.lastSave = task
        await task.value
    }

    private func saveWhatWasLearned() async {
        saveWebSeeds()
        let updates = savedPeers.takeUpdates(swarm.takePeerChanges())
        let (id, now) = (id, environment.clock.timestamp)
        let spent = swarm.takeUnreportedTransfer()
        var progress = ProgressRecord(torrent: id, verifiedAt: now)
        progress.downloadedDelta = spent.downloaded
        progress.uploadedDelta = spent.uploaded
        progress.wastedDelta = spent.wasted
        let hasTransfer = !spent.isEmpty
        do {
            try await environment.store.perform { [progress] db throws(StoreError) in
                try db.transaction(.immediate, durability: hasTransfer ? .full : .lazy) { () throws(StoreError) in
                    if !updates.isEmpty { try db.peers.save(id, updates, now: now) }
                    if hasTransfer { _ = try db.pieces.record([progress]) }
                }
            }
        } catch {
            swarm.reportFailed(spent)
            log.error("could not save the state of peers: \(error)")
        }
    }
}
