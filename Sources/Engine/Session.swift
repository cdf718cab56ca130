package import DHT
package import Disk
import Glibc
import Logging
import NIOCore
import NIOPosix
import Net
import PeerWire
package import Recovery
package import Store
package import Swarm
import System
import SystemPackage
import Torrent

/// The engine of one database: its lock, its sockets and its active torrents, all on one event loop.
///
/// A torrent is active while it downloads, has peers, or is being checked; otherwise it is only a row (law 5 of the
/// design). ``SessionMachine`` decides which torrents are active; the session performs and reports. It also reads what
/// commands write into the database within ``intentInterval`` (law 6).
package actor Session {
    static let intentInterval = Duration.milliseconds(300)
    package static let heartbeatInterval = Duration.seconds(2)
    /// The ports to try before any free one, if no port was chosen.
    private static let usualPorts = 6881...6889

    package nonisolated let environment: Environment
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        environment.loop.executor.asUnownedSerialExecutor()
    }
    private nonisolated let group: MultiThreadedEventLoopGroup
    private nonisolated let hub: DatagramHub
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
    /// The active torrents of which only the magnet link is known.
    var fetches: [TorrentID: MetadataEngine] = [:]
    var fetchByHash: [InfoHash: MetadataEngine] = [:]
    /// Fetches that have ended, and whose connections wait for their torrents.
    var arrived: [TorrentID: MetadataEngine] = [:]
    /// Activations and deactivations under way.
    var activations: [TorrentID: Task<TorrentEngine?, Never>] = [:]
    var departures: [TorrentID: Task<Void, Never>] = [:]
    /// Announces of dormant torrents under way.
    package var announces: [TorrentID: Task<Void, Never>] = [:]
    /// Decides which torrents are active, retried and announced, and when the session ends.
    package var machine: SessionMachine
    /// Removals that an earlier engine was asked for and didn't perform.
    var leftOver: [IntentRow]
    /// Torrents whose removal is under way.
    var removing: Set<TorrentID> = []
    /// A number that changes when another connection has written to the database; `nil` until the first look.
    package internal(set) var dataVersion: Int?
    /// The number of the newest event, as the last heartbeat found it; `nil` before that.
    package internal(set) var newestEvent: Int64?
    package var beats = 0
    /// The heartbeats after which the database answered, if only with an error. A watchdog compares two looks at it.
    package internal(set) var heartbeatsDone = 0
    var seedCredit = SeedCredit()
    /// `nil` if this engine doesn't scrub.
    var scrub: ScrubWork?
    /// Which of the limits for all torrents hold.
    private(set) var limitSchedule = LimitSchedule()
    /// Whether a torrent had a fault when the session stopped it.
    var stoppedWithFault = false
    /// Hosts whose connections are rejected.
    var bans: HostBans
    /// Incoming connections that haven't named a torrent yet, by number.
    var unidentified: [UInt64: PeerConnection] = [:]
    var unidentifiedLimits = UnidentifiedLimits<UInt64>(most: Session.unidentifiedLimit())
    var lastUnidentified: UInt64 = 0
    /// Whether accepting is paused.
    var isResting = false
    var space = SpacePlan()
    /// Torrents that couldn't be activated because their volume is away, and the sentence that says so.
    var away: [TorrentID: String] = [:]
    var volumes = VolumeWatch()
    var background: [Task<Void, Never>] = []
    private var endWaiters: [CheckedContinuation<Void, Never>] = []
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
        let (usesDHT, scope) = (settings.dht != nil, settings.scope)
        let (store, opening, (last, run, leftOver, restingHosts, bans, storedDHT, foreign)) =
            try await Store.openRecovering(
                settings.database, options: settings.databaseOptions, now: now
            ) {
                db throws(StoreError) in
                let last = try db.runs.last()
                try db.events.prune()
                try db.live.clear()
                try db.trackers.hastenFarAnnounces(longest: Announcer.longestInterval, now: now)
                let intents = try db.transaction { () throws(StoreError) in
                    let intents = try db.intents.take()
                    // The rows already hold what was asked of an engine that wasn't running, except for states that it
                    // had to change.
                    for intent in intents where intent.verb == .changed {
                        if let id = intent.torrent { try db.torrents.settleAtRest(id) }
                    }
                    return intents
                }
                let leftOver = intents.filter { [.remove, .removeData].contains($0.verb) }
                try db.hostBans.forgetEnded(now: now)
                let (restingHosts, bans) = (try db.trackerHosts.resting(now: now), try db.hostBans.rows(now: now))
                let run = try db.runs.begin(pid: getpid(), version: Program.version, bootID: bootID(), now: now)
                try db.moves.releaseAll(by: run)
                let dht = usesDHT ? try StoredDHT(db, scope, now: now) : nil
                let foreign = try db.volumes.settle(on: MachineID.current, now: now)
                return (last, run, leftOver, restingHosts, bans, dht, foreign)
            }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        var random = SystemRandomNumberGenerator()
        let disk = try disk ?? Disk()
        let peerID = PeerID(using: &random)
        let hub = DatagramHub(loop: loop, bind: settings.bind)
        let options = HTTPOptions(
            version: Program.version, bindAddress: settings.bind, extraTrustRoots: settings.extraTrustRoots)
        let trackers = TrackerClient(group: group, options: options, hub: hub)
        let dht = settings.dht.map { options in
            DHTService(
                options, bind: settings.bind, hub: hub, stored: storedDHT,
                key: (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &random) }, store: store, clock: clock,
                names: BootstrapNames())
        }
        let environment = Environment(
            currentSettings: CurrentSettings(settings), store: store, disk: disk,
            shared: .makeBoxSendingValue(SharedBudgets(), eventLoop: loop),
            verifications: VerificationQueue(disk: disk, loop: loop),
            backgroundWrites: BackgroundWrites(loop: loop),
            announces: AnnounceService(
                trackers, as: AnnounceService.Identity(peerID: peerID, key: random.next()), resting: restingHosts,
                store: store, loop: loop, clock: clock, goodbyeTime: settings.goodbyeTime),
            dht: dht,
            localDiscovery: settings.usesLocalDiscovery
                ? LocalDiscoveryService(loop: loop, bind: settings.bind, clock: clock) : nil,
            commitQueue: CommitQueue(store: store, loop: loop),
            sockets: PeerSockets(loop: loop, bind: settings.bind),
            webSeeds: RangeClients(loop: loop, options: options, reach: settings.reach), loop: loop, clock: clock,
            run: run,
            peerID: peerID,
            aliveUntilNs: last.map { ($0.stoppedAt ?? $0.heartbeatAt).rawValue * 1_000_000_000 })
        let session = Session(
            environment, group: group, hub: hub, lock: lock, run: run, opening: opening, leftOver: leftOver, bans: bans)
        if let recovery = opening.recovery { session.log.warning("\(recovery.sentence)") }
        if let foreign { session.log.warning("\(foreign)") }
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
        _ environment: Environment, group: MultiThreadedEventLoopGroup, hub: DatagramHub, lock: DatabaseLock,
        run: RunID,
        opening: Store.Opening,
        leftOver: [IntentRow], bans: [HostBanRow]
    ) {
        self.environment = environment
        self.group = group
        self.hub = hub
        self.lock = lock
        self.runID = run
        self.opening = opening
        self.leftOver = leftOver
        self.bans = HostBans(bans.compactMap { HostBans.Ban($0) })
        machine = SessionMachine(SessionMachine.Settings(environment.settings), uptime: .now)
    }

    /// Activates torrents with something to download, and runs until ``stop()``.
    package func start() async throws {
        guard !isStopping else { return }
        background = [
            repeating(Self.intentInterval) { await $0.pollIntents() },
            repeating(Self.heartbeatInterval) { await $0.heartbeat() },
            repeating(.seconds(1)) { await $0.tick() },
            repeating(.seconds(1)) { await $0.serveLocalNetwork() },
            repeating(SpacePlan.lookAgainAfter) { await $0.lookForSpace() },
            repeating(VolumeWatch.interval) { await $0.watchVolumes() },
        ]
        do {
            try await lookAfterDatabase()
            await removeLeftOvers()
            try await lookAtComplete()
            try await startDownloads()
            await startScrub()
        } catch {
            // A stop may come at any time, and closes the database when it finishes.
            guard isStopping else { throw error }
        }
    }

    /// Returns when ``stop()`` has finished.
    package func waitUntilEnd() async {
        guard machine.state != .ended else { return }
        await withCheckedContinuation { endWaiters.append($0) }
    }

    /// Stops all torrents: verified pieces are made durable and recorded, and trackers receive `stopped`.
    package func stop() async {
        guard feed({ machine, _ in machine.stop() }) else { return await waitUntilEnd() }
        for task in background { task.cancel() }
        for listener in listeners {
            do { try await listener.close() } catch { log.debug("could not close the listening socket: \(error)") }
        }
        await stopAnnouncingDormant()
        await stopScrub()
        for task in activations.values { _ = await task.value }
        for task in departures.values { await task.value }
        await environment.announces.save()
        await environment.backgroundWrites.drain()
        await environment.dht?.stop()
        await environment.localDiscovery?.stop()
        await close(clean: !stoppedWithFault && damage == nil)
        feed { machine, _ in machine.ended() }
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
        await environment.announces.shutdown()
        environment.webSeeds.shutdown()
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
            ? Array(Self.usualPorts) + Self.freePorts
            : settings.listenPort == 0 ? Self.freePorts : [settings.listenPort]
        for (n, port) in ports.enumerated() {
            do {
                listeners = try await environment.sockets.listen(port: port, owner: self)
                listenPort = UInt16(listeners.first?.localAddress?.port ?? 0)
                environment.announces.onLoop { [listenPort] in $0.listens(on: listenPort) }
            } catch let error as IOError where error.errnoCode == EADDRINUSE && port != ports.last {
                continue
            } catch {
                let why = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
                let limit = (error as? IOError).flatMap { ProcessLimit(errno: $0.errnoCode) }
                let advice = limit?.advice ?? "give another port with --listen-port, or 0 for any free one"
                throw EngineError("cannot listen on port \(port): \(why): \(advice)")
            }
            if openDatagrams(isLast: n == ports.count - 1) {
                let (port, seed) = (listenPort, random.next() as UInt64)
                let servesDormant = if case .all = settings.scope { true } else { false }
                return environment.localDiscovery?.onLoop {
                    $0.start(port: port, seed: seed, servesDormant: servesDormant)
                } ?? ()
            }
            for listener in listeners {
                do { try await listener.close() } catch { log.debug("could not close a listening socket: \(error)") }
            }
        }
    }

    /// Port 0, as often as a free TCP port may be tried whose UDP port is taken.
    private static let freePorts = Array(repeating: 0, count: 8)

    /// Opens the UDP sockets at the listening port. Returns `false` if another port must be tried.
    private func openDatagrams(isLast: Bool) -> Bool {
        let port = listenPort
        guard let dht = environment.dht else {
            hub.onLoop { $0.prefer(port: port) }
            return true
        }
        let failures = hub.onLoop { $0.open(port: port) }
        if !isLast, failures.contains(where: \.isPortTaken) {
            hub.onLoop { $0.abandon() }
            return false
        }
        dht.onLoop { service in
            service.serveDormant { [weak self] most in await self?.dueInDHT(most) ?? [] }
            service.start(port: port, failures: failures)
        }
        return true
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
        let snapshots =
            engines.values.map { engine in engine.onLoop { $0.snapshot() } }
            + fetches.values.map { fetch in fetch.onLoop { $0.snapshot() } }
        return snapshots.sorted { $0.id < $1.id }
    }

    /// What the DHT does; `nil` if it is off.
    package var dhtReport: DHTReport? { environment.dht?.onLoop { $0.report } }

    /// Returns the connections of a torrent; none unless it is active.
    package func peers(of id: TorrentID) -> [PeerReport] {
        engines[id].map { engine in engine.onLoop { $0.swarm.peerReports(now: $0.environment.clock.now) } } ?? []
    }

    /// Looks at the clock; the alternative limits may begin or end.
    func lookAtSchedule() {
        let limits = environment.settings.alternativeLimits
        if limits != nil { CalendarTime.refreshTimeZone() }
        let now = environment.clock.timestamp
        guard limitSchedule.look(limits, now, limits == nil ? nil : CalendarTime(local: now.rawValue)) else { return }
        log.notice("\(limitSchedule.alternativeUntil == nil ? "the usual" : "the alternative") limits hold now")
        shareOut()
    }

    /// The limits that hold for all torrents together.
    var limitsInForce: LimitReport {
        let settings = limitSchedule.applied(to: environment.settings)
        return LimitReport(
            download: settings.downloadLimit, upload: settings.uploadLimit,
            alternativeUntil: limitSchedule.alternativeUntil)
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
