import Disk
import Logging
import Store
import Swarm
import Torrent

/// Intents that commands wrote into the database, and the heartbeats that commands read.
extension Session {
    func pollIntents() async {
        guard !isStopping else { return }
        do {
            let known = dataVersion
            let (version, intents) = try await environment.store.perform {
                db throws(StoreError) -> (Int, [IntentRow]) in
                let version = try db.dataVersion()
                return (version, version == known ? [] : try db.intents.take())
            }
            dataVersion = version
            for intent in intents { await act(on: intent) }
            try await enqueueAdded(intents.filter { $0.verb == .added }.compactMap(\.torrent))
        } catch {
            log.error("\(error)")
        }
    }

    private func act(on intent: IntentRow) async {
        if intent.verb == .stop {
            Task { await self.stop() }
            return
        }
        if intent.verb == .settings { return await reread() }
        if intent.verb == .scrub { return await readScrubControl(isNews: true) }
        if intent.verb == .order {
            do { try await applyOrder() } catch { log.error("could not read the order of the queue: \(error)") }
            return
        }
        guard let id = intent.torrent else { return }
        do {
            // The session that holds the lock performs removals even of torrents outside its scope.
            guard isInScope(id) || [.remove, .removeData, .release].contains(intent.verb) else {
                return try await environment.store.perform { db throws(StoreError) in try db.torrents.settleAtRest(id) }
            }
            switch intent.verb {
            case .added: break  // All added torrents join the line together.
            case .changed: try await changed(id)
            case .remove, .removeData: try await remove(id, deletingData: intent.verb == .removeData)
            case .release: try await releaseForMove(id)
            case .verify: await verify(id)
            case .damaged: try await reload(id)
            case .repair: try await repair(id)
            case .announce:
                engines[id]?.onLoop { $0.announceNow() }
                fetches[id]?.onLoop { $0.announceNow() }
            case .trackers: try await takeTrackers(id)
            case .webSeeds: try await takeWebSeeds(id)
            case .connect:
                guard let address = intent.argument.flatMap({ PeerAddress($0) }) else { break }
                let engine = await activate(id, isAhead: true)
                engine?.onLoop { $0.learn(manual: [address]) }
                fetches[id]?.onLoop { $0.learn(manual: [address]) }
            default: log.warning("ignored an intent that this version doesn't know: \(intent.verb)")
            }
        } catch {
            log.error("could not perform \(intent.verb) for torrent \(id): \(error)")
        }
    }

    private func changed(_ id: TorrentID) async throws {
        guard let row = try await environment.store.perform({ db throws(StoreError) in try db.torrents.row(id) }) else {
            return
        }
        if row.settings.isPaused {
            forgetInDHT(row)
            // The user gave a .torrent, whose paths are another torrent's.
            let isRefused = fetches[id] != nil && row.hasMetadata && row.state == .error
            feed { machine, _ in machine.changed(id, isPaused: true) }
            await departures[id]?.value
            if !isRefused {
                try await environment.store.perform { db throws(StoreError) in try db.torrents.setState(id, .paused) }
            }
            endIfDone()
            return
        }
        // A torrent on its way to rest gets there first.
        await departures[id]?.value
        feed { machine, _ in machine.changed(id, isPaused: false) }
        if let fetch = fetches[id] {
            guard row.hasMetadata else {
                fetch.onLoop { $0.apply(row) }
                return shareOut()
            }
            return await metadataWasGiven(to: fetch)
        }
        if engines[id] != nil,
            try await environment.store.perform({ db throws(StoreError) in try db.torrents.mayOverwrite(id) })
        {
            // The files count as the torrent's own from the next start on.
            await deactivate(id, .reloads)
        }
        if let engine = engines[id], engine.isProtectedByUser != row.settings.isReadOnly {
            await deactivate(id, .reloads)
        }
        if let engine = engines[id] {
            // Read on the loop, because the closure runs on the store's thread.
            let count = engine.fileCount
            let wanted = try await environment.store.perform { db throws(StoreError) in
                try db.files.wanted(of: id, count: count)
            }
            if engine.onLoop({ $0.mustRest(for: wanted) }) {
                await deactivate(id, .reloads)
                feed { $0.enqueue(id, at: .front, now: $1) }
            } else {
                engine.onLoop { $0.apply(row, wanted: wanted) }
            }
            shareOut()
        } else if !row.isComplete || row.completedAt == nil || row.state == .queued {
            try await putInLine(row)
        } else {
            try await goalChanged(row)
        }
    }

