package import Torrent

/// The table `event`: the log of what happened.
package struct EventTable {
    let db: Connection

    /// The most events that are kept. The oldest are deleted when an engine starts, and after each ``betweenPrunes``
    /// new events.
    package static let limit = 100_000
    package static let betweenPrunes: Int64 = 1000

    /// Appends an event. If only the torrent is given, its info hash is looked up.
    package func append(
        _ kind: EventKind, _ detail: String, torrent: TorrentID? = nil, infoHash: InfoHash? = nil, now: Timestamp
    ) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            let id: Int64? = try db.value(
                """
                INSERT INTO event (at, torrent_id, info_hash, kind, detail)
                VALUES (?1, ?2, coalesce(?3, (SELECT info_hash FROM torrent WHERE id = ?2)), ?4, ?5) RETURNING id
                """, now, torrent, infoHash, kind, detail)
            if let id, id % Self.betweenPrunes == 0 { try prune() }
        }
    }

    /// The newest events of one torrent or of all, newest first.
    package func rows(of torrent: TorrentID? = nil, limit: Int) throws(StoreError) -> [EventRow] {
        guard let torrent else { return try db.fetchValid("FROM event ORDER BY id DESC LIMIT ?", limit) }
        return try db.fetchValid("FROM event WHERE torrent_id = ? ORDER BY id DESC LIMIT ?", torrent, limit)
    }

    /// The events after number `last`, oldest first.
    package func rows(after last: Int64, limit: Int) throws(StoreError) -> [EventRow] {
        try db.fetchValid("FROM event WHERE id > ? ORDER BY id LIMIT ?", last, limit)
    }

    /// Whether the torrent has an event of this kind after number `last`.
    package func has(_ kind: EventKind, of torrent: TorrentID, after last: Int64) throws(StoreError) -> Bool {
        let count: Int64? = try db.value(
            "SELECT count(*) FROM event WHERE torrent_id = ? AND id > ? AND kind = ?", torrent, last, kind)
        return count ?? 0 > 0
    }

    /// The number of the newest event; 0 without events.
    package func newest() throws(StoreError) -> Int64 { try db.value("SELECT coalesce(max(id), 0) FROM event") ?? 0 }

    /// The newest events of one torrent, and the starts and ends of engines since the torrent's first event, newest
    /// first.
    package func rows(of torrent: TorrentID, andOfEnginesWithLimit limit: Int) throws(StoreError) -> [EventRow] {
        try db.fetchValid(
            """
            FROM event WHERE torrent_id = ?1 OR (torrent_id IS NULL AND kind IN ('started', 'stopped', 'killed')
                AND id > (SELECT min(id) FROM event WHERE torrent_id = ?1))
            ORDER BY id DESC LIMIT ?2
            """, torrent, limit)
    }

    /// Deletes all but the newest ``limit`` events.
    package func prune() throws(StoreError) {
        try db.execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", Self.limit)
    }
}
