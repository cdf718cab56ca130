import Migrations
import Store
import Testing
import Torrent

@Suite struct PathTests {
    private func paths(_ connection: Connection, of id: TorrentID) throws -> [String] {
        try connection.rows("SELECT path || ' ' || length || ' ' || pad FROM path WHERE torrent_id = ? ORDER BY idx", id) {
            (row) throws(StoreError) in
            try row.next(String.self)
        }
    }

    @Test func everyFileOfAnAddedTorrentHasItsName() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add(seed: 4, files: 2)
        #expect(try paths(connection, of: id) == ["torrent 4/file 0 16384 0", "torrent 4/file 1 16384 0"])
        try connection.removeTorrent(id, now: noon)
        #expect(try paths(connection, of: id) == [])
    }

    /// A torrent that schema 1 knew is named by the step to schema 2; one whose metainfo can't be read keeps nobody from it.
    @Test func theStepFromSchemaOneNamesTheFilesOfWhatIsThere() throws {
        let folder = try TemporaryFolder()
        let connection = try Connection(folder.database, mode: .readWriteCreate)
        #expect(try Migrator.migrate(connection, to: Array(Migration.all.prefix(1)), now: noon) == 1)
        for seed in [7, 8] as [UInt64] {
            let info = try madeUp(seed: seed, files: 3)
            try connection.execute(
                """
                INSERT INTO torrent (id, info_hash, name, output, total_bytes, piece_length, piece_count, private, wanted_bytes, added_at)
                VALUES (?, ?, 'old', '/data', 1, 16384, 3, 0, 1, 0)
                """, Int(seed), info.infoHash)
            try connection.execute(
                "INSERT INTO metainfo (torrent_id, pieces_offset, info_offset, info_length, file) VALUES (?, 0, 0, 1, ?)",
                Int(seed), seed == 7 ? Array("no torrent".utf8) : info.file)
        }
        #expect(try Migrator.migrate(connection, now: noon) == Migration.all.count - 1)
        #expect(try paths(connection, of: TorrentID(rawValue: 7)) == [])
        #expect(try paths(connection, of: TorrentID(rawValue: 8)).count == 3)
    }
}
