import Disk
import Glibc
import Limits
import Logging
import NIOCore
import NIOPosix
import Net
import PeerWire
import Store
import Swarm
import SystemPackage
import Torrent

/// The engine of one database: its lock, its sockets, and its active torrents, all on one event loop.
///
/// A torrent is active while it downloads, has peers, or is looked at; else it is a row (law 5 of the design). What
/// commands write into the database is seen within ``intentInterval`` (law 6).
package actor Session {
    static let intentInterval = Duration.milliseconds(300)
    static let heartbeatInterval = Duration.seconds(2)
    /// A complete torrent without peers goes to sleep after so long.
    static let dormantAfter = Duration.seconds(60)
    /// The same while others wait for a slot: what is active shares connections and memory.
    static let dormantAfterWhileOthersWait = Duration.seconds(10)
    /// How long a torrent that can't be woken for its disk's fault is left alone: doubled each time, up to the longest.
    static let firstRetry = Duration.seconds(5)
    static let longestRetry = Duration.seconds(300)
    /// Ports that are tried when the usual one is taken, before any free one is.
    private static let usualPorts = 6881...6889

    nonisolated let environment: Environment
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        environment.loop.executor.asUnownedSerialExecutor()
    }
    private nonisolated let group: MultiThreadedEventLoopGroup
    /// Torrents that a fault of this machine had stopped for too long when the session ended for it, and the fault.
    package internal(set) var givenUp: [TorrentID: String] = [:]
    /// Held until the database is closed.
    private var lock: DatabaseLock?
    let runID: RunID
    /// How the database was found.
    package nonisolated let opening: Store.Opening
    /// What SQLite said when it found the database damaged while the engine ran: the session ended for it, and the next
    /// one mends the database.
    package internal(set) var damage: String?
    nonisolated let log = Logger(label: "pieces.session")

    var listeners: [any Channel] = []
    /// The port that peers and trackers are told; 0 before it is known.
    package private(set) var listenPort: UInt16 = 0
    var engines: [TorrentID: TorrentEngine] = [:]
    var byHash: [InfoHash: TorrentEngine] = [:]
    var waking: [TorrentID: Task<TorrentEngine?, Never>] = [:]
    /// Torrents that can't be woken, until the user changes something or, where it is the disk's fault, it is time to
    /// try again.
    var troubled: Set<TorrentID> = []
    /// When those are tried again whose disk is at fault, and after how long they were this time.
    var retries: [TorrentID: (at: Instant, pause: Duration)] = [:]
    /// Torrents that have seeded enough in this life.
    var retired: Set<TorrentID> = []
    /// Since when every active torrent with something left to do has been stopped by a fault of this machine.
    var stuckSince: Instant?
    /// Torrents that have been active in this run.
    var begun: Set<TorrentID> = []
    /// Since when a torrent has had nothing to do.
    var idleSince: [TorrentID: Instant] = [:]
    var dormantTorrents = DormantTorrents()
    /// Who is active, and who waits.
    var slots: SlotQueue
    /// The last turn in the line that was given.
    var lastTurn: Int64 = 0
    /// Torrents that turned out to be unverified when they were activated, and wait to be checked.
    var unchecked: Set<TorrentID> = []
    /// Torrents that are hashed whole when they get a slot for it.
    var verifying: Set<TorrentID> = []
    /// The last of the complete torrents that were seen to be seeded, and whether it was the last of all.
    var lastBegun: TorrentID?
    var hasBegunSeeding = false
    /// Torrents that an earlier engine was to remove.
    var leftOver: [IntentRow]
    var dataVersion: Int?
    var beats = 0
    /// The time that all torrents which seed are credited with.
    var seedTimer = SeedTimer()
    /// What is left of it below a second.
    var uncountedSeedTime = Duration.zero
    /// Torrents that seeded at the last beat, where not all are worked on.
    var seedingBefore: Set<TorrentID> = []
    let began = SuspendingClock.now
    var isStopping = false
    /// Hosts that aren't taken.
    var bans: HostBans
    /// Connections that came and haven't said for which torrent, by their numbers.
    var unidentified: [UInt64: PeerConnection] = [:]
    var unidentifiedLimits = UnidentifiedLimits<UInt64>(most: Session.unidentifiedLimit())
    var lastUnidentified: UInt64 = 0
    /// Whether nobody is accepted for a moment.
    var isResting = false
    var background: [Task<Void, Never>] = []
    private var endWaiters: [CheckedContinuation<Void, Never>] = []
    private var hasEnded = false
    var random = SystemRandomNumberGenerator()

    // MARK: Life

    /// Locks and opens the database, and listens. Throws one sentence that says why not. `disk` is the machine's own
    /// where none is given.
    package static func open(_ settings: EngineSettings, disk: Disk? = nil) async throws -> Session {
        var settings = settings
        settings.maximumPeers = peerLimit(settings.maximumPeers)
        let clock = EngineClock()
        let lock = try DatabaseLock.acquire(database: settings.database, now: clock.timestamp)
        let now = clock.timestamp
        let (store, opening, (last, run, leftOver, restingHosts, bans)) = try await Store.openRecovering(
            settings.database, options: settings.databaseOptions, now: now
        ) {
            db throws(StoreError) in
            let last = try db.lastRun()
            try db.pruneEvents()
            try db.clearLive()
            try db.hastenFarAnnounces(longest: .seconds(Announcer.longestInterval), now: now)
            let intents = try db.transaction { () throws(StoreError) in
                let intents = try db.takeIntents()
                // What was wanted of an engine that didn't run stands in the rows, but for states that it was to
                // change.
                for intent in intents where intent.verb == .changed {
                    if let id = intent.torrent { try db.settleAtRest(id) }
                }
                return intents
            }
            let leftOver = intents.filter { [.remove, .removeData].contains($0.verb) }
            try db.forgetEndedHostBans(now: now)
            let (restingHosts, bans) = (try db.restingTrackerHosts(now: now), try db.hostBans(now: now))
            return (
                last, try db.beginRun(pid: getpid(), version: Program.version, bootID: bootID(), now: now), leftOver,
                restingHosts, bans
            )
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        var random = SystemRandomNumberGenerator()
        let disk = try disk ?? Disk()
        let environment = Environment(
            settings: settings, store: store, disk: disk,
            shared: .makeBoxSendingValue(SharedBudgets(), eventLoop: loop),
            verifications: VerificationQueue(disk: disk, loop: loop),
            backgroundWrites: BackgroundWrites(loop: loop), hosts: KnownHosts(restingHosts, store: store, loop: loop),
            commitQueue: CommitQueue(store: store, loop: loop),
            sockets: PeerSockets(loop: loop, bind: settings.bind),
            trackers: TrackerClient(
                group: group,
                options: HTTPOptions(
                    version: Program.version, bindAddress: settings.bind, extraTrustRoots: settings.extraTrustRoots)),
            loop: loop, clock: clock, run: run, peerID: PeerID(using: &random), key: random.next(),
            aliveUntilNs: last.map { ($0.stoppedAt ?? $0.heartbeatAt).rawValue * 1_000_000_000 })
        let session = Session(
            environment, group: group, lock: lock, run: run, opening: opening, leftOver: leftOver, bans: bans)
        if let mending = opening.mending { session.log.warning("\(mending.sentence)") }
        if let warning = FileSystemKind(holding: settings.database).warning(settings.database) {
            session.log.warning("\(warning)")
        }
        do {
            try await session.listen()
        } catch {
            await session.close(clean: true)
            await session.release()
            throw error
        }
        return session
    }

    private init(
        _ environment: Environment, group: MultiThreadedEventLoopGroup, lock: DatabaseLock, run: RunID,
        opening: Store.Opening,
        leftOver: [IntentRow], bans: [HostBanRow]
    ) {
        self.environment = environment
        self.group = group
        self.lock = lock
        self.runID = run
        self.opening = opening
        self.leftOver = leftOver
        self.bans = HostBans(bans.compactMap { HostBans.Ban($0) })
        slots = SlotQueue(limits: environment.settings.slots, rules: environment.settings.slotRules)
    }

    /// Wakes what has something to download, and goes on until ``stop()``.
    package func start() async throws {
        guard !isStopping else { return }
        background = [
            repeating(Self.intentInterval) { await $0.pollIntents() },
            repeating(Self.heartbeatInterval) { await $0.heartbeat() },
            repeating(.seconds(1)) { await $0.lookAfterSleepers() },
            repeating(.seconds(1)) { await $0.giveUpIfStuck() },
        ]
        do {
            try await lookAfterDatabase()
            try await lookAtComplete()
            try await startDownloads()
            await removeLeftOvers()
        } catch {
            // A stop may come at any time, and closes the database when it is through.
            guard isStopping else { throw error }
        }
    }

    /// Returns when ``stop()`` has brought everything to rest.
    package func waitUntilEnd() async {
        guard !hasEnded else { return }
        await withCheckedContinuation { endWaiters.append($0) }
    }

    /// Brings everything to rest: what is verified is made durable and recorded, trackers hear goodbye.
    package func stop() async {
        guard !isStopping else { return await waitUntilEnd() }
        isStopping = true
        for task in background { task.cancel() }
        for listener in listeners {
            do { try await listener.close() } catch { log.debug("could not close the listening socket: \(error)") }
        }
        await stopAnnouncingForSleepers()
        for task in waking.values { _ = await task.value }
        await saveSleepers()
        await withDiscardingTaskGroup { group in
            for engine in engines.values { group.addTask { await engine.stop() } }
        }
        var isClean = true
        for engine in engines.values where engine.onLoop({ $0.hasFault }) { isClean = false }
        for (id, engine) in engines { await settle(id, engine) }
        await environment.backgroundWrites.drain()
        await close(clean: isClean && damage == nil)
        hasEnded = true
        for waiter in endWaiters { waiter.resume() }
        endWaiters = []
    }

    private func close(clean: Bool) async {
        let (run, now) = (runID, environment.clock.timestamp)
        do {
            try await environment.store.perform { db throws(StoreError) in
                try db.clearLive()
                try db.endRun(run, clean: clean, now: now)
            }
        } catch {
            log.error("could not record a clean shutdown; the next start will re-check: \(error)")
        }
        do { try await environment.store.close() } catch {
            log.error("could not copy the log into the database, which is harmless: \(error)")
        }
        await environment.trackers.shutdown()
        lock = nil
    }

    /// Ends the session's threads: the last thing that is done with it, after ``waitUntilEnd()``, and not from its own
    /// loop.
    package nonisolated func release() async {
        do { try await group.shutdownGracefully() } catch { log.debug("\(error)") }
    }

    private func listen() async throws {
        let settings = environment.settings
        let ports =
            settings.listenPort == Self.usualPorts.lowerBound && !settings.listenPortIsFixed
            ? Array(Self.usualPorts) + [0] : [settings.listenPort]
        for port in ports {
            do {
                listeners = try await environment.sockets.listen(port: port, owner: self)
                listenPort = UInt16(listeners.first?.localAddress?.port ?? 0)
                return
            } catch let error as IOError where error.errnoCode == EADDRINUSE && port != ports.last {
                continue
            } catch {
                let why = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
                let limit = (error as? IOError).flatMap { ProcessLimit(errno: $0.errnoCode) }
                let advice = limit?.advice ?? "give another port with --listen-port, or 0 for any free one"
                throw EngineError("cannot listen on port \(port): \(why): \(advice)")
            }
        }
    }

    func repeating(_ interval: Duration, _ body: @escaping @Sendable (Session) async -> Void) -> Task<Void, Never> {
        Task { [weak self] in
            while !Task.isCancelled {
                do { try await Task.sleep(for: interval) } catch { return }
                guard let self else { return }
                await body(self)
            }
        }
    }

    // MARK: Questions

    /// How the active torrents do.
    package func snapshots() async -> [TorrentSnapshot] {
        engines.values.map { engine in engine.onLoop { $0.snapshot() } }.sorted { $0.id < $1.id }
    }

    /// The connections of a torrent, if it is active.
    package func peers(of id: TorrentID) -> [PeerReport] {
        engines[id].map { engine in engine.onLoop { $0.swarm.peerReports(now: $0.environment.clock.now) } } ?? []
    }

    func isInScope(_ id: TorrentID) -> Bool {
        switch environment.settings.scope {
        case .all: true
        case .only(let ids): ids.contains(id)
        }
    }
}

/// Tells this start of the machine from others (random(4)); empty where the kernel doesn't say.
private func bootID() -> String {
    KernelText.read("/proc/sys/kernel/random/boot_id").map { String($0.prefix { !$0.isNewline }) } ?? ""
}
