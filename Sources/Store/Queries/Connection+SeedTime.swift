/// The time that torrents have seeded.
///
/// One clock counts for all torrents of an engine, and each seeding torrent records the clock's value at its start.
/// Both start and end are recorded at the engine's next beat and rounded down, so that time may be lost, but time
/// without seeding is never counted.
extension Connection {
    /// The most torrents whose start is recorded in one beat.
    private static let beginningsPerBeat = 1000

    /// All torrents in the state `seeding` have seeded for the last `seconds`.
    package func countSeedTime(_ seconds: Int64) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            let clock = try seedClock()
            // Torrents that stopped did so after the last beat, so the clock's value at that beat is safe to count.
            try execute(
                """
                UPDATE torrent SET seeding_seconds = \(Self.sum), seed_mark = NULL
                WHERE seed_mark IS NOT NULL AND (state <> 'seeding' OR paused <> 0)
                """)
            if seconds > 0 { try setSeedClock(clock + seconds) }
            // Without INDEXED BY, SQLite would scan all seeding torrents.
            try execute(
                """
                UPDATE torrent SET seed_mark = (SELECT seconds FROM seed_clock) WHERE id IN
                    (SELECT id FROM torrent INDEXED BY torrent_begins_seeding WHERE state = 'seeding' AND paused = 0 AND seed_mark IS NULL
                     LIMIT \(Self.beginningsPerBeat))
                """)
        }
    }

    /// Only these torrents have seeded for the last `seconds`. They are not covered by the clock.
    package func countSeedTime(_ seconds: Int64, of ids: some Sequence<TorrentID>) throws(StoreError) {
        guard seconds > 0 else { return }
        try transaction(durability: .lazy) { () throws(StoreError) in
            for id in ids {
                try execute("UPDATE torrent SET seeding_seconds = seeding_seconds + ? WHERE id = ?", seconds, id)
            }
        }
    }

    /// Sets the seed time that the torrent's engine knows exactly. A value below the recorded one is ignored.
    package func raiseSeedTime(_ id: TorrentID, to seconds: Int64) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                "UPDATE torrent SET seeding_seconds = max(?, \(Self.sum)), seed_mark = NULL WHERE id = ?", seconds, id)
        }
    }

    /// The torrent stopped seeding at least `ago` seconds before the clock's last beat, which was only detected now.
    package func endSeedTime(_ id: TorrentID, ago: Int64) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                """
                UPDATE torrent SET seed_mark = NULL,
                    seeding_seconds = seeding_seconds + max(0, coalesce((SELECT seconds FROM seed_clock) - ? - seed_mark, 0))
                WHERE id = ? AND seed_mark IS NOT NULL
                """, ago, id)
        }
    }

    /// Seconds that engines have served all of their torrents. If the row is lost, the highest recorded mark is used.
    private func seedClock() throws(StoreError) -> Int64 {
        let known = try first("SELECT seconds FROM seed_clock") { (row) throws(StoreError) in try row.next(Int64.self) }
        if let known { return known }
        let noted =
            try first("SELECT coalesce(max(seed_mark), 0) FROM torrent") { (row) throws(StoreError) in
                try row.next(Int64.self)
            } ?? 0
        try setSeedClock(noted)
        return noted
    }

    private func setSeedClock(_ seconds: Int64) throws(StoreError) {
        try execute(
            "INSERT INTO seed_clock (id, seconds) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seconds = excluded.seconds",
            seconds)
    }

    private static let sum = "seeding_seconds + max(0, coalesce((SELECT seconds FROM seed_clock) - seed_mark, 0))"
}

/// The columns of a torrent's seed time: the sum of past times, and the clock's value at the start of the current one.
enum SeedTimeColumns {
    static let names = "t.seeding_seconds, t.seed_mark, (SELECT seconds FROM seed_clock)"

    static func read(_ row: Statement) throws(StoreError) -> Duration {
        let (sum, mark, clock) = (try row.nextBytes(), try row.next(Int64?.self), try row.next(Int64?.self))
        let (running, isBeyond) = (clock ?? 0).subtractingReportingOverflow(mark ?? .max)
        return .seconds(sum) + .seconds(isBeyond ? 0 : max(0, running))
    }
}
