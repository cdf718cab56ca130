import Disk
import Logging
import NIOCore
import Net
import PeerWire
import Store
import Swarm
import Torrent

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
        } else if isStopping {
            connection.close(because: "the engine is stopping")
        } else if isCrowded {
            connection.close(because: "\(DisconnectReason.tooManyPeers)")
        } else {
            Task { await self.introduce(connection, infoHash) }
        }
    }

    private func introduce(_ connection: PeerConnection, _ infoHash: InfoHash) async {
        if let engine = await wake(infoHash) {
            connection.attach(to: engine, sending: engine.ourHandshake)
        } else {
            connection.close(because: "no torrent here has the info hash \(infoHash)")
        }
    }

    private func wake(_ infoHash: InfoHash) async -> TorrentEngine? {
        do {
            let row = try await environment.store.perform { db throws(StoreError) in try db.torrents.row(infoHash) }
            guard let row, isInScope(row.id), !row.settings.isPaused, admits(row) else { return nil }
            return await wake(row.id)
        } catch {
            log.error("\(error)")
            return nil
        }
    }

    // MARK: Waking

    /// Returns the active torrent, activating it if necessary; `nil` if it can't be activated, in which case its state
    /// says why.
    @discardableResult
    func wake(_ id: TorrentID) async -> TorrentEngine? {
        if let engine = engines[id] { return engine }
        if let task = waking[id] { return await task.value }
        guard !isStopping else { return nil }
        let task = Task { await self.load(id) }
        waking[id] = task
        let engine = await task.value
        waking[id] = nil
        if engine == nil { didNotStart(id) }
        return engine
    }

    private func load(_ id: TorrentID) async -> TorrentEngine? {
        do {
            var loader = TorrentLoader(environment: environment, id: id, wasActive: !begun.insert(id).inserted)
            var loaded = try await loader.load()
            try await loader.useLeaveToOverwrite(loaded)
            if try await loader.prepareFolder(loaded) {
                // The announced files that exist now were just created by this torrent.
                loader.wasActive = true
                loaded = try await loader.load(loaded.metainfo)
            }
            if let volume = loaded.volume { try await loader.remember(volume) }
            if try await loader.promoteUnplaced(loaded) { loaded = try await loader.load(loaded.metainfo) }
            guard !isStopping, !loaded.row.settings.isPaused else { return nil }
            guard
                loaded.offline != nil || loaded.plan.doubtful.isEmpty || slots.mayCheck(id, now: environment.clock.now)
            else {
                unchecked.insert(id)
                try await environment.store.perform { db throws(StoreError) in try db.torrents.setState(id, .queued) }
                return nil
            }
            let engine = TorrentEngine(
                loaded, environment: environment, listenPort: listenPort,
                settings: SwarmSettings(loaded.row, over: environment.settings.swarm), seed: random.next(),
                moved: dormantTorrents.moved[id] ?? .init()
            ) { [weak self] change in
                self?.assumeIsolated { $0.heard(change) }
            }
            engines[id] = engine
            retries[id] = nil
            byHash[loaded.row.infoHash] = engine
            // The torrent needs its share of the limits first; otherwise it has none until the next heartbeat.
            shareOut()
            engine.onLoop { $0.start() }
            observe(id)
            return engine
        } catch {
            // The stored state reports the error.
            log.info("could not activate torrent \(id): \(error)")
            let text = "\(error)"
            do {
                try await environment.store.perform { db throws(StoreError) in
                    try db.torrents.setState(id, .error, error: text)
                }
            } catch {
                log.error("\(error)")
            }
            troubled.insert(id)
            if error is DiskError {
                let pause = min(Self.longestRetry, retries[id].map { $0.pause * 2 } ?? Self.firstRetry)
                retries[id] = (environment.clock.now + pause, pause)
            } else {
                // The error is not the disk's any more, so it waits for the user.
                retries[id] = nil
            }
            return nil
        }
    }

    // MARK: Becoming dormant

    /// Deactivates the torrent. Only its row remains, until it is needed again.
    func putToSleep(_ id: TorrentID, sayingGoodbye: Bool = true) async {
        guard let engine = engines[id] else { return }
        await engine.stop(sayingGoodbye: sayingGoodbye)
        await settle(id, engine)
    }

    /// Saves the state of a torrent that has come to rest, and releases it.
    func settle(_ id: TorrentID, _ engine: TorrentEngine) async {
        guard engines[id] === engine else { return }
        engines[id] = nil
        byHash[engine.infoHash] = nil
        idleSince[id] = nil
        dormantTorrents.moved[id] = engine.onLoop { $0.movedInThisRun }.ifAny
        let isSeeding = !isStopping && !retired.contains(id)
        let state = engine.onLoop { $0.restingState(isSeeding: isSeeding) }
        let turn = leaveSlot(id, engine)
        let seedTime = engine.onLoop { $0.seedTime.components.seconds }
        do {
            try await environment.store.perform { db throws(StoreError) in
                guard let row = try db.torrents.row(id) else { return }
                try db.live.clear(id)
                try db.seedTimes.raise(id, to: .seconds(seedTime))
                try db.torrents.setState(
                    id, row.settings.isPaused ? .paused : state.0, error: row.settings.isPaused ? nil : state.1)
                if let turn { try db.queue.setTurn(id, turn > 0 ? turn : nil) }
            }
        } catch {
            log.error("\(error)")
        }
    }

    /// Runs once a second: retries failed torrents, deactivates complete torrents without peers, and announces dormant
    /// ones that are due.
    func lookAfterSleepers() async {
        guard !isStopping else { return }
        let now = environment.clock.now
        for (id, retry) in retries where now >= retry.at {
            // This torrent may have been removed or changed while another was activated.
            guard retries[id]?.at == retry.at else { continue }
            troubled.remove(id)
            await tryAgain(id, after: retry.pause)
        }
        takeTurns()
        await beginSeeding()
        let dormantAfter = slots.waitingCount(.download) > 0 ? Self.dormantAfterWhileOthersWait : Self.dormantAfter
        for (id, engine) in engines {
            let isBusy = engine.onLoop { $0.isBusy || !$0.announces.isEmpty }
            if isBusy {
                idleSince[id] = nil
            } else if let since = idleSince[id] {
                if now - since > dormantAfter, case .all = environment.settings.scope {
                    await putToSleep(id, sayingGoodbye: false)
                }
            } else {
                idleSince[id] = now
            }
        }
        await announceForSleepers()
    }

    // MARK: What torrents say

    func heard(_ change: TorrentEngine.Change) {
        switch change {
        case .completed(let id):
            hastenOwnership()
            observe(id)
            fillSlotsSoon()
        case .ownershipChanged(let id):
            Task { await self.loadAnew(id) }
        case .misbehaved(let host, let reason, let isCertain):
            shun(host, reason: reason, isCertain: isCertain)
        case .seedGoalReached(let id):
            Task { await self.retire(id) }
        case .failed(let id, let text):
            log.info("torrent \(id): \(text)")
            endIfDone()
        }
    }

    /// Reloads the torrent, because the ownership of its files has changed.
    private func loadAnew(_ id: TorrentID) async {
        guard !isStopping, engines[id] != nil else { return }
        await putToSleep(id, sayingGoodbye: false)
        // The torrent keeps its place among the active ones.
        _ = await activate(id)
        endIfDone()
    }

    /// Makes waiting torrents check ownership again, because a torrent was completed or removed.
    func hastenOwnership() {
        for engine in engines.values {
            engine.onLoop { engine in engine.feed { $0.hastenProbe(of: .ownership, now: $1) } }
        }
    }

    /// Retries a torrent that couldn't be activated because of its disk. A torrent with something to download waits for
    /// a slot like any other.
    private func tryAgain(_ id: TorrentID, after pause: Duration) async {
        let row: TorrentRow?
        do { row = try await environment.store.perform { db throws(StoreError) in try db.torrents.row(id) } } catch {
            return log.error("\(error)")
        }
        guard let row else { return retries[id] = nil }
        if row.isComplete {
            await wake(id)
        } else {
            // No further retry until this one was made.
            retries[id] = (Instant(nanoseconds: .max), pause)
            enqueue(id)
        }
    }

    /// The torrent has seeded enough: it rests as complete until the user changes it.
    private func retire(_ id: TorrentID) async {
        retired.insert(id)
        await putToSleep(id)
        endIfDone()
    }

    /// With ``EngineSettings/endsWhenComplete``, stops when nothing is left to download and no seed goal is open.
    func endIfDone() {
        guard environment.settings.endsWhenComplete, !isStopping, waking.isEmpty else { return }
        guard slots.waitingCount(.download) == 0, slots.waitingCount(.check) == 0, !slots.isStarting else { return }
        guard !engines.values.contains(where: { hasWorkLeft($0) }) else { return }
        Task { await self.stopIfNothingIsLeft() }
    }

    /// Whether the end must wait for the torrent. A torrent that waits for another's file has work only as long as that
    /// one does.
    private func hasWorkLeft(_ engine: TorrentEngine) -> Bool {
        guard let holder = engine.onLoop({ $0.holderWaitedFor }) else { return engine.onLoop { $0.hasWorkLeft } }
        return engines[holder].map { other in other.onLoop { $0.holderWaitedFor == nil && $0.hasWorkLeft } }
            ?? (waking[holder] != nil)
    }

    private func stopIfNothingIsLeft() async {
        do {
            let incomplete = try await environment.store.perform { db throws(StoreError) in try db.torrents.incomplete()
            }
            guard !incomplete.contains(where: { isInScope($0) && !troubled.contains($0) && engines[$0] == nil }) else {
                return
            }
            guard !engines.values.contains(where: { hasWorkLeft($0) }) else { return }
            await stop()
        } catch {
            log.error("\(error)")
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
        if let peers = settings.limits.peers { maximumPeers = peers }
        if let limit = settings.limits.download { downloadLimit = Int(limit) }
        if let limit = settings.limits.upload { uploadLimit = Int(limit) }
    }
}
