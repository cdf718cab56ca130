package import Torrent

/// The tables `dht`, `dht_node` and `dht_near`, and the columns of `torrent` that plan announces in the DHT.
///
/// Nothing here is needed for correctness, so all of it is written without waiting for the disk.
package struct DHTTable {
    let db: Connection

    /// The most nodes of a family that are kept.
    package static let mostNodes = 500
    /// The most torrents that one call of ``takeDue(now:limit:again:except:)`` looks at for a working tracker.
    private static let mostLooks = 256

    // MARK: The engine's nodes

    /// The families of which something is known, IPv4 first.
    package func rows() throws(StoreError) -> [DHTRow] { try db.fetchValid("FROM dht ORDER BY family") }

    /// The stored nodes, those that answer first and fastest before the others.
    package func nodes() throws(StoreError) -> [DHTNodeRow] {
        try db.fetchValid(
            "FROM dht_node ORDER BY family, verified DESC, rtt_ms IS NULL, rtt_ms, last_answer DESC, address LIMIT ?",
            2 * Self.mostNodes)
    }

    /// The number of stored nodes.
    package func nodeCount() throws(StoreError) -> Int { try db.value("SELECT count(*) FROM dht_node") ?? 0 }

    package func save(_ row: DHTRow) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                INSERT INTO dht (\(DHTRow.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (family) DO UPDATE SET node_id = excluded.node_id, external_address = excluded.external_address,
                    external_votes = excluded.external_votes, problem = excluded.problem, port = excluded.port,
                    good_nodes = excluded.good_nodes, known_nodes = excluded.known_nodes, lookups = excluded.lookups,
                    waiting = excluded.waiting, searched = excluded.searched, announced = excluded.announced,
                    stored_torrents = excluded.stored_torrents, stored_peers = excluded.stored_peers, sent = excluded.sent,
                    received = excluded.received, dropped = excluded.dropped, at = excluded.at,
                    read_only = excluded.read_only
                """, row.family, row.nodeID, row.externalAddress, row.externalVotes, row.problem, row.port,
                row.goodNodes,
                row.knownNodes, row.lookups, row.waiting, row.searched, row.announced, row.storedTorrents,
                row.storedPeers, row.sent, row.received, row.dropped, row.at, row.readOnly)
        }
    }

    /// Replaces the stored nodes of the family.
    package func save(_ nodes: [DHTNodeRow], of family: AddressFamily) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute("DELETE FROM dht_node WHERE family = ?", family)
            for node in nodes.prefix(Self.mostNodes) {
                try db.execute(
                    "INSERT INTO dht_node (\(DHTNodeRow.columns)) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    family, node.address, node.id, node.lastAnswer, node.roundTrip?.wholeMilliseconds, node.isVerified)
            }
        }
    }

    // MARK: The nodes nearest to a torrent

    /// The nodes nearest to the torrent in their compact form, by family.
    package func near(_ id: TorrentID) throws(StoreError) -> [DHTNearRow] {
        try db.fetchValid("FROM dht_near WHERE torrent_id = ? ORDER BY family", id)
    }

    /// Does nothing if the torrent doesn't exist, or is private.
    package func saveNear(_ id: TorrentID, _ near: DHTNearRow) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                INSERT INTO dht_near (torrent_id, family, nodes) SELECT id, ?2, ?3 FROM torrent
                WHERE id = ?1 AND private = 0
                ON CONFLICT (torrent_id, family) DO UPDATE SET nodes = excluded.nodes
                """, id, near.family, near.nodes)
        }
    }

    // MARK: Announces

    /// When a node accepted the torrent's last announce; `nil` if none has.
    package func announcedAt(_ id: TorrentID) throws(StoreError) -> Timestamp? {
        try db.value("SELECT dht_announced_at FROM torrent WHERE id = ? AND dht_announced_at IS NOT NULL", id)
    }

    /// When the torrent's next announce was planned.
    package func dueAt(_ id: TorrentID) throws(StoreError) -> Timestamp? {
        try db.value("SELECT dht_due_at FROM torrent WHERE id = ?", id)
    }

    /// The torrent is due again at `due`; `announced` is when nodes accepted it, if they have.
    package func plan(_ id: TorrentID, announced: Timestamp?, due: Timestamp) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                "UPDATE torrent SET dht_announced_at = coalesce(?, dht_announced_at), dht_due_at = ? WHERE id = ?",
                announced, due, id)
        }
    }

    /// Limits how far ahead announces are planned, because the clock may have been set back. If there are none that
    /// far, this reads two ends of an index.
    package func hastenFar(longest: Duration, now: Timestamp) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            for hasTracker in [false, true] {
                try db.execute(
                    "UPDATE torrent SET dht_due_at = ?1 WHERE \(Self.dormant) AND dht_has_tracker = ?2 AND dht_due_at > ?1 + ?3",
                    now, hasTracker, longest.components.seconds)
            }
        }
    }

    /// Complete public torrents that are due, those without a working tracker first. They count as due again after
    /// `again`, so that the next call returns others. Torrents in `except` are skipped.
    package func takeDue(now: Timestamp, limit: Int, again: Duration, except: Set<TorrentID>) throws(StoreError)
        -> [TorrentID]
    {
        try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            var taken: [TorrentID] = []
            var looks = 0
            for hadTracker in [false, true] where taken.count < limit && looks < Self.mostLooks {
                for id in try candidates(now: now, hasTracker: hadTracker, limit: Self.mostLooks + except.count)
                where taken.count < limit && looks < Self.mostLooks && !except.contains(id) {
                    looks += 1
                    let hasTracker = try hasWorkingTracker(id)
                    if hasTracker != hadTracker {
                        try db.execute("UPDATE torrent SET dht_has_tracker = ? WHERE id = ?", hasTracker, id)
                    }
                    // Others come first.
                    if hasTracker, !hadTracker { continue }
                    taken.append(id)
                    try db.execute("UPDATE torrent SET dht_due_at = ? WHERE id = ?", now + again, id)
                }
            }
            return taken
        }
    }

    /// The number of torrents that are due, without and with a working tracker; at most `limit` are counted.
    package func dueCount(now: Timestamp, limit: Int) throws(StoreError) -> Int {
        try db.value(
            "SELECT count(*) FROM (SELECT 1 FROM torrent WHERE \(Self.dormant) AND dht_has_tracker IN (0, 1) AND dht_due_at <= ? LIMIT ?)",
            now, limit) ?? 0
    }

    package func hasWorkingTracker(_ id: TorrentID) throws(StoreError) -> Bool {
        try db.value(
            "SELECT EXISTS (SELECT 1 FROM tracker WHERE torrent_id = ? AND failures = 0 AND last_success_at IS NOT NULL)",
            id) ?? false
    }

    /// Torrents that aren't paused and lack something, in the order of an index; at most `limit`.
    package func incomplete(limit: Int) throws(StoreError) -> [TorrentID] {
        try db.values(
            """
            SELECT id FROM (SELECT id FROM torrent WHERE paused = 0 AND completed_bytes < wanted_bytes LIMIT ?1)
            UNION SELECT id FROM (SELECT id FROM torrent WHERE state = ?2 AND paused = 0 LIMIT ?1) LIMIT ?1
            """, limit, TorrentState.metadata)
    }

    private func candidates(now: Timestamp, hasTracker: Bool, limit: Int) throws(StoreError) -> [TorrentID] {
        try db.values(
            "SELECT id FROM torrent WHERE \(Self.dormant) AND dht_has_tracker = ? AND dht_due_at <= ? ORDER BY dht_due_at LIMIT ?",
            hasTracker, now, limit)
    }

    /// The condition of the index `torrent_dht_due`, word for word.
    private static let dormant = "private = 0 AND paused = 0 AND state IN ('seeding', 'complete')"
}

extension Duration {
    fileprivate var wholeMilliseconds: Int { Int(clamping: nanoseconds / 1_000_000) }
}
