import CSQLite
import DatabaseLab
import Migrations
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

/// Every released schema, with rows in it, becomes the present one, or stays what it was.
@Suite struct MigrationDataTests {
    /// The versions that a database in use may have.
    private static let released = Array(1..<Migration.all.count)

    /// A database of that version with a row in each table that schema 1 has, by plain SQL.
    private func make(_ folder: TemporaryFolder, version: Int) throws -> Connection {
        let db = try Connection(folder.database, mode: .readWriteCreate)
        try Migrator.migrate(db, to: Array(Migration.all.prefix(version)), now: noon)
        let metainfo = try madeUp(seed: 3, files: 20)
        try db.execute("INSERT INTO volume (id, identity, mount_path, last_seen) VALUES (1, 'uuid', '/mnt', 5)")
        try db.execute(
            """
            INSERT INTO torrent (id, info_hash, name, output, total_bytes, piece_length, piece_count, private, wanted_bytes, completed_bytes,
                pieces_have, added_at, root_seen, volume_id, state, seed_goal, seed_ratio)
            VALUES (7, ?, ?, '/data', ?, 16384, 20, 0, ?, 32768, 2, 5, 1, 1, 'seeding', 'ratio', 2.5)
            """, metainfo.infoHash, metainfo.name, metainfo.geometry.totalBytes, metainfo.geometry.totalBytes)
        try db.execute(
            "INSERT INTO metainfo (torrent_id, pieces_offset, info_offset, info_length, file) VALUES (7, ?, ?, ?, ?)",
            metainfo.pieceHashesRange.lowerBound, metainfo.infoRange.lowerBound, metainfo.infoRange.count, metainfo.file
        )
        for sql in [
            "INSERT INTO file (torrent_id, idx, wanted, completed_bytes, size, mtime_ns, inode, device, fingerprint_at) VALUES (7, 1, 1, 9, 9, 8, 7, 6, 5)",
            "INSERT INTO bitfield (torrent_id, page, have, opened, verified_at) VALUES (7, 0, x'C00000', x'200000', 5)",
            "INSERT INTO partial_piece (torrent_id, piece, blocks) VALUES (7, 4, x'80')",
            "INSERT INTO peer (torrent_id, address, source, first_seen, last_seen) VALUES (7, '10.0.0.1:6881', 'tracker', 4, 5)",
            "INSERT INTO tracker (torrent_id, url, tier, position) VALUES (7, 'http://a.example/announce', 0, 0)",
            "INSERT INTO run (id, pid, started_at, heartbeat_at, version, boot_id) VALUES (3, 9, 4, 5, '0.1', 'boot')",
            "INSERT INTO event (id, at, torrent_id, kind, detail) VALUES (11, 5, 7, 'added', 'x')",
            "INSERT INTO setting (key, value) VALUES ('a', 'b')",
            "INSERT INTO intent (id, at, verb) VALUES (2, 5, 'stop')",
            "INSERT INTO live (torrent_id, download_rate, upload_rate, peers_connected, seeders, leechers, at) VALUES (7, 1, 2, 3, 4, 5, 6)",
        ] { try db.execute(sql) }
        // From schema 7 on the program writes this with the torrent.
        if version >= 7 { try db.roots.rebuild() }
        return db
    }

