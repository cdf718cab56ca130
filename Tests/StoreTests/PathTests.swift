import DatabaseLab
import Migrations
import Recovery
import Store
import Testing
import Torrent

@Suite struct PathTests {
    private func paths(_ connection: Connection, of id: TorrentID) throws -> [String] {
        try connection.values(
            "SELECT path || ' ' || length || ' ' || pad FROM path WHERE torrent_id = ? ORDER BY idx", id,
            as: String.self)
    }

    @Test func everyFileOfAnAddedTorrentIsNamed() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add(seed: 4, files: 2)
        #expect(try paths(connection, of: id) == ["torrent 4/file 0 16384 0", "torrent 4/file 1 16384 0"])
        try connection.torrents.remove(id, now: noon)
        #expect(try paths(connection, of: id) == [])
    }

    /// A torrent that schema 1 knew is named by the step to schema 2; one whose metainfo can't be read keeps nobody
    /// from it.
    @Test func migrationFromSchemaOneNamesExistingFiles() throws {
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

    /// Two files whose names aren't UTF-8, and two that differ in Unicode normalization alone, of a torrent with its
    /// .torrent's bytes.
    private static func oddlyNamed() throws -> Metainfo {
        let names: [[UInt8]] = [[0x63, 0xe9], [0xe9, 0x62], Array("\u{e9}".utf8), Array("e\u{301}".utf8)]
        var info = Array("d5:filesl".utf8)
        for name in names { info += Array("d6:lengthi1e4:pathl\(name.count):".utf8) + name + Array("ee".utf8) }
        info +=
            Array("e4:name1:d12:piece lengthi16384e6:pieces20:".utf8) + pieceHash(seed: 1, piece: 0) + Array("e".utf8)
        return try Metainfo(torrentFile: Array("d4:info".utf8) + info + Array("e".utf8))
    }

    private static let byBytes = [
        "d/" + PathText.text([0x63, 0xe9]), "d/" + PathText.text([0xe9, 0x62]), "d/\u{e9}", "d/e\u{301}",
    ]
    private static let byTheFirstRule = ["d/c\u{e9}", "d/\u{e9}b", "d/\u{e9}", "d/e\u{301} (2)"]

    private func texts(_ layout: FileLayout) -> [[UInt8]] { layout.files.map { Array($0.displayPath.utf8) } }
    private func utf8(_ paths: [String]) -> [[UInt8]] { paths.map { Array($0.utf8) } }

    @Test func newTorrentKeepsItsNameBytes() throws {
        let connection = try TemporaryFolder().connection()
        let metainfo = try Self.oddlyNamed()
        let id = try connection.torrents.insert(NewTorrent(metainfo: metainfo, output: "/data"), now: noon)
        #expect(try utf8(paths(connection, of: id)) == utf8(Self.byBytes.map { $0 + " 1 0" }))
        #expect(try texts(connection.paths.asAdded(metainfo, id).layout) == utf8(Self.byBytes))
    }

    /// A torrent that an earlier version added finds its files under the names that they got then, also after the
    /// database was mended.
    @Test func oldTorrentKeepsItsFileNames() async throws {
        let folder = try TemporaryFolder()
        let metainfo = try Self.oddlyNamed()
        do {
            let connection = try folder.connection()
            let id = try connection.torrents.insert(NewTorrent(metainfo: metainfo, output: "/data"), now: noon)
            for (index, path) in Self.byTheFirstRule.enumerated() {
                try connection.execute("UPDATE path SET path = ? WHERE torrent_id = ? AND idx = ?", path, id, index)
            }
            let known = try connection.paths.asAdded(metainfo, id)
            #expect(texts(known.layout) == utf8(Self.byTheFirstRule) && known.infoHash == metainfo.infoHash)
            #expect(try texts(connection.paths.asAdded(known, id).layout) == utf8(Self.byTheFirstRule))
            try connection.checkpoint()
        }
        var bytes = try read(folder.database)
        bytes[0] ^= 1
        try write(bytes, to: folder.database)
        let opened = try await Store.openRecovering(folder.database, now: noon) { db throws(StoreError) in
            try db.paths.asAdded(metainfo, TorrentID(1))
        }
        #expect(opened.opening.recovery != nil && texts(opened.value.layout) == utf8(Self.byTheFirstRule))
    }

    /// Before there were rows for them the rule was the first.
    @Test func migrationFromSchemaOneUsesTheFirstNamingRule() throws {
        let folder = try TemporaryFolder()
        let connection = try Connection(folder.database, mode: .readWriteCreate)
        try Migrator.migrate(connection, to: Array(Migration.all.prefix(1)), now: noon)
        let metainfo = try Self.oddlyNamed()
        try connection.execute(
            """
            INSERT INTO torrent (id, info_hash, name, output, total_bytes, piece_length, piece_count, private, wanted_bytes, added_at)
            VALUES (1, ?, 'd', '/data', 4, 16384, 1, 0, 4, 0)
            """, metainfo.infoHash)
        try connection.execute(
            "INSERT INTO metainfo (torrent_id, pieces_offset, info_offset, info_length, file) VALUES (1, 0, 0, 1, ?)",
            metainfo.file)
        try Migrator.migrate(connection, now: noon)
        #expect(try texts(connection.paths.asAdded(metainfo, TorrentID(1)).layout) == utf8(Self.byTheFirstRule))
    }
}
