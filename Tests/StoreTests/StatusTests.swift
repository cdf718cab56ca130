import DatabaseLab
import Store
import Testing
import Torrent

@Suite struct StatusTests {
    @Test func statusJoinsTrackersAndLiveRows() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (0..<3).map { n in try connection.add(seed: UInt64(n)) { $0.extraTrackers = [["udp://b:1"]] } }
        for (tracker, seeders) in zip(try connection.trackers.rows(of: ids[1]), [3, 8]) {
            var tracker = tracker
            (tracker.seeders, tracker.leechers) = (seeders, 1)
            try connection.trackers.save(tracker)
        }
        let live = LiveRow(
            torrent: ids[2], downloadRate: 1, uploadRate: 2, peersConnected: 3, seeders: 4, leechers: 5, timeLeft: nil,
            at: noon)
        try connection.live.save([live])
        let rows = try connection.statusRows()
        #expect(rows.map(\.id) == ids)
        #expect(rows.map(\.scrape) == [Scrape(), Scrape(seeders: 8, leechers: 1), Scrape()])
        #expect(rows.map(\.line.live) == [nil, nil, live])
        #expect(try connection.statusRows(of: [ids[2], TorrentID(99), ids[0]]) == [rows[2], rows[0]])
        #expect(try connection.statusLines() == rows.map(\.line))
        #expect(try connection.statusLines(of: [ids[1], ids[1]]) == [rows[1].line, rows[1].line])
        #expect(try connection.torrents.count() == 3)
    }

    /// What is read beside the torrents has gaps, several rows a torrent, and, in a damaged database, rows of torrents
    /// that are not there.
    @Test(arguments: 0..<20) func joinedRowsBelongToTheirTorrent(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        var generator = SeededGenerator(seed: seed)
        var scrapes: [TorrentID: Scrape] = [:]
        var lives: [TorrentID: Int64] = [:]
        for n in 0..<12 {
            _ = try connection.add(seed: UInt64(n)) { $0.extraTrackers = [["udp://b:1"], ["udp://c:1"]] }
        }
        for id in try connection.torrents.rows().map(\.id) {
            var scrape = Scrape()
            for var tracker in try connection.trackers.rows(of: id) {
                tracker.seeders = [nil, 0, 7, 300].randomElement(using: &generator)!
                tracker.leechers = [nil, 0, 5].randomElement(using: &generator)!
                try connection.trackers.save(tracker)
                scrape.seeders = [scrape.seeders, tracker.seeders].compactMap { $0 }.max()
                scrape.leechers = [scrape.leechers, tracker.leechers].compactMap { $0 }.max()
            }
            scrapes[id] = scrape
            guard Bool.random(using: &generator) else { continue }
            lives[id] = id.rawValue
            try connection.live.save([
                LiveRow(
                    torrent: id, downloadRate: id.rawValue, uploadRate: 0, peersConnected: 0, seeders: 0, leechers: 0,
                    timeLeft: nil, at: noon)
            ])
        }
        // Without the checks that every connection has: rows of the others stay behind.
        try connection.executeScript("PRAGMA foreign_keys=OFF")
        let gone = (1...12).map { TorrentID($0) }.filter { _ in Bool.random(using: &generator) }
        for id in gone { try connection.execute("DELETE FROM torrent WHERE id = ?", id) }
        let left = (1...12).map { TorrentID($0) }.filter { !gone.contains($0) }
        let rows = try connection.statusRows()
        #expect(rows.map(\.id) == left)
        #expect(rows.map(\.scrape) == left.map { scrapes[$0] }, "replay with seed \(seed)")
        #expect(rows.map(\.line.live?.downloadRate) == left.map { lives[$0] }, "replay with seed \(seed)")
        let some = left.shuffled(using: &generator).prefix(3)
        #expect(
            try connection.statusRows(of: Array(some)) == some.map { id in rows[left.firstIndex(of: id)!] },
            "replay with seed \(seed)")
    }

    /// Folders that are equal, that differ in one byte or in length, and that aren't ASCII; with and without the
    /// row of the clock.
    @Test(arguments: [true, false]) func listsSayTheSameAsTheTorrents(hasClock: Bool) throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let outputs = ["/data", "/data", "/date", "/date/longer", "/date", "/d\u{e9}", "/d\u{e8}", "/", "/", "/data"]
        for (n, output) in outputs.enumerated() {
            let id = try connection.add(seed: UInt64(n)) { $0.output = output }
            try connection.torrents.setState(id, n % 3 == 0 ? .seeding : .queued)
        }
        try connection.seedTimes.count(.seconds(2))
        try connection.seedTimes.count(.seconds(5))
        if !hasClock { try connection.execute("DELETE FROM seed_clock") }
        let (rows, torrents) = (try connection.statusRows(), try connection.torrents.rows())
        #expect(rows.map(\.output) == outputs)
        #expect(rows.map { .seconds($0.seedingSeconds) } == torrents.map(\.seedTime))
        #expect(rows.map(\.seedingSeconds).contains { $0 > 0 } == hasClock)
        #expect(rows.map(\.pieceLength) == torrents.map(\.pieceLength))
        #expect(rows.map(\.totalBytes) == torrents.map(\.totalBytes))
        #expect(rows.map(\.line.wantedBytes) == torrents.map(\.wantedBytes))
        #expect(rows.map(\.line.pieceCount) == torrents.map(\.pieceCount))
        #expect(rows.map(\.line.hasMetadata) == torrents.map(\.hasMetadata))
    }

    @Test func abandonedStatusWalkCanRestart() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        for n in 0..<3 { _ = try connection.add(seed: UInt64(n)) }
        var seen = 0
        let error = try failure {
            try connection.status.forEachRow { (_) throws(StoreError) in
                seen += 1
                if seen == 2 { throw connection.noTorrent(TorrentID(2)) }
            }
        }
        #expect(error.code == .notFound && seen == 2)
        var pairs: [[TorrentID]] = []
        try connection.status.forEachRow { (outer) throws(StoreError) in
            try connection.status.forEachRow { (inner) throws(StoreError) in pairs.append([outer.id, inner.id]) }
        }
        let ids = (1...3).map { TorrentID($0) }
        #expect(pairs == ids.flatMap { outer in ids.map { [outer, $0] } })
    }

    @Test func publicViewsCanBeRead() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        _ = try connection.add()
        _ = try connection.runs.begin(pid: 1, version: "1", bootID: "b", now: noon)
        for (view, count) in [
            ("torrent", 1), ("file", 3), ("piece", 3), ("peer", 0), ("connection", 0), ("tracker", 1), ("volume", 0),
            ("event", 2), ("run", 1),
        ] {
            #expect(try connection.number("SELECT count(*) FROM v1_\(view)") == count, "\(view)")
        }
    }

    @Test func tenThousandTorrentsAreListed() throws {
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
            try connection.execute("INSERT INTO live SELECT id, 1, 2, 3, 4, 5, 6, 7, NULL FROM torrent LIMIT 100")
        }
        let clock = ContinuousClock()
        let reader = clock.now
        let rows = try folder.connection(.readOnly).statusLines()
        print("status of \(count) torrents: \(reader.duration(to: clock.now)) with opening the database")
        #expect(rows.count == count)
        let due = clock.now
        #expect(try connection.trackers.dueTorrents(now: noon, limit: 100).count == 100)
        print("100 due trackers of \(count): \(due.duration(to: clock.now))")
    }
}

extension Connection {
    fileprivate func statusRows(of ids: [TorrentID]? = nil) throws(StoreError) -> [StatusRow] {
        var rows: [StatusRow] = []
        try status.forEachRow(of: ids.map { .listed($0) } ?? .all) { (row) throws(StoreError) in rows.append(row) }
        return rows
    }

    fileprivate func statusLines(of ids: [TorrentID]? = nil) throws(StoreError) -> [StatusLine] {
        var lines: [StatusLine] = []
        try status.forEachLine(of: ids.map { .listed($0) } ?? .all) { (line) throws(StoreError) in lines.append(line) }
        return lines
    }
}
