import Disk
import Logging
import NIOCore
package import Net
import PeerWire
import Store
import Swarm
package import Torrent

/// Activating and deactivating torrents.
extension Session: PeerConnectionOwner {
    // MARK: Incoming peers

    /// An incoming peer named its torrent, which may be active, dormant or unknown.
    package nonisolated func identified(_ connection: PeerConnection, infoHash: InfoHash) {
        let (engine, isStopping, isCrowded) = assumeIsolated { session in
            (
                session.byHash[infoHash], session.isStopping,
                session.connectionCount >= session.environment.settings.maximumPeers
            )
        }
        if let engine {
            connection.attach(to: engine, sending: engine.ourHandshake)
        } else if let fetch = assumeIsolated({ $0.fetchByHash[infoHash] }) {
            connection.attach(to: fetch, sending: fetch.ourHandshake)
        } else if isStopping {
            connection.close(because: "the engine is stopping")
        } else if isCrowded {
            connection.close(because: "\(DisconnectReason.tooManyPeers)")
        } else {
            Task { await self.introduce(connection, infoHash) }
        }
    }

    private func introduce(_ connection: PeerConnection, _ infoHash: InfoHash) async {
        if let engine = await activate(infoHash) {
            connection.attach(to: engine, sending: engine.ourHandshake)
        } else if let fetch = fetchByHash[infoHash] {
            connection.attach(to: fetch, sending: fetch.ourHandshake)
        } else {
            connection.close(because: "no torrent here has the info hash \(infoHash)")
        }
    }

    private func activate(_ infoHash: InfoHash) async -> TorrentEngine? {
        do {
            let row = try await environment.store.perform { db throws(StoreError) in try db.torrents.row(infoHash) }
            guard let row, isInScope(row.id), !row.settings.isPaused, admits(row) else { return nil }
            return await activate(row.id)
        } catch {
            log.error("\(error)")
            return nil
        }
    }

    /// Whether an incoming peer may activate a torrent at rest.
    func admits(_ row: TorrentRow) -> Bool {
        let isAdmitted = feed { $0.peerAsks(row.id, isComplete: row.isComplete, now: $1) }
        if !isAdmitted { log.debug("turned away a peer of torrent \(row.id): the torrent is waiting for a slot") }
        return isAdmitted
    }

    // MARK: Becoming active

    /// Returns the active torrent, activating it if necessary; `nil` if it can't be activated, in which case its state
    /// says why. If `isAhead`, it takes a slot ahead of all that wait, because the user asked for it.
    @discardableResult
    func activate(_ id: TorrentID, isAhead: Bool = false) async -> TorrentEngine? {
        guard feed({ $0.want(id, isAhead: isAhead, now: $1) }) else { return nil }
        if machine.departure(of: id) != nil { await departures[id]?.value }
        if let task = activations[id] { return await task.value }
        return engines[id]
    }

    /// Loads the torrent, and starts it if the machine still wants it.
    func load(_ id: TorrentID) async -> TorrentEngine? {
        var failure = SessionMachine.Failure.isUnneeded
        away[id] = nil
        loading: do {
            if try await isBeingMoved(id) { break loading }
            if let fetch = try await fetchToStart(id) {
                guard !fetch.row.settings.isPaused, feed({ $0.loaded(id, isUnverified: false, now: $1) }) == .starts
                else { break loading }
                startFetch(fetch)
                return nil
            }
            let wasActive = feed { machine, _ in machine.loads(id) }
            var loader = TorrentLoader(environment: environment, id: id, wasActive: wasActive)
            var loaded = try await loader.load()
            if try await waitsForSpace(loaded) {
                failure = .noSpace
                break loading
            }
            defer { space.promises[id] = nil }
            try await loader.useLeaveToOverwrite(loaded)
            if try await loader.prepareFolder(loaded) {
                // The announced files that exist now were just created by this torrent.
                loader.wasActive = true
                loaded = try await loader.load(loaded.metainfo)
            }
            if let volume = loaded.volume,
                let found = try await loader.remember(volume, isProven: loaded.provesVolume)
            {
                await volumeIsBack(found)
            }
            if try await loader.promoteUnplaced(loaded) { loaded = try await loader.load(loaded.metainfo) }
            try await loader.markEdits(loaded)
            let isUnverified = loaded.offline == nil && !loaded.plan.unverified.isEmpty
            let start: SessionMachine.Start =
                loaded.row.settings.isPaused
                ? .isUnneeded : feed { $0.loaded(id, isUnverified: isUnverified, now: $1) }
            switch start {
            case .starts: return self.start(loaded)
            case .waitsForCheck:
                failure = .waitsForCheck
                try await environment.store.perform { db throws(StoreError) in try db.torrents.setState(id, .queued) }
            case .isUnneeded: break
            }
        } catch {
            if await replacedInvalidDetails(of: id, after: error) { return await load(id) }
            // The stored state reports the error.
            log.info("could not activate torrent \(id): \(error)")
            let text = "\(error)"
            let isAway = (error as? DiskError)?.code.isOffline ?? false
            if isAway { away[id] = text }
            do {
                try await environment.store.perform { db throws(StoreError) in
                    try db.torrents.setState(id, isAway ? .offline : .error, error: text)
                }
            } catch {
                log.error("\(error)")
            }
            failure = error is DiskError ? .disk : .other
        }
        // Whoever waits for this activation doesn't wait for the next one, which may begin at once.
        activations[id] = nil
        feed { $0.failed(id, failure, now: $1) }
        endIfDone()
        return nil
    }

