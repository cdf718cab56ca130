/// The time for which torrents were there for others.
///
/// One clock counts for all torrents of an engine, and each that seeds notes what it said when it began. Both ends are
/// noted at the next beat of the engine and in the torrent's disfavour, so that time is lost, and never counted that
/// nobody was served in.
extension Connection {
    /// Torrents whose beginning is noted in one beat at most.
    private static let beginningsPerBeat = 1000

    /// All torrents whose state is `seeding` were there for others in the last `seconds`.
    package func countSeedTime(_ seconds: Int64) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            let clock = try seedClock()
            // What ended did so since the last beat: what the clock said then is sure.
            try execute(
                """
                UPDATE torrent SET seeding_seconds = \(Self.sum), seed_mark = NULL
                WHERE seed_mark IS NOT NULL AND (state <> 'seeding' OR paused <> 0)
                """)
            if seconds > 0 { try setSeedClock(clock + seconds) }
            // Left to itself, SQLite would look at all that seed.
            try execute(
                """
                UPDATE torrent SET seed_mark = (SELECT seconds FROM seed_clock) WHERE id IN
                    (SELECT id FROM torrent INDEXED BY torrent_begins_seeding WHERE state = 'seeding' AND paused = 0 AND seed_mark IS NULL
                     LIMIT \(Self.beginningsPerBeat))
                """)
        }
    }

    /// These torrents were there for others in the last `seconds`, and no others, of which the clock says nothing.
    package func countSeedTime(_ seconds: Int64, of ids: some Sequence<TorrentID>) throws(StoreError) {
        guard seconds > 0 else { return }
        try transaction(durability: .lazy) { () throws(StoreError) in
            for id in ids {
                try execute("UPDATE torrent SET seeding_seconds = seeding_seconds + ? WHERE id = ?", seconds, id)
            }
        }
    }

    /// The torrent has seeded for so long, as its engine knows exactly; less than is known is not believed.
    package func raiseSeedTime(_ id: TorrentID, to seconds: Int64) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                "UPDATE torrent SET seeding_seconds = max(?, \(Self.sum)), seed_mark = NULL WHERE id = ?", seconds, id)
        }
    }

    /// The torrent stopped to be there for others `ago` seconds before the clock's last beat at the latest, though that
    /// was found out only now.
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

    /// Seconds for which engines have served all of their torrents. Where the row is lost, it says what was noted last
    /// of it.
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

/// A torrent's seed time as its row has it: the sum of what is over, and since when it goes on.
enum SeedTimeColumns {
    static let names = "t.seeding_seconds, t.seed_mark, (SELECT seconds FROM seed_clock)"

    static func read(_ row: Statement) throws(StoreError) -> Duration {
        let (sum, mark, clock) = (try row.nextBytes(), try row.next(Int64?.self), try row.next(Int64?.self))
        let (running, isBeyond) = (clock ?? 0).subtractingReportingOverflow(mark ?? .max)
        return .seconds(sum) + .seconds(isBeyond ? 0 : max(0, running))
    }
}