    private func expectAll(_ db: Connection) throws {
        #expect(try db.integrityFaults() == [])
        let row = try #require(try db.torrents.row(TorrentID(7)))
        #expect(
            row.name == "torrent 3" && row.settings.seedGoal == .ratio(2.5) && row.state == .seeding
                && row.damage == nil)
        #expect(try db.pieces.claims(of: row.id, count: 20).have.population == 2)
        #expect(try db.pieces.claims(of: row.id, count: 20).writeIntents.population == 1)
        #expect(try db.files.fingerprints(of: row.id).map(\.print.inode) == [7])
        #expect(try db.pieces.partials(of: row.id).map(\.piece) == [PieceIndex(4)])
        #expect(try db.peers.rows(of: row.id).count == 1 && db.trackers.rows(of: row.id).count == 1)
        #expect(try db.runs.last()?.pid == 9)
        #expect(try db.events.rows(limit: 5).map(\.id) == [11])
        #expect(try db.settings.value("a") == "b" && db.live.row(of: row.id)?.leechers == 5)
        #expect(try db.roots.neighbours(at: "/data/torrent 3").map(\.id) == [row.id])
        #expect(try db.roots.folders(within: "/data") == ["/data"])
    }

    @Test(arguments: released) func everyReleasedSchemaIsMigrated(version: Int) throws {
        let folder = try TemporaryFolder()
        _ = try make(folder, version: version)
        try expectAll(try folder.connection(.readWrite))
        // What it does from here on holds for the old rows, too.
        let db = try folder.connection(.readWrite)
        var record = ProgressRecord(torrent: TorrentID(7), verifiedAt: noon)
        record.newPieces = pieces([2])
        try db.pieces.record([record])
        #expect(try db.pieces.have(of: TorrentID(7), count: 20).population == 3)
    }

    /// Until schema 20 the kind of an error was told by its words alone.
    @Test func readOnlyErrorsOfOlderSchemasHaveACode() throws {
        let folder = try TemporaryFolder()
        let old = try make(folder, version: 20)
        let sentence = "the torrent is read-only, and 1 piece is missing: pieces serves what is there; mount it"
        for (state, error, code) in [
            ("error", sentence, ErrorCode.readOnly), ("error", "the disk is full", nil), ("offline", sentence, nil),
        ] {
            try old.execute("UPDATE torrent SET state = ?, error = ?", state, error)
            let copy = try TemporaryFolder()
            try old.backup(to: copy.database)
            let row = try #require(try copy.connection(.readWrite).torrents.row(TorrentID(7)))
            #expect(row.errorCode == code && row.isServedAsItIs == (code != nil) && row.error == error)
        }
    }

    /// A damaged database of an older schema is mended and brought up to date.
    @Test(arguments: released) func damagedOlderSchemaIsRecovered(version: Int) async throws {
        let folder = try TemporaryFolder()
        _ = try make(folder, version: version)
        // The file's own count of schema changes says nothing to us; its text encoding does to SQLite.
        var bytes = try read(folder.database)
        bytes[18] = 9
        bytes[0] ^= 1
        try write(bytes, to: folder.database)
        let opened = try await Store.openRecovering(folder.database, now: noon) { db throws(StoreError) in
            try db.torrents.rows().map(\.id)
        }
        #expect(opened.value == [TorrentID(7)])
        #expect(opened.opening.recovery?.salvaged == 1)
        let settings = try await opened.store.perform { db throws(StoreError) in try db.settings.value("a") }
        #expect(settings == "b")
    }

    /// A migration that is cut off after any of its statements, in any version, leaves what was there before it.
    @Test(arguments: Migration.all.map(\.number)) func interruptedMigrationLeavesTheOldSchema(number: Int) throws {
        let folder = try TemporaryFolder()
        let before = Array(Migration.all.prefix(number - 1))
        let statements = try Self.statements(of: Migration.all[number - 1].sql)
        #expect(!statements.isEmpty)
        let db =
            number == 1
            ? try Connection(folder.database, mode: .readWriteCreate) : try make(folder, version: number - 1)
        let schema = try Self.schema(db)
        for cut in 0...statements.count {
            let sql = statements.prefix(cut).joined() + "\nINSERT INTO nowhere VALUES (1)"
            let broken = Migration(number: number, name: "broken", sql: sql)
            #expect(throws: StoreError.self) { try Migrator.migrate(db, to: before + [broken], now: noon) }
            #expect(try Self.schema(db) == schema, "cut after \(cut) statements")
            #expect(try db.number("PRAGMA user_version") == number - 1)
        }
        // Nothing stands in the way of the whole one.
        try Migrator.migrate(db, now: noon)
        if number > 1 { try expectAll(db) }
    }

    private static func schema(_ db: Connection) throws -> [String] {
        try db.values("SELECT name || coalesce(sql, '') FROM sqlite_schema ORDER BY 1", as: String.self)
    }

    /// The statements of a script, as SQLite cuts it.
    private static func statements(of script: String) throws -> [String] {
        var handle: OpaquePointer?
        #expect(sqlite3_open(":memory:", &handle) == SQLITE_OK)
        defer { sqlite3_close_v2(handle) }
        // Schemas build on those before them.
        for migration in Migration.all where migration.sql != script {
            guard sqlite3_exec(handle, migration.sql, nil, nil, nil) == SQLITE_OK else { break }
        }
        return try script.withCString { start in
            var found: [String] = []
            var rest = start
            while rest.pointee != 0 {
                var statement: OpaquePointer?
                var tail: UnsafePointer<CChar>?
                try #require(
                    sqlite3_prepare_v2(handle, rest, -1, &statement, &tail) == SQLITE_OK,
                    "\(String(cString: sqlite3_errmsg(handle)))")
                defer { sqlite3_finalize(statement) }
                let next = try #require(tail)
                if statement != nil {
                    found.append(
                        String(decoding: UnsafeRawBufferPointer(start: rest, count: next - rest), as: UTF8.self))
                    #expect(sqlite3_step(statement) == SQLITE_DONE)
                }
                rest = next
            }
            return found
        }
    }

    /// A header that speaks of another version than the migrations that are recorded is damaged, not newer.
    @Test(arguments: [0, 1, 99, 1 << 20]) func versionWithoutItsMigrationsIsReportedAsDamage(version: Int) throws {
        let folder = try TemporaryFolder()
        try folder.connection().execute("PRAGMA user_version=\(version == 1 ? Migration.all.count + 1 : version)")
        #expect(try failure { _ = try folder.connection(.readOnly) }.code == .corrupt)
        #expect(try failure { _ = try folder.connection(.readWrite) }.code == .corrupt)
    }

    /// A database whose header or whose record of migrations speaks of an older schema: its rows have more columns than
    /// that one's tables.
    @Test(arguments: ["DELETE FROM schema_migration WHERE number > 1", "PRAGMA user_version=1"])
    func damagedVersionLosesNoTorrent(sql: String) async throws {
        let folder = try TemporaryFolder()
        try make(folder, version: Migration.all.count).execute(sql)
        let opened = try await Store.openRecovering(folder.database, now: noon) { db throws(StoreError) in
            try db.torrents.rows().map(\.id)
        }
        #expect(opened.value == [TorrentID(7)])
        #expect(opened.opening.recovery?.salvaged == 1)
    }

    @Test func flippedChecksumByteIsReportedAsDamage() throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        try db.execute("UPDATE schema_migration SET checksum = 'x' || substr(checksum, 2) WHERE number = 1")
        #expect(try failure { _ = try folder.connection(.readOnly) }.code == .corrupt)
        try db.execute("UPDATE schema_migration SET checksum = '0123456789abcdef' WHERE number = 1")
        #expect(try failure { _ = try folder.connection(.readOnly) }.code == .changedMigration)
    }
}