    /// Whether the torrent could not be loaded because of values that are replaced now, so that it can be loaded again.
    private func replacedInvalidDetails(of id: TorrentID, after error: any Error) async -> Bool {
        guard error is StoreError else { return false }
        let now = environment.clock.timestamp
        do {
            return try await environment.store.perform { db throws(StoreError) in
                guard try db.torrents.replaceInvalidDetails(id) else { return false }
                try db.events.append(
                    .damaged, "invalid values in this torrent's row were replaced: its place in the queue is lost",
                    torrent: id,
                    now: now)
                return true
            }
        } catch {
            log.error("could not replace invalid values in the row of torrent \(id): \(error)")
            return false
        }
    }

    private func start(_ loaded: TorrentLoader.Loaded) -> TorrentEngine {
        let id = loaded.row.id
        let engine = TorrentEngine(
            loaded, environment: environment, listenPort: listenPort,
            settings: SwarmSettings(loaded.row, over: environment.settings.swarm), seed: random.next(),
            moved: environment.announces.onLoop { $0.moved(id) }
        ) { [weak self] change in
            self?.assumeIsolated { $0.heard(change) }
        }
        engines[id] = engine
        byHash[loaded.row.infoHash] = engine
        // The torrent needs its share of the limits first; otherwise it has none until the next heartbeat.
        shareOut()
        let links = takeLinks(id)
        engine.onLoop { engine in
            // They must not be dialled a second time.
            engine.swarm.reserve(links.compactMap(\.dialled))
            engine.start()
            engine.adopt(links)
        }
        activations[id] = nil
        let report = engine.onLoop { $0.report }
        let mustVerify = feed { $0.started(id, report, now: $1) }
        if mustVerify { engine.onLoop { $0.verifyAll() } }
        endIfDone()
        return engine
    }

    // MARK: Becoming dormant

    /// Deactivates the torrent. Only its row remains, until it is needed again.
    func deactivate(_ id: TorrentID, _ departure: Departure) async {
        feed { machine, _ in machine.deactivate(id, departure) }
        await departures[id]?.value
    }

