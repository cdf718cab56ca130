/// The table `yielded`: torrents that gave up their slots, and the order in which torrents wait for one.
package struct QueueTable {
    let db: Connection

    /// A higher turn can only be damage.
    private static let highestTurn: Int64 = 1 << 48

    /// A torrent that gave up its slot.
    package struct Yielded: Row, Sendable, Hashable {
        package static let columns = "torrent_id, turn"
        package let id: TorrentID
        package let turn: Int64

        package init(_ row: Statement) throws(StoreError) {
            id = try row.next()
            turn = try row.next()
        }
    }

    /// The torrents that gave up their slots and have had no success since, lowest turn first. Reads no other torrents.
    package func yielded() throws(StoreError) -> [Yielded] {
        try db.fetchValid("FROM yielded WHERE turn BETWEEN 1 AND ? ORDER BY turn, torrent_id", Self.highestTurn)
    }

    /// Records that the torrent gave up its slot, or, if `turn` is `nil`, that it has received data since.
    package func setTurn(_ id: TorrentID, _ turn: Int64?) throws(StoreError) {
        if let turn {
            try db.execute(
                "INSERT INTO yielded (torrent_id, turn) VALUES (?, ?) ON CONFLICT DO UPDATE SET turn = excluded.turn",
                id, turn)
        } else {
            try db.execute("DELETE FROM yielded WHERE torrent_id = ?", id)
        }
    }

    /// The position of a queued torrent among the waiting ones, from 1. Torrents that gave up their slots come after
    /// the others.
    package func place(of id: TorrentID) throws(StoreError) -> Int {
        let before: Int? = try db.value(
            """
            WITH me (id, turn) AS (SELECT ?1, coalesce((SELECT turn FROM yielded WHERE torrent_id = ?1), 0))
            SELECT count(*) FROM me, torrent AS t LEFT JOIN yielded AS y ON y.torrent_id = t.id
            WHERE t.state = ?2 AND t.paused = 0 AND (coalesce(y.turn, 0), t.id) < (me.turn, me.id)
            """, id, TorrentState.queued)
        return (before ?? 0) + 1
    }
}
