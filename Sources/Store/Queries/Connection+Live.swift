/// A running engine's report on an active torrent.
package struct LiveRow: Sendable, Hashable {
    /// An older row is out of date: its engine stopped, or the torrent was deactivated.
    package static let lifetime = Duration.seconds(15)

    package let torrent: TorrentID
    /// Bytes per second.
    package let downloadRate: Int64
    /// Bytes per second.
    package let uploadRate: Int64
    package let peersConnected: Int
    /// Connected peers that have all pieces.
    package let seeders: Int
    /// Connected peers that lack some pieces.
    package let leechers: Int
    /// `nil` when unknown.
    package let timeLeft: Duration?
    package let at: Timestamp

    package init(
        torrent: TorrentID, downloadRate: Int64, uploadRate: Int64, peersConnected: Int, seeders: Int, leechers: Int,
        timeLeft: Duration?,
        at: Timestamp
    ) {
        self.torrent = torrent
        self.downloadRate = downloadRate
        self.uploadRate = uploadRate
        self.peersConnected = peersConnected
        self.seeders = seeders
        self.leechers = leechers
        self.timeLeft = timeLeft
        self.at = at
    }

    /// Whether the row is recent enough to describe the present.
    package func isFresh(_ now: Timestamp) -> Bool { now - at <= Self.lifetime }

    static let columns =
        "l.torrent_id, l.download_rate, l.upload_rate, l.peers_connected, l.seeders, l.leechers, l.eta_seconds, l.at"

    init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        downloadRate = try row.nextBytes()
        uploadRate = try row.nextBytes()
        peersConnected = try row.nextCount()
        seeders = try row.nextCount()
        leechers = try row.nextCount()
        timeLeft = try row.next(Int64?.self).map { .seconds($0) }
        at = try row.next()
    }
}

extension Connection {
    /// Saves the reports on active torrents. Torrents that no longer exist are left out.
    package func saveLive(_ rows: [LiveRow]) throws(StoreError) {
        guard !rows.isEmpty else { return }
        try transaction(durability: .lazy) { () throws(StoreError) in
            for live in rows {
                try execute(
                    """
                    INSERT INTO live (torrent_id, download_rate, upload_rate, peers_connected, seeders, leechers, eta_seconds, at)
                    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM torrent WHERE id = ?1)
                    ON CONFLICT (torrent_id) DO UPDATE SET download_rate = ?2, upload_rate = ?3, peers_connected = ?4, seeders = ?5, leechers = ?6,
                        eta_seconds = ?7, at = ?8
                    """,
                    live.torrent, live.downloadRate, live.uploadRate, live.peersConnected, live.seeders, live.leechers,
                    live.timeLeft?.components.seconds, live.at)
            }
        }
    }

    package func live(of id: TorrentID) throws(StoreError) -> LiveRow? {
        try first("SELECT \(LiveRow.columns) FROM live AS l WHERE torrent_id = ?", id) { (row) throws(StoreError) in
            try row.sound(LiveRow.init)
        } ?? nil
    }

    /// Deletes the report on a torrent that was deactivated, or all reports.
    package func clearLive(_ id: TorrentID? = nil) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute("DELETE FROM live WHERE torrent_id = coalesce(?, torrent_id)", id)
            try execute("DELETE FROM live_peer WHERE torrent_id = coalesce(?, torrent_id)", id)
        }
    }
}