    /// Stops the torrent, and saves its state.
    func depart(_ id: TorrentID) async {
        defer { departures[id] = nil }
        guard let engine = engines[id] else { return await departFetch(id) }
        let saysGoodbye = machine.departure(of: id)?.saysGoodbye ?? true
        await engine.stop(sayingGoodbye: saysGoodbye)
        // The torrent may have been paused or removed meanwhile.
        if !saysGoodbye, machine.departure(of: id)?.saysGoodbye == true { await engine.stop(sayingGoodbye: true) }
        if isStopping, engine.onLoop({ $0.hasFault }) { stoppedWithFault = true }
        engines[id] = nil
        byHash[engine.infoHash] = nil
        let moved = engine.onLoop { $0.movedInThisRun }
        environment.announces.onLoop { $0.remember(moved, of: id) }
        let isSeeding = machine.isSeededAtRest(id)
        let resting = engine.onLoop { $0.restingState(isSeeding: isSeeding) }
        let (report, isWhole) = engine.onLoop { ($0.report, $0.swarm.isCompleteAndRecorded) }
        let turn = feed { $0.deactivated(id, report, isWhole: isWhole, now: $1) }
        let seedTime = engine.onLoop { $0.seedTime }
        do {
            try await environment.store.perform { db throws(StoreError) in
                guard let row = try db.torrents.row(id) else { return }
                let (state, fault) = row.settings.isPaused ? (.paused, nil) : resting
                try db.live.clear(id)
                try db.seedTimes.raise(id, to: seedTime)
                try db.torrents.setState(id, state, error: fault?.text, code: fault?.code)
                if let turn { try db.queue.setTurn(id, turn > 0 ? turn : nil) }
            }
        } catch {
            log.error("\(error)")
        }
    }

    /// Activates complete torrents that are stored as offline or failed, to update their states. A dormant torrent
    /// keeps its state from the last run, but an engine that ends by itself reports the state of each.
    func lookAtComplete() async throws {
        guard environment.settings.endsWhenComplete, case .all = environment.settings.scope else { return }
        let rows = try await environment.store.perform { db throws(StoreError) in
            try (db.torrents.rows(in: .offline) + db.torrents.rows(in: .error)).filter {
                $0.isComplete && $0.damage == nil && !$0.settings.isPaused
            }
        }
        for row in rows where !isStopping && engines[row.id] == nil {
            // One check of a folder is enough for all of its torrents.
            let away = machine.folders.away(now: environment.clock.now)
            guard row.state == .error || away[FileName(row.output)] == nil else { continue }
            if row.state == .offline, await isAway(row) { continue }
            guard let engine = await activate(row.id), !engine.onLoop({ $0.hasUnfinishedWork }) else { continue }
            await deactivate(row.id, .idle)
        }
    }

    // MARK: What torrents say

    func heard(_ change: TorrentEngine.Change) {
        switch change {
        case .completed(let id):
            hastenOwnership()
            observe(id)
            endIfDone()
        case .ownershipChanged, .volumeFound, .seedGoalReached:
            Task { await self.follow(change) }
        case .misbehaved(let host, let reason, let isCertain):
            shun(host, reason: reason, isCertain: isCertain)
        case .failed(let id, let text):
            log.info("torrent \(id): \(text)")
            endIfDone()
        }
    }

    /// Does what a change leads to, if that takes time.
    private func follow(_ change: TorrentEngine.Change) async {
        switch change {
        case .ownershipChanged(let id): await reloadOwned(id)
        case .volumeFound(let volume): await volumeIsBack(volume)
        case .seedGoalReached(let id): await retire(id)
        case .completed, .misbehaved, .failed: break
        }
    }

    /// Reloads the torrent, because the ownership of its files has changed.
    private func reloadOwned(_ id: TorrentID) async {
        guard !isStopping, engines[id] != nil else { return }
        await deactivate(id, .reloads)
        // The torrent keeps its place among the active ones.
        await activate(id, isAhead: true)
        endIfDone()
    }

    /// The torrent has seeded enough.
    private func retire(_ id: TorrentID) async {
        feed { machine, _ in machine.retired(id) }
        await departures[id]?.value
        endIfDone()
    }

    /// Makes waiting torrents check ownership again, because a torrent was completed or removed.
    func hastenOwnership() {
        for engine in engines.values {
            engine.onLoop { engine in engine.feed { $0.hastenProbe(of: .ownership, now: $1) } }
        }
    }

}

extension SwarmSettings {
    /// Applies a torrent's own limits over the common ones.
    init(_ row: TorrentRow, over all: SwarmSettings) {
        self = all
        let settings = row.settings
        isPrivate = row.isPrivate
        picking = settings.isSequential ? .sequential : .rarestFirst
        if let superSeeds = settings.superSeeds { self.superSeeds = superSeeds }
        if let peers = settings.limits.peers { maximumPeers = peers }
        if let limit = settings.limits.download { downloadLimit = Int(limit) }
        if let limit = settings.limits.upload { uploadLimit = Int(limit) }
    }
}
