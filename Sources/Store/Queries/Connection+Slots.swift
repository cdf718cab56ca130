/// The torrents that wait for a slot of the engine, and the engine's report on its slots.
extension Connection {
    /// Saves the use of a running engine's slots.
    package func saveSlots(_ run: RunID, _ report: SlotReport) throws(StoreError) {
        let (downloads, seeds, checks) = (report.downloads, report.seeds, report.checks)
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                """
                UPDATE run SET named_only = ?, max_downloads = ?, active_downloads = ?, queued_downloads = ?, max_seeds = ?, active_seeds = ?,
                    queued_seeds = ?, max_checks = ?, active_checks = ?, queued_checks = ? WHERE id = ?
                """,
                report.isOfNamedOnly, downloads.limit, downloads.active, downloads.waiting, seeds.limit, seeds.active,
                seeds.waiting,
                checks.limit, checks.active, checks.waiting, run)
        }
    }

    /// The newest engine's last report on its slots, and its time (the heartbeat); `nil` when no engine has run.
    package func lastSlots() throws(StoreError) -> (report: SlotReport, at: Timestamp)? {
        try first("SELECT \(SlotReport.columns), heartbeat_at FROM run ORDER BY id DESC LIMIT 1") {
            (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in (report: try SlotReport(row), at: try row.next(Timestamp.self))
            }
        } ?? nil
    }

    // MARK: The line

    /// A higher turn can only be damage.
    private static let highestTurn: Int64 = 1 << 48

    /// The torrents that gave up their slots and have had no success since, with their turns, lowest first. Reads no
    /// other torrents.
    package func yieldedTorrents() throws(StoreError) -> [(id: TorrentID, turn: Int64)] {
        try rows(
            "SELECT torrent_id, turn FROM yielded WHERE turn BETWEEN 1 AND ? ORDER BY turn, torrent_id",
            Self.highestTurn
        ) {
            (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in
                (id: try row.next(TorrentID.self), turn: try row.next(Int64.self))
            }
        }.compactMap(\.self)
    }

    /// Records that the torrent gave up its slot, or, if `turn` is `nil`, that it has received data since.
    package func setTurn(_ id: TorrentID, _ turn: Int64?) throws(StoreError) {
        if let turn {
            try execute(
                "INSERT INTO yielded (torrent_id, turn) VALUES (?, ?) ON CONFLICT DO UPDATE SET turn = excluded.turn",
                id, turn)
        } else {
            try execute("DELETE FROM yielded WHERE torrent_id = ?", id)
        }
    }

    /// The position of a queued torrent among the waiting ones, from 1. Torrents that gave up their slots come after
    /// the others.
    package func placeInQueue(_ id: TorrentID) throws(StoreError) -> Int {
        let before = try first(
            """
            WITH me (id, turn) AS (SELECT ?1, coalesce((SELECT turn FROM yielded WHERE torrent_id = ?1), 0))
            SELECT count(*) FROM me, torrent AS t LEFT JOIN yielded AS y ON y.torrent_id = t.id
            WHERE t.state = ?2 AND t.paused = 0 AND (coalesce(y.turn, 0), t.id) < (me.turn, me.id)
            """, id, TorrentState.queued
        ) { (row) throws(StoreError) in try row.next(Int.self) }
        return (before ?? 0) + 1
    }

    /// At most `limit` torrents in the state, ordered by number.
    package func torrents(in state: TorrentState, after id: TorrentID? = nil, limit: Int) throws(StoreError)
        -> [TorrentRow]
    {
        try rows(
            "SELECT \(TorrentRow.columns) FROM torrent AS t WHERE state = ? AND id > ? ORDER BY id LIMIT ?", state,
            id ?? TorrentID(.min), limit
        ) { (row) throws(StoreError) in try TorrentRow(row) }
    }

    /// Whether the torrent has unverified pieces, which must be hashed before they count.
    package func hasUnverified(_ id: TorrentID) throws(StoreError) -> Bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM bitfield WHERE torrent_id = ? AND opened IS NOT NULL)"
        return try first(sql, id) { (row) throws(StoreError) in try row.next(Bool.self) } ?? false
    }

    /// The number of torrents in the state. Reads only an index.
    package func torrentCount(in state: TorrentState) throws(StoreError) -> Int {
        try first("SELECT count(*) FROM torrent WHERE state = ?", state) { (row) throws(StoreError) in
            try row.next(Int.self)
        } ?? 0
    }

    /// Makes complete torrents seed. Trackers without a planned announce receive one as soon as possible.
    package func beginSeeding(_ ids: [TorrentID], now: Timestamp) throws(StoreError) {
        guard !ids.isEmpty else { return }
        try transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            for id in ids {
                try setState(id, .seeding)
                try execute(
                    "UPDATE tracker SET next_announce_at = max(coalesce(min_announce_at, 0), ?) WHERE torrent_id = ? AND next_announce_at IS NULL",
                    now, id)
            }
        }
    }
}
