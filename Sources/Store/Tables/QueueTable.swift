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

    /// A torrent with a place that the user gave it.
    package struct Placed: Row, Sendable, Hashable {
        package static let columns = "id, queue_place"
        package let id: TorrentID
        /// Lower places come first; torrents without one have 0.
        package let place: Int64

        package init(_ row: Statement) throws(StoreError) {
            id = try row.next()
            place = try row.next()
        }
    }

    /// The torrents that have a place of their own, in its order. Reads no other torrents.
    package func places() throws(StoreError) -> [Placed] {
        try db.fetchValid("FROM torrent WHERE queue_place <> 0 ORDER BY queue_place, id")
    }

    /// Torrents with something to download that aren't paused, in the order in which they get slots.
    package func line() throws(StoreError) -> [QueuedRow] {
        try db.fetchValid(
            """
            FROM torrent AS t LEFT JOIN yielded AS y ON y.torrent_id = t.id
            WHERE t.paused = 0 AND (t.completed_bytes < t.wanted_bytes OR t.state IN (?, ?))
            ORDER BY t.queue_place, coalesce(y.turn, 0), t.id
            """, TorrentState.queued, TorrentState.metadata)
    }

    /// Puts these torrents, which are all of ``line()``, into this order. A torrent that is added later comes last.
    /// Turns that some gave up don't count any more.
    package func setOrder(_ ids: [TorrentID]) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            // The end of the line that stays as it is needs no new places.
            let same = zip(ids.reversed(), try line().map(\.id).reversed()).prefix { $0 == $1 }.count
            let changed = ids.dropLast(same)
            var place: Int64 = 0
            if let next = ids.dropFirst(changed.count).first {
                place = try db.value("SELECT queue_place FROM torrent WHERE id = ?", next) ?? 0
            }
            for id in changed.reversed() {
                place -= 1
                try db.execute("UPDATE torrent SET queue_place = ? WHERE id = ?", place, id)
                try setTurn(id, nil)
            }
        }
    }

    /// The position of a queued torrent among the waiting ones, from 1: first the user's order, then torrents that gave
    /// up their slots after the others.
    package func place(of id: TorrentID) throws(StoreError) -> Int {
        let before: Int? = try db.value(
            """
            WITH me (place, turn, id) AS (SELECT (SELECT queue_place FROM torrent WHERE id = ?1),
                coalesce((SELECT turn FROM yielded WHERE torrent_id = ?1), 0), ?1)
            SELECT count(*) FROM me, torrent AS t LEFT JOIN yielded AS y ON y.torrent_id = t.id
            WHERE t.state = ?2 AND t.paused = 0
                AND (t.queue_place, coalesce(y.turn, 0), t.id) < (me.place, me.turn, me.id)
            """, id, TorrentState.queued)
        return (before ?? 0) + 1
    }
}
