package import Torrent

/// The states of torrents that no engine works on.
extension TorrentTable {
    /// Updates the state of a torrent that a command changed and that no engine works on, so that it matches the row.
    /// Other requests stay in the row for an engine that works on the torrent.
    ///
    /// An error or offline state stays until an engine retries, unless the torrent was paused.
    package func settleAtRest(_ id: TorrentID) throws(StoreError) {
        guard let row = try row(id), row.stateAtRest != row.state else { return }
        if row.settings.isPaused || ![.error, .offline, .noSpace].contains(row.state) { try rest(row) }
    }

    /// Sets the state of a torrent that no engine works on. Metadata that can't be used stays an error, because it
    /// isn't fetched again.
    package func rest(_ row: TorrentRow) throws(StoreError) {
        if !row.hasMetadata, !row.settings.isPaused, let sentence = try db.magnets.unusable(row.id) {
            try setState(row.id, .error, error: sentence)
        } else {
            try setState(row.id, row.stateAtRest)
        }
    }

    /// At most `limit` torrents on the volume that are complete and not paused, with higher numbers than `id`, unless
    /// they are noted as offline.
    package func seedsAtRest(on volume: VolumeID, after id: TorrentID?, limit: Int) throws(StoreError) -> [TorrentRow] {
        try db.fetchAll(
            """
            FROM torrent AS t WHERE volume_id = ? AND id > ? AND state IN ('seeding', 'complete') AND paused = 0
            ORDER BY id LIMIT ?
            """, volume, id ?? TorrentID(.min), limit)
    }

    /// Makes complete torrents seed. Trackers without a planned announce receive one as soon as possible.
    package func beginSeeding(_ ids: [TorrentID], now: Timestamp) throws(StoreError) {
        guard !ids.isEmpty else { return }
        try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            for id in ids {
                try setState(id, .seeding)
                try db.trackers.planMissingAnnounces(of: id, now: now)
            }
        }
    }

    /// Marks dormant torrents as offline because their disk is away, and postpones their announces for `pause`, until
    /// the next check. `unseen` is the time since the folder was last seen.
    package func goOffline(
        _ torrents: [(row: TorrentRow, reason: String, unseen: Duration)], pause: Duration, now: Timestamp
    ) throws(StoreError) {
        try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            for (row, reason, unseen) in torrents {
                try db.seedTimes.end(row.id, ago: unseen)
                if row.state != .offline { try db.events.append(.offline, reason, torrent: row.id, now: now) }
                if row.state != .offline || row.error != reason { try setState(row.id, .offline, error: reason) }
                try db.trackers.postponeAnnounces(of: row.id, until: now + pause)
            }
        }
    }

    /// The disk of a dormant torrent is back.
    package func comeBack(_ id: TorrentID, now: Timestamp) throws(StoreError) {
        try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            guard let row = try row(id), row.state == .offline, !row.settings.isPaused else { return }
            try db.events.append(.online, "the payload is back", torrent: id, now: now)
            try setState(id, .seeding)
        }
    }
}
