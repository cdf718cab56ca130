import Logging
import Net
import Store
import Swarm
import Torrent

/// Torrents of which only the magnet link is known.
extension Session {
    /// Starts to fetch the metadata of a torrent that is being activated.
    func startFetch(_ loaded: MetadataEngine.Loaded) {
        let id = loaded.row.id
        let engine = MetadataEngine(
            loaded, environment: environment, listenPort: listenPort, seed: random.next()
        ) { [weak self] change in
            self?.assumeIsolated { $0.heard(change) }
        }
        fetches[id] = engine
        fetchByHash[loaded.row.infoHash] = engine
        shareOut()
        engine.onLoop { $0.start() }
        activations[id] = nil
        let report = engine.onLoop { $0.report }
        _ = feed { $0.started(id, report, now: $1) }
        endIfDone()
    }

    /// What is needed to fetch the metadata of a torrent; `nil` if it is known. Throws if it has arrived and can't be
    /// used, because it would be the same again.
    func fetchToStart(_ id: TorrentID) async throws -> MetadataEngine.Loaded? {
        let now = environment.clock.timestamp
        let loaded = try await environment.store.perform { db throws(StoreError) -> MetadataEngine.Loaded? in
            guard let row = try db.torrents.row(id), !row.hasMetadata else { return nil }
            return try MetadataEngine.Loaded(row, db, now: now)
        }
        if let sentence = loaded?.magnet?.unusable { throw EngineError(sentence) }
        return loaded
    }

    /// Stops the fetch of a torrent that is being deactivated. If its metadata has arrived, its connections wait for
    /// the torrent.
    func departFetch(_ id: TorrentID) async {
        guard let fetch = fetches[id] else { return }
        let departure = machine.departure(of: id)
        let isHandedOver = fetch.onLoop { $0.hasArrived } && departure == .reloads
        await fetch.stop(sayingGoodbye: departure?.saysGoodbye ?? true, keepingConnections: isHandedOver)
        fetches[id] = nil
        fetchByHash[fetch.infoHash] = nil
        if isHandedOver { arrived[id] = fetch }
        let report = fetch.onLoop { $0.report }
        let turn = feed { $0.deactivated(id, report, isWhole: false, now: $1) }
        await write("the state of torrent \(id)") { db, _ throws(StoreError) in
            guard let row = try db.torrents.row(id) else { return }
            try db.live.clear(id)
            // A torrent whose metadata has arrived has its state already.
            if !row.hasMetadata, row.state != .error || row.settings.isPaused { try db.torrents.rest(row) }
            if let turn { try db.queue.setTurn(id, turn > 0 ? turn : nil) }
        }
    }

    /// Takes the connections of a fetch that has ended, for the torrent that becomes active.
    func takeLinks(_ id: TorrentID) -> [MetadataLink] {
        arrived.removeValue(forKey: id)?.onLoop { $0.takeLinks() } ?? []
    }

    private func heard(_ change: MetadataEngine.Change) {
        switch change {
        case .misbehaved(let host, let reason, let isCertain): shun(host, reason: reason, isCertain: isCertain)
        case .arrived, .failed: Task { await self.ended(change) }
        }
    }

    private func ended(_ change: MetadataEngine.Change) async {
        switch change {
        case .arrived(let id, let arrival): await metadataArrived(id, arrival)
        case .failed(let id, let sentence):
            log.info("torrent \(id): \(sentence)")
            await deactivate(id, .unusable)
            endIfDone()
        case .misbehaved: break
        }
    }

    /// The user gave the .torrent while its metadata was being fetched.
    func metadataWasGiven(to fetch: MetadataEngine) async {
        fetch.onLoop { $0.noteArrival() }
        let arrival = MagnetTable.Arrival(isPaused: false, isPrivate: false, forgottenPeers: 0)
        await metadataArrived(fetch.id, arrival)
    }

    /// The torrent is an ordinary one from now on. Unless it is paused, it is activated at once.
    private func metadataArrived(_ id: TorrentID, _ arrival: MagnetTable.Arrival) async {
        guard !isStopping, fetches[id] != nil else { return }
        if arrival.isPaused {
            feed { machine, _ in machine.changed(id, isPaused: true) }
            await departures[id]?.value
        } else {
            await deactivate(id, .reloads)
            // The torrent keeps its place among the active ones.
            await activate(id, isAhead: true)
            // If it couldn't be activated, the connections aren't needed.
            arrived.removeValue(forKey: id)?.onLoop { $0.closeConnections() }
        }
        endIfDone()
    }
}
