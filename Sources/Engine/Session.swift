import Disk
import Glibc
import Limits
import Logging
import NIOCore
import NIOPosix
import Net
import PeerWire
import Recovery
import Store
import Swarm
import SystemPackage
import Torrent

/// The engine of one database: its lock, its sockets and its active torrents, all on one event loop.
///
/// A torrent is active while it downloads, has peers, or is being checked; otherwise it is only a row (law 5 of the
/// design). The session reads what commands write into the database within ``intentInterval`` (law 6).
package actor Session {
    static let intentInterval = Duration.milliseconds(300)
    static let heartbeatInterval = Duration.seconds(2)
    /// How long a complete torrent stays active without peers.
    static let dormantAfter = Duration.seconds(60)
    /// The same while others wait for a slot, because active torrents share connections and memory.
    static let dormantAfterWhileOthersWait = Duration.seconds(10)
    /// The first and the longest pause before the activation of a torrent whose disk failed is retried; the pause
    /// doubles each time.
    static let firstRetry = Duration.seconds(5)
    static let longestRetry = Duration.seconds(300)
    /// The ports to try before any free one, if no port was chosen.
    private static let usualPorts = 6881...6889

    nonisolated let environment: Environment
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        environment.loop.executor.asUnownedSerialExecutor()
    }
    private nonisolated let group: MultiThreadedEventLoopGroup
    /// The torrents that local faults had blocked for too long when the session ended because of them, and the faults.
    package internal(set) var givenUp: [TorrentID: String] = [:]
    /// Held until the database is closed.
    private var lock: DatabaseLock?
    let runID: RunID
    /// The state in which the database was found.
    package nonisolated let opening: Store.Opening
    /// SQLite's message when it found the database damaged while the engine ran. The session ends because of it, and
    /// the next one recovers the database.
    package internal(set) var damage: String?
    nonisolated let log = Logger(label: "pieces.session")

    var listeners: [any Channel] = []
    /// The port reported to peers and trackers; 0 before it is known.
    package private(set) var listenPort: UInt16 = 0
    var engines: [TorrentID: TorrentEngine] = [:]
    var byHash: [InfoHash: TorrentEngine] = [:]
    var waking: [TorrentID: Task<TorrentEngine?, Never>] = [:]
    /// Torrents that can't be activated until the user changes something or, after a disk error, until the retry.
    var troubled: Set<TorrentID> = []
    /// When torrents whose disk failed are retried, and the length of this pause.
    var retries: [TorrentID: (at: Instant, pause: Duration)] = [:]
    /// Torrents that reached their seed goal in this run.
    var retired: Set<TorrentID> = []
    /// Since when local faults have blocked every active torrent with work left.
    var stuckSince: Instant?
    /// Torrents that have been active in this run.
    var begun: Set<TorrentID> = []
    /// Since when each torrent has had nothing to do.
    var idleSince: [TorrentID: Instant] = [:]
    var dormantTorrents = DormantTorrents()
    /// Which torrents have a slot and which wait.
    var slots: SlotQueue
    /// The last turn in the line that was assigned.
    var lastTurn: Int64 = 0
    /// Torrents that were found unverified on activation and wait for a check.
    var unchecked: Set<TorrentID> = []
    /// Torrents to recheck completely when they get a slot.
    var verifying: Set<TorrentID> = []
    /// The last complete torrent that was checked for seeding, and whether all have been.
    var lastBegun: TorrentID?
    var hasBegunSeeding = false
    /// Removals that an earlier engine was asked for and didn't perform.
    var leftOver: [IntentRow]
    var dataVersion: Int?
    var beats = 0
    /// Measures the seed time credited to all seeding torrents.
    var seedTimer = SeedTimer()
    /// The remainder of that time below one second.
    var uncountedSeedTime = Duration.zero
    /// Torrents that seeded at the last heartbeat, if the engine works on named torrents only.
    var seedingBefore: Set<TorrentID> = []
    let began = SuspendingClock.now
    var isStopping = false
    /// Hosts whose connections are rejected.
    var bans: HostBans
    /// Incoming connections that haven't named a torrent yet, by number.
    var unidentified: [UInt64: PeerConnection] = [:]
    var unidentifiedLimits = UnidentifiedLimits<UInt64>(most: Session.unidentifiedLimit())
    var lastUnidentified: UInt64 = 0
    /// Whether accepting is paused.
    var isResting = false
    var background: [Task<Void, Never>] = []
    private var endWaiters: [CheckedContinuation<Void, Never>] = []
    private var hasEnded = false
    var random = SystemRandomNumberGenerator()

    // MARK: Life

    /// Locks and opens the database, and listens. The error is one sentence with the reason. `disk` defaults to the
    /// machine's own.
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
            let last = try db.runs.last()
            try db.events.prune()
            try db.live.clear()
            try db.trackers.hastenFarAnnounces(longest: .seconds(Announcer.longestInterval), now: now)
            let intents = try db.transaction { () throws(StoreError) in
                let intents = try db.intents.take()
                // The rows already hold what was asked of an engine that wasn't running, except for states that it had
                // to change.
                for intent in intents where intent.verb == .changed {
                    if let id = intent.torrent { try db.torrents.settleAtRest(id) }
                }
                return intents
            }
            let leftOver = intents.filter { [.remove, .removeData].contains($0.verb) }
            try db.hostBans.forgetEnded(now: now)
            let (restingHosts, bans) = (try db.trackerHosts.resting(now: now), try db.hostBans.rows(now: now))
            return (
                last, try db.runs.begin(pid: getpid(), version: Program.version, bootID: bootID(), now: now), leftOver,
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
        if let mending = opening.recovery { session.log.warning("\(mending.sentence)") }
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

    /// Activates torrents with something to download, and runs until ``stop()``.
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
            // A stop may come at any time, and closes the database when it finishes.
            guard isStopping else { throw error }
        }
    }

    /// Returns when ``stop()`` has finished.
    package func waitUntilEnd() async {
        guard !hasEnded else { return }
        await withCheckedContinuation { endWaiters.append($0) }
    }

    /// Stops all torrents: verified pieces are made durable and recorded, and trackers receive `stopped`.
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
                try db.live.clear()
                try db.runs.end(run, clean: clean, now: now)
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

    /// Ends the session's threads. Call this last, after ``waitUntilEnd()``, and not from the session's own loop.
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

    /// Returns the states of the active torrents.
    package func snapshots() async -> [TorrentSnapshot] {
        engines.values.map { engine in engine.onLoop { $0.snapshot() } }.sorted { $0.id < $1.id }
    }

    /// Returns the connections of a torrent; none unless it is active.
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

/// Returns the ID of this boot of the machine (random(4)); empty if the kernel doesn't provide it.
private func bootID() -> String {
    KernelText.read("/proc/sys/kernel/random/boot_id").map { String($0.prefix { !$0.isNewline }) } ?? ""
}