    /// Ends what the DHT does for the torrent.
    private func forgetInDHT(_ row: TorrentRow) {
        environment.dht(for: row.infoHash, isPrivate: row.isPrivate)?.forget()
    }

    /// Gives an active torrent the trackers that a command added to its rows. A dormant torrent needs nothing: its new
    /// rows are due at once, and it announces when a row is due.
    private func takeTrackers(_ id: TorrentID) async throws {
        // A torrent that is being activated may have read its rows before the command wrote them.
        _ = await activations[id]?.value
        guard engines[id] != nil || fetches[id] != nil else { return }
        let rows = try await environment.store.perform { db throws(StoreError) in try db.trackers.rows(of: id) }
        engines[id]?.onLoop { $0.add(rows) }
        fetches[id]?.onLoop { $0.add(rows) }
    }

    /// Gives an active torrent the web seeds that are in its rows now.
    private func takeWebSeeds(_ id: TorrentID) async throws {
        _ = await activations[id]?.value
        guard let engine = engines[id] else { return }
        let since = environment.clock.timestamp + (.zero - WebSeedTable.memory)
        let (rows, files) = try await environment.store.perform { db throws(StoreError) in
            (try db.webSeeds.rows(of: id), try db.webSeeds.files(of: id, since: since))
        }
        guard engines[id] === engine else { return }
        engine.onLoop { $0.webSeedsAre(rows, files) }
    }

    /// Performs removals that were requested of an earlier engine, which ended before it had done them.
    func removeLeftOvers() async {
        for intent in leftOver { await act(on: intent) }
        leftOver = []
    }

    /// Removes the torrent. The request stays in the database until that is done, or has failed.
    private func remove(_ id: TorrentID, deletingData: Bool) async throws {
        guard removing.insert(id).inserted else { return }
        defer { removing.remove(id) }
        do {
            try await removeOnce(id, deletingData: deletingData)
        } catch {
            try await environment.store.perform { db throws(StoreError) in try db.intents.endRemoval(of: id) }
            throw error
        }
    }

    private func removeOnce(_ id: TorrentID, deletingData: Bool) async throws {
        // Who adds the torrent again takes the request back.
        let found = try await environment.store.perform { db throws(StoreError) -> TorrentRow? in
            guard try db.intents.awaitsRemoval(id) else { return nil }
            let row = try db.torrents.row(id)
            if row == nil { try db.intents.endRemoval(of: id) }
            return row
        }
        guard let row = found else { return }
        let loaded: TorrentLoader.Loaded?
        do {
            loaded =
                try !row.hasMetadata
                ? nil : await TorrentLoader(environment: environment, id: id, wasActive: machine.hasBegun(id)).load()
        } catch {
            // A torrent with damaged rows can still be forgotten, but the location of its files is unknown.
            guard !deletingData else { throw error }
            loaded = nil
        }
        if deletingData, let reason = loaded?.offline {
            throw EngineError("the torrent and its files were not removed: \(reason)")
        }
        if deletingData, loaded?.payload.protection == .byUser {
            throw EngineError("the torrent and its files were not removed: the torrent is read-only")
        }
        await deactivate(id, .removed)
        let now = environment.clock.timestamp
        let kept = try await deletingData ? deleteData(of: loaded) : nil
        let heirs = deletingData ? [:] : heirs(of: id)
        try await environment.store.perform { db throws(StoreError) in
            try db.transaction { () throws(StoreError) in
                for (heir, files) in heirs { try db.files.announce(heir, files) }
                try db.torrents.remove(id, now: now)
                if let kept { try db.events.append(.kept, kept, torrent: id, infoHash: row.infoHash, now: now) }
            }
        }
        feed { machine, _ in machine.removed(id) }
        environment.announces.onLoop { $0.forget(id) }
        environment.dht?.onLoop { $0.removed(id) }
        forgetInDHT(row)
        hastenOwnership()
        endIfDone()
    }

    /// Deletes the torrent's files, and before them its claims: the database never claims missing data, and after a
    /// crash the torrent is still known, so that the rest of its files can be deleted. Returns one sentence on the
    /// files that were kept.
    private func deleteData(of loaded: TorrentLoader.Loaded?) async throws -> String? {
        guard let loaded else { return nil }
        let id = loaded.row.id
        try await environment.store.perform { db throws(StoreError) in _ = try db.pieces.unverify(id) }
        do {
            let (removal, kept) = try await loaded.custody.deleteData(of: loaded.payload, on: environment.disk)
            for failure in removal.failures { log.warning("\(failure)") }
            return kept
        } catch {
            log.warning("no file of torrent \(id) was deleted: \(error)")
            return nil
        }
    }

