import FoundationEssentials
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

/// `status --json` reads the tables; other programs read the views. Both report the same.
struct StatusViewTests {
    private static let texts = ["info_hash", "name", "state", "error", "output"]
    private static let numbers = [
        "id", "total_bytes", "wanted_bytes", "completed_bytes", "piece_length", "piece_count", "pieces_have",
        "downloaded_bytes", "uploaded_bytes", "wasted_bytes", "added_at", "completed_at", "last_verified_at",
        "seeding_seconds",
    ]
    /// What an engine reports: `status` says 0 where a view has NULL.
    private static let reports = ["download_rate", "upload_rate", "peers_connected"]
    /// What all trackers of a torrent report together.
    private static let sums = ["seeders", "leechers"]
    /// What `status` computes from several columns, and a view doesn't have.
    private static let computed = ["progress", "eta_seconds", "web_seeds", "spread_pieces"]
    /// What another view has.
    private static let elsewhere = ["destination", "labels", "note"]

    @Test(arguments: [false, true]) func viewsReportTheSameAsTheJSONStatus(isBusy: Bool) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down")
            let path = FilePath(program.database.path)
            let db = try Connection.open(path, mode: .readWrite, now: .now())
            var lock: DatabaseLock?
            if isBusy {
                lock = try DatabaseLock.acquire(database: path, now: .now())
                try Self.fill(db)
            }
            let torrent = try #require(try await program.torrents().first)
            for name in Self.texts {
                let seen = try db.value("SELECT \(name) FROM v1_torrent", as: String?.self) ?? nil
                #expect(torrent[name] as? String == seen, "\(name)")
            }
            for name in Self.numbers {
                let seen = try db.value("SELECT \(name) FROM v1_torrent", as: Int?.self) ?? nil
                #expect(torrent[name] as? Int == seen, "\(name)")
            }
            for name in Self.reports {
                #expect(
                    torrent[name] as? Int == (try db.value("SELECT coalesce(\(name), 0) FROM v1_torrent")), "\(name)")
            }
            #expect(
                Set(torrent.keys)
                    == Set(Self.texts + Self.numbers + Self.reports + Self.computed).union(Self.sums + Self.elsewhere),
                "a field of StatusJSON was added or removed: compare it with the view here")
            for name in Self.sums {
                let seen = try db.value("SELECT max(\(name)) FROM v1_tracker", as: Int?.self) ?? nil
                #expect(torrent[name] as? Int == seen, "\(name)")
            }
            withExtendedLifetime(lock) {}
        }
    }

    /// Gives every column a value of its own, as a running engine would.
    private static func fill(_ db: Connection) throws {
        let now = Timestamp.now()
        _ = try db.runs.begin(pid: 7, version: "1", bootID: "b", now: now)
        try db.execute("INSERT INTO seed_clock (id, seconds) VALUES (1, 100)")
        try db.execute(
            """
            UPDATE torrent SET state = 'offline', error = 'the disk is away', completed_bytes = 98304, pieces_have = 3, downloaded_bytes = 11,
                uploaded_bytes = 12, wasted_bytes = 13, completed_at = 14, last_verified_at = 15, seeding_seconds = 16, seed_mark = 83
            """)
        let id = TorrentID(1)
        // It stays fresh for the time of a slow machine's test.
        try db.live.save([
            LiveRow(
                torrent: id, downloadRate: 18, uploadRate: 19, peersConnected: 20, seeders: 21, leechers: 22,
                timeLeft: .seconds(23), at: now + .seconds(600))
        ])
        try db.trackers.add(id, tiers: [["http://a.example/announce"], ["http://b.example/announce"]], now: now)
        try db.trackers.saveScrape(
            id, "http://a.example/announce", seeders: 24, leechers: 25, downloads: 26, now: now)
        try db.trackers.saveScrape(
            id, "http://b.example/announce", seeders: 3, leechers: 27, downloads: 28, now: now)
    }
}
