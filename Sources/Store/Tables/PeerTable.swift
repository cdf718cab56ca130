package import Torrent

/// The table `peer`: known peers and their bans.
package struct PeerTable {
    let db: Connection

    /// The most peers that are kept for one torrent; the worst are deleted.
    package static let limit = 500
    /// Characters of a client's name that are kept; the name comes from the peer.
    static let clientNameLimit = 64

    /// Best first: peers that sent us data, fastest first; then banned peers, so that no peer loses its ban by being
    /// forgotten; then peers that respond.
    private static let worth = """
        (downloaded_bytes > 0 AND banned_until IS NULL) DESC, (banned_until IS NOT NULL) DESC, rate DESC, failures, \
        (last_connected IS NOT NULL) DESC, hash_failures, last_seen DESC, address
        """

    /// Saves what was learned of peers, and deletes the worst beyond ``limit``. Does nothing when the torrent
    /// doesn't exist.
    package func save(_ id: TorrentID, _ updates: [PeerUpdate], now: Timestamp) throws(StoreError) {
        guard !updates.isEmpty else { return }
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            guard try db.pieces.count(of: id) != nil else { return }
            for update in updates { try upsert(id, update, now) }
            try prune(id)
        }
    }

    /// The peers to dial, in this order: those that sent data, then those that responded, then the others. Peers that
    /// are banned at `now` are left out.
    package func toTry(of id: TorrentID, limit: Int, now: Timestamp) throws(StoreError) -> [PeerRow] {
        try db.fetchValid(
            """
            FROM peer WHERE torrent_id = ? AND (banned_until IS NULL OR banned_until NOT BETWEEN ? AND ?)
            ORDER BY (downloaded_bytes > 0) DESC, failures, rate DESC, (last_connected IS NOT NULL) DESC, hash_failures, last_tried, address LIMIT ?
            """, id, now + .seconds(1), now + PeerRow.banTime, limit)
    }

    /// All peers of the torrent, best first.
    package func rows(of id: TorrentID) throws(StoreError) -> [PeerRow] {
        try db.fetchValid("FROM peer WHERE torrent_id = ? ORDER BY \(Self.worth)", id)
    }

    /// The peers that are banned at `now`.
    package func banned(of id: TorrentID, now: Timestamp) throws(StoreError) -> [PeerRow] {
        try db.fetchValid(
            "FROM peer WHERE torrent_id = ? AND banned_until BETWEEN ? AND ?", id, now + .seconds(1),
            now + PeerRow.banTime)
    }

    /// Prevents the peer from being dialled or accepted until then.
    package func ban(_ id: TorrentID, _ address: PeerAddress, until: Timestamp, reason: String, now: Timestamp)
        throws(StoreError)
    {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            guard try db.pieces.count(of: id) != nil else { return }
            try upsert(id, PeerUpdate(address: address, source: .history), now)
            try db.execute(
                "UPDATE peer SET banned_until = ?, ban_reason = ? WHERE torrent_id = ? AND address = ?", until, reason,
                id, address)
            try prune(id)
        }
    }

    private func upsert(_ id: TorrentID, _ update: PeerUpdate, _ now: Timestamp) throws(StoreError) {
        try db.execute(
            """
            INSERT INTO peer (torrent_id, address, source, first_seen, last_seen, last_tried, last_connected, failures,
                downloaded_bytes, uploaded_bytes, hash_failures, rate, client, told_good, told_bad)
            VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, coalesce(?7, 0), ?8, ?9, ?10, coalesce(?11, 0), ?12, ?13, ?14)
            ON CONFLICT (torrent_id, address) DO UPDATE SET
                last_seen = max(last_seen, ?4), last_tried = coalesce(?5, last_tried), last_connected = coalesce(?6, last_connected),
                failures = coalesce(?7, failures), downloaded_bytes = downloaded_bytes + ?8, uploaded_bytes = uploaded_bytes + ?9,
                hash_failures = hash_failures + ?10, rate = coalesce(?11, rate), client = coalesce(?12, client),
                told_good = told_good + ?13, told_bad = told_bad + ?14
            """,
            id, update.address, update.source, now, update.lastTried, update.lastConnected, update.failures,
            update.downloadedDelta,
            update.uploadedDelta, update.hashFailuresDelta, update.rate,
            update.client.map { String($0.prefix(Self.clientNameLimit)) }, update.toldGoodDelta, update.toldBadDelta)
    }

    private func prune(_ id: TorrentID) throws(StoreError) {
        let count: Int = try db.value("SELECT count(*) FROM peer WHERE torrent_id = ?", id) ?? 0
        guard count > Self.limit else { return }
        try db.execute(
            """
            DELETE FROM peer WHERE torrent_id = ?1 AND address IN
                (SELECT address FROM peer WHERE torrent_id = ?1 ORDER BY \(Self.worth) LIMIT -1 OFFSET ?2)
            """, id, Self.limit)
    }
}