    /// The active torrents that wait for files of this one, which are theirs when it is gone.
    private func heirs(of id: TorrentID) -> [TorrentID: [Int]] {
        engines.mapValues { engine in engine.onLoop { $0.ownership.files(heldBy: id) } }.filter { !$0.value.isEmpty }
    }

    private func verify(_ id: TorrentID) async {
        let isActive = feed { $0.verify(id, now: $1) }
        if isActive { engines[id]?.onLoop { $0.verifyAll() } }
    }

    /// Reloads a torrent after another process found damage and recorded it in the database.
    private func reload(_ id: TorrentID) async throws {
        feed { machine, _ in machine.damaged(id) }
        await departures[id]?.value
        guard !machine.isTroubled(id),
            let row = try await environment.store.perform({ db throws(StoreError) in try db.torrents.row(id) })
        else { return }
        // The other process may have been told to look for an offline payload on another disk.
        if row.state == .offline, row.isComplete, !row.settings.isPaused { await activate(id) }
        if !row.settings.isPaused { try await putInLine(row) }
    }

    func heartbeat() async {
        guard !isStopping else { return }
        shareOut()
        let rows =
            engines.values.map { engine in engine.onLoop { $0.liveRow() } }
            + fetches.values.map { fetch in fetch.onLoop { $0.liveRow() } }
        for fetch in fetches.values { await fetch.savePeers() }
        let webSeeds = engines.values.compactMap { engine in
            let rows = engine.onLoop { $0.takeWebSeedRows() }
            return rows.isEmpty ? nil : (engine.id, rows)
        }
        beats += 1
        saveScrubs()
        let scrubs = scrubReports()
        let peers =
            beats % Self.beatsPerPeerList == 1
            ? engines.values.map { engine in (engine.id, engine.onLoop { $0.livePeers(limit: Self.livePeerLimit) }) }
                + fetches.values.map { fetch in (fetch.id, fetch.onLoop { $0.livePeers(limit: Self.livePeerLimit) }) }
            : []
        let (run, now, slots, limits, seedTime) = (
            runID, environment.clock.timestamp, slotReport(), limitsInForce,
            seedCredit.take(named: namedSeeds, now: .now)
        )
        do {
            newestEvent = try await environment.store.perform { db throws(StoreError) in
                try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
                    try db.runs.heartbeat(run, now: now)
                    try db.runs.saveSlots(run, slots)
                    try db.runs.saveLimits(run, limits)
                    try db.live.save(rows)
                    try seedTime(db)
                    try db.scrubs.save(scrubs, now: now)
                    for (id, rows) in webSeeds { try db.webSeeds.save(rows, of: id) }
                    for (id, list) in peers { try db.live.savePeers(id, list) }
                    return try db.events.newest()
                }
            }
        } catch {
            log.error("could not write the heartbeat: \(error)")
        }
        heartbeatsDone += 1
    }

    /// The active torrents that seed; `nil` if the engine works on all torrents.
    private var namedSeeds: Set<TorrentID>? {
        guard case .only = environment.settings.scope else { return nil }
        return Set(engines.filter { $0.value.onLoop { $0.state == .seeding } }.keys)
    }

    /// The number of heartbeats between two lists of connections. A list has many rows, so it is written less often
    /// than the torrent's own row.
    private static let beatsPerPeerList = 3
    /// The most connections listed for one torrent, fastest first.
    private static let livePeerLimit = 200

    // MARK: What all torrents share

    /// Divides the limits that all torrents share among the active ones.
    func shareOut() {
        let (engines, fetches) = (Array(engines.values), Array(fetches.values))
        let demands = engines.map { engine in engine.onLoop { $0.demand } }
        let others = fetches.map { fetch in fetch.onLoop { $0.demand } }
        let shares = RateAllocator(limitSchedule.applied(to: environment.settings)).shares(for: demands + others)
        for (engine, share) in zip(engines, shares) { engine.onLoop { $0.limit(share) } }
        for (fetch, share) in zip(fetches, shares.dropFirst(engines.count)) { fetch.onLoop { $0.limit(share) } }
    }

    var connectionCount: Int {
        engines.values.reduce(0) { sum, engine in sum + engine.onLoop { $0.swarm.peerCount } }
            + fetches.values.reduce(0) { sum, fetch in sum + fetch.onLoop { $0.fetch.peerCount } }
    }
}
