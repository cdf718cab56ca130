/// Which torrents wait for a slot of the engine, and what the engine says of its slots.
extension Connection {
    /// Says how the slots of a running engine are used.
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

    /// What the newest engine said of its slots with its last sign of life, and when that was; `nil` when no engine has
    /// run.
    package func lastSlots() throws(StoreError) -> (report: SlotReport, at: Timestamp)? {
        try first("SELECT \(SlotReport.columns), heartbeat_at FROM run ORDER BY id DESC LIMIT 1") {
            (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in (report: try SlotReport(row), at: try row.next(Timestamp.self))
            }
        } ?? nil
    }

    // MARK: The line

    /// A turn above this can only be damage.
    private static let highestTurn: Int64 = 1 << 48

    /// The torrents that gave up their slots without a success since, and their turns, the lowest first. Looks at no
    /// others.
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

    /// The torrent gave up its slot; or has received something since, where `turn` is `nil`.
    package func setTurn(_ id: TorrentID, _ turn: Int64?) throws(StoreError) {
        if let turn {
            try execute(
                "INSERT INTO yielded (torrent_id, turn) VALUES (?, ?) ON CONFLICT DO UPDATE SET turn = excluded.turn",
                id, turn)
        } else {
            try execute("DELETE FROM yielded WHERE torrent_id = ?", id)
        }
    }

    /// The place of a queued torrent among those that wait, from 1: those that gave up their slots come after the
    /// others.
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

    /// Some torrents in the state, in the order of their numbers.
    package func torrents(in state: TorrentState, after id: TorrentID? = nil, limit: Int) throws(StoreError)
        -> [TorrentRow]
    {
        try rows(
            "SELECT \(TorrentRow.columns) FROM torrent AS t WHERE state = ? AND id > ? ORDER BY id LIMIT ?", state,
            id ?? TorrentID(.min), limit
        ) { (row) throws(StoreError) in try TorrentRow(row) }
    }

    /// Whether pieces of the torrent have to be hashed before they count.
    package func hasUnverified(_ id: TorrentID) throws(StoreError) -> Bool {
        let sql = "SELECT EXISTS (SELECT 1 FROM bitfield WHERE torrent_id = ? AND opened IS NOT NULL)"
        return try first(sql, id) { (row) throws(StoreError) in try row.next(Bool.self) } ?? false
    }

    /// How many torrents are in the state. Reads an index alone.
    package func torrentCount(in state: TorrentState) throws(StoreError) -> Int {
        try first("SELECT count(*) FROM torrent WHERE state = ?", state) { (row) throws(StoreError) in
            try row.next(Int.self)
        } ?? 0
    }

    /// Complete torrents that seed from now on, which trackers that have no time planned hear at once.
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
