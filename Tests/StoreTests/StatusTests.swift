import Store
import Testing

@Suite struct StatusTests {
    @Test func statusJoinsWhatIsKnown() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (0..<3).map { n in try connection.add(seed: UInt64(n)) { $0.extraTrackers = [["udp://b:1"]] } }
        for (tracker, seeders) in zip(try connection.trackers(of: ids[1]), [3, 8]) {
            var tracker = tracker
            (tracker.seeders, tracker.leechers) = (seeders, 1)
            try connection.saveTracker(tracker)
        }
        let live = LiveRow(torrent: ids[2], downloadRate: 1, uploadRate: 2, peersConnected: 3, seeders: 4, leechers: 5, timeLeft: nil, at: noon)
        try connection.saveLive([live])
        let rows = try connection.statusRows()
        #expect(rows.map(\.torrent.id) == ids)
        #expect(rows.map(\.trackerSeeders) == [nil, 8, nil])
        #expect(rows.map(\.live) == [nil, nil, live])
        #expect(try connection.statusRows(ids: [ids[2], TorrentID(99), ids[0]]) == [rows[2], rows[0]])
    }

    @Test func viewsCanBeRead() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        _ = try connection.add()
        _ = try connection.beginRun(pid: 1, version: "1", bootID: "b", now: noon)
        for (view, count) in [
            ("torrent", 1), ("file", 3), ("piece", 3), ("peer", 0), ("connection", 0), ("tracker", 1), ("volume", 0), ("event", 1), ("run", 1),
        ] {
            #expect(try connection.number("SELECT count(*) FROM v1_\(view)") == count, "\(view)")
        }
    }

    @Test func tenThousandTorrentsAreListedAtOnce() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let first = try connection.add()
        let count = 10_000
        try connection.transaction(durability: .lazy) { () throws(StoreError) in
            try connection.execute(
                """
                WITH RECURSIVE n (x) AS (SELECT 2 UNION ALL SELECT x + 1 FROM n WHERE x < ?)
                INSERT INTO torrent (info_hash, name, output, total_bytes, piece_length, piece_count, private, wanted_bytes, completed_bytes, added_at)
                SELECT randomblob(20), 'torrent ' || x, '/data', 1 << 30, 1 << 20, 1024, 0, 1 << 30, 1 << 30, 0 FROM n
                """, count)
            try connection.execute(
                """
                INSERT INTO tracker (torrent_id, url, tier, position, next_announce_at)
                SELECT id, 'http://b/', 1, 0, id FROM torrent WHERE id <> ?
                """, first)
            try connection.execute("INSERT INTO live SELECT id, 1, 2, 3, 4, 5, 6, 7 FROM torrent LIMIT 100")
        }
        let clock = ContinuousClock()
        let reader = clock.now
        let rows = try folder.connection(.readOnly).statusRows()
        print("status of \(count) torrents: \(reader.duration(to: clock.now)) with opening the database")
        #expect(rows.count == count)
        let due = clock.now
        #expect(try connection.dueTrackers(now: noon, limit: 100).count == 100)
        print("100 due trackers of \(count): \(due.duration(to: clock.now))")
    }
}
