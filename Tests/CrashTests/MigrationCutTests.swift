import CrashLab
import Migrations
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The power goes while an old database is brought to a newer schema: it is the one or the other, with all of its
/// facts.
@Suite struct MigrationCutTests {
    /// Steps that this program doesn't have: a table that is rebuilt, and one that is filled from others.
    private static let newer =
        Migration.all + [
            Migration(
                number: Migration.all.count + 1, name: "rebuilt",
                sql: """
                    CREATE TABLE setting_new (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL DEFAULT 0) STRICT;
                    INSERT INTO setting_new (key, value) SELECT key, value FROM setting;
                    -- A view of it would refer to nothing meanwhile.
                    DROP VIEW v1_scrub_policy;
                    DROP TABLE setting;
                    ALTER TABLE setting_new RENAME TO setting;
                    """),
            Migration(
                number: Migration.all.count + 2, name: "filled",
                sql: """
                    CREATE TABLE had (torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE, pieces INTEGER NOT NULL) STRICT;
                    INSERT INTO had SELECT id, pieces_have FROM torrent;
                    """),
        ]
    private static let settings = 300

    @Test(arguments: 1...3) func schemaIsOldOrNewAndComplete(seed: UInt64) async throws {
        let torrent = try SampleTorrent("migrated.bin", length: 1 << 20, pieceLength: 16384, seed: seed)
        let (entries, old) = try await withScratchFolder { folder in try Self.record(torrent, in: folder) }
        let run = RecordedRun("a migration", seed: seed, [CrashPart(torrent)], entries, first: old)
        var found: Set<Int> = []
        let states = (0..<60).map { run.state($0) }.sorted { $0.position < $1.position }
        var model = DiskModel()
        var applied = 0
        for state in states {
            while applied < state.position {
                model.apply(entries[applied])
                applied += 1
            }
            let disk = model.after(state.cut)
            try await withScratchFolder { folder in
                try disk.materialise(in: folder)
                let database = folder.appending(CrashSite.databaseName)
                found.insert(try Self.look(database, torrent, "seed \(seed), state \(state.number)"))
            }
        }
        #expect(found == Set(Migration.all.count...Self.newer.count), "cuts before, between and after the steps")
    }

    /// A database of this program's schema with facts in it, closed, and then one that is migrated; and where the
    /// second begins.
    private static func record(_ torrent: SampleTorrent, in folder: FilePath) throws -> ([LogEntry], Int) {
        let site = CrashSite(try Recording(in: folder))
        let id = try site.add(CrashPart(torrent))
        let connection = try site.connect()
        for n in 0..<settings { try connection.settings.set("key \(n)", "value \(n)") }
        var record = ProgressRecord(torrent: id, verifiedAt: .now())
        record.newPieces = Array(torrent.geometry.pieces)
        record.completedBytes = torrent.geometry.totalBytes
        _ = try connection.pieces.record([record])
        try connection.checkpoint()
        let old = site.recording.entries.count
        try Migrator.migrate(
            try Connection(site.database, mode: .readWrite, options: site.options), to: newer, now: .now())
        return (site.recording.entries, old)
    }

    /// Which schema the database has; it is then brought to the newest.
    private static func look(_ database: FilePath, _ torrent: SampleTorrent, _ what: Comment) throws -> Int {
        let connection = try Connection(database, mode: .readWrite)
        // What SQLite itself says: these schemas are newer than any that the program knows.
        let findings = try connection.values("PRAGMA integrity_check", as: String.self)
        #expect(findings == ["ok"], what)
        let schema = try connection.value("SELECT max(number) FROM schema_migration", as: Int.self)
        try Migrator.migrate(connection, to: newer, now: .now())
        let facts = try connection.value(
            "SELECT count(*) FROM setting WHERE value = 'value ' || substr(key, 5)", as: Int.self)
        #expect(facts == settings, what)
        let had = try connection.value("SELECT pieces FROM had", as: Int.self)
        #expect(had == torrent.geometry.pieceCount, what)
        let row = try #require(try connection.torrents.row(torrent.infoHash), what)
        #expect(try connection.pieces.have(of: row.id, count: torrent.geometry.pieceCount).isFull, what)
        return try #require(schema)
    }
}
