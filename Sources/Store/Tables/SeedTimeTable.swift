/// The table `seed_clock`, and the columns of `torrent` that its time is added to.
///
/// One clock counts for all torrents of an engine, and each seeding torrent records the clock's value at its start.
/// Both start and end are recorded at the engine's next beat and rounded down, so that time may be lost, but time
/// without seeding is never counted.
package struct SeedTimeTable {
    let db: Connection

    /// The most torrents whose start is recorded in one beat.
    private static let beginningsPerBeat = 1000

    /// All torrents in the state `seeding` have seeded for the last `time`, in whole seconds.
    package func count(_ time: Duration) throws(StoreError) {
        let seconds = time.components.seconds
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            let now = try clock()
            // Torrents that stopped did so after the last beat, so the clock's value at that beat is safe to count.
            try db.execute(
                """
                UPDATE torrent SET seeding_seconds = \(Self.sum), seed_mark = NULL
                WHERE seed_mark IS NOT NULL AND (state <> 'seeding' OR paused <> 0)
                """)
            if seconds > 0 { try setClock(now + seconds) }
            // Without INDEXED BY, SQLite would scan all seeding torrents.
            try db.execute(
                """
                UPDATE torrent SET seed_mark = (SELECT seconds FROM seed_clock) WHERE id IN
                    (SELECT id FROM torrent INDEXED BY torrent_begins_seeding WHERE state = 'seeding' AND paused = 0 AND seed_mark IS NULL
                     LIMIT \(Self.beginningsPerBeat))
                """)
        }
    }

    /// Only these torrents have seeded for the last `time`, in whole seconds. They are not covered by the clock.
    package func count(_ time: Duration, of ids: some Sequence<TorrentID>) throws(StoreError) {
        let seconds = time.components.seconds
        guard seconds > 0 else { return }
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            for id in ids {
                try db.execute("UPDATE torrent SET seeding_seconds = seeding_seconds + ? WHERE id = ?", seconds, id)
            }
        }
    }

    /// Sets the seed time that the torrent's engine knows exactly. A value below the recorded one is ignored.
    package func raise(_ id: TorrentID, to time: Duration) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                "UPDATE torrent SET seeding_seconds = max(?, \(Self.sum)), seed_mark = NULL WHERE id = ?",
                time.components.seconds, id)
        }
    }

    /// The torrent stopped seeding at least `ago` before the clock's last beat, which was only detected now.
    package func end(_ id: TorrentID, ago: Duration) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                UPDATE torrent SET seed_mark = NULL,
                    seeding_seconds = seeding_seconds + max(0, coalesce((SELECT seconds FROM seed_clock) - ? - seed_mark, 0))
                WHERE id = ? AND seed_mark IS NOT NULL
                """, ago.components.seconds, id)
        }
    }

    /// Seconds that engines have served all of their torrents. If the row is lost, the highest recorded mark is used.
    private func clock() throws(StoreError) -> Int64 {
        if let known: Int64 = try db.value("SELECT seconds FROM seed_clock") { return known }
        let noted: Int64 = try db.value("SELECT coalesce(max(seed_mark), 0) FROM torrent") ?? 0
        try setClock(noted)
        return noted
    }

    private func setClock(_ seconds: Int64) throws(StoreError) {
        try db.execute(
            "INSERT INTO seed_clock (id, seconds) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seconds = excluded.seconds",
            seconds)
    }

    private static let sum = "seeding_seconds + max(0, coalesce((SELECT seconds FROM seed_clock) - seed_mark, 0))"
}
