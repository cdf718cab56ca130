import DatabaseLab
import Migrations
import Store
import Testing
import Torrent

/// Torrents of which only the magnet link is known.
@Suite struct MagnetTableTests {
    private static let sender = PeerAddress(.v4(0x0a00_0001), port: 1)
    private static let other = PeerAddress(.v4(0x0a00_0002), port: 2)

    private func open(_ folder: TemporaryFolder) throws -> Connection {
        try Connection.open(folder.database, mode: .readWriteCreate, now: noon)
    }

    private func add(_ metainfo: Metainfo, _ db: Connection, _ change: (inout NewMagnet) -> Void = { _ in }) throws
        -> TorrentID
    {
        let link = MagnetLink(
            infoHash: metainfo.infoHash, name: "a/link", trackers: ["udp://a.example:1", "udp://b.example:1"],
            peers: [MagnetPeer("10.0.0.9:5"), MagnetPeer("host.example:5")].compactMap(\.self))
        var new = NewMagnet(link: link, output: "/data")
        change(&new)
        return try db.magnets.insert(new, now: noon)
    }

    @Test func magnetIsATorrentWithoutGeometry() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let metainfo = try madeUp(seed: 3, files: 20)
        let id = try add(metainfo, db)
        let row = try #require(try db.torrents.row(id))
        #expect(row.state == .metadata && !row.hasMetadata && !row.isComplete && row.damage == nil)
        #expect(row.name == "a/link" && row.totalBytes == 0 && row.pieceCount == 0 && !row.isPrivate)
        #expect(try db.torrents.incomplete() == [id])
        #expect(try db.queue.line().map(\.id) == [id])
        #expect(try db.torrents.tally(of: [id]).complete == 0)
        #expect(try db.torrents.outputSums(limit: 5).map(\.missingBytes) == [0])
        // Each tracker is a tier of its own, and peers are known at once.
        #expect(try db.trackers.rows(of: id).map(\.tier) == [0, 1])
        #expect(try db.peers.rows(of: id).map(\.source) == [.manual])
        #expect(try db.torrents.find("magnet:?xt=urn:btih:\(metainfo.infoHash)").id == id)
        #expect(throws: StoreError.self) { try db.torrents.find("magnet:?xt=urn:btih:x") }
        let error = try failure { _ = try add(metainfo, db) }
        #expect(error.code == .alreadyPresent && error.torrent == id)
        var lines: [StatusRow] = []
        try db.status.forEachRow { (row) throws(StoreError) in lines.append(row) }
        #expect(lines.map(\.line.hasMetadata) == [false] && lines.map(\.line.isComplete) == [false])
        #expect(try db.value("SELECT piece_length IS NULL AND total_bytes IS NULL FROM v1_torrent") == true)
        #expect(try db.integrityFaults() == [])
    }

    @Test func blocksAreKeptBySize() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let id = try add(try madeUp(seed: 3, files: 2), db)
        let first = [UInt8](repeating: 1, count: 16384)
        try db.magnets.save(id, size: 20000, index: 0, from: Self.sender, first)
        #expect(try db.magnets.assembled(id, size: 20000) == nil)
        try db.magnets.save(id, size: 20000, index: 1, from: Self.other, [UInt8](repeating: 2, count: 3616))
        try db.magnets.save(id, size: 16384, index: 0, from: Self.other, first)
        #expect(try db.magnets.assembled(id, size: 20000)?.count == 20000)
        #expect(try db.magnets.assembled(id, size: 16384) == first)
        #expect(try db.magnets.blocks(of: id).map(\.size) == [16384, 20000, 20000])
        try db.magnets.dropBlocks(id, size: 20000, exceptOf: Self.sender)
        #expect(try db.magnets.blocks(of: id).map(\.sender) == [Self.other, Self.sender])
        try db.magnets.setOffer(id, bytes: 20000, peers: 3)
        #expect(try db.value("SELECT blocks || ' of ' || block_count FROM v1_magnet") == "1 of 2")
        // A block that comes late doesn't matter.
        try db.torrents.remove(id, now: noon)
        try db.magnets.save(id, size: 20000, index: 1, from: Self.other, [1])
        #expect(try db.value("SELECT count(*) FROM metadata_block") == 0)
    }

    @Test func arrivalMakesAnOrdinaryTorrent() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let metainfo = try madeUp(seed: 3, files: 20)
        let id = try add(metainfo, db) { $0.patterns = ["2-3"] }
        try db.magnets.save(id, size: 100, index: 0, from: Self.sender, [1])
        let arrival = try db.magnets.arrived(id, metainfo, now: noon)
        #expect(arrival == MagnetTable.Arrival(isPaused: false, isPrivate: metainfo.isPrivate, forgottenPeers: 0))
        let row = try #require(try db.torrents.row(id))
        #expect(row.hasMetadata && row.state == .queued && row.name == metainfo.name)
        #expect(row.pieceCount == metainfo.geometry.pieceCount && row.totalBytes == metainfo.geometry.totalBytes)
        #expect(try db.files.wanted(of: id, count: 20) == (0..<20).map { $0 == 1 || $0 == 2 })
        #expect(row.wantedBytes == metainfo.layout.files[1].length + metainfo.layout.files[2].length)
        #expect(try db.metainfos.file(of: id) == metainfo.file)
        #expect(try db.magnets.row(id) == nil && db.magnets.blocks(of: id).isEmpty)
        #expect(try db.roots.neighbours(at: "/data/\(metainfo.name)").map(\.id) == [id])
        #expect(try db.magnets.arrived(id, metainfo, now: noon) == nil)
        #expect(try db.integrityFaults() == [])
    }

    @Test func metadataOnlyEndsPaused() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let metainfo = try madeUp(seed: 3, files: 2)
        let id = try add(metainfo, db) { $0.pausesAfter = true }
        #expect(try db.torrents.incomplete() == [id])
        #expect(try db.magnets.arrived(id, metainfo, now: noon)?.isPaused == true)
        #expect(try db.torrents.row(id)?.state == .paused)
        #expect(try db.torrents.incomplete() == [])
    }

    /// A choice that matches nothing is the user's mistake: nothing is downloaded before it is corrected.
    @Test func choiceThatMatchesNothingPauses() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let metainfo = try madeUp(seed: 3, files: 2)
        let id = try add(metainfo, db) { $0.patterns = ["*.nothing"] }
        #expect(try db.magnets.arrived(id, metainfo, now: noon)?.isPaused == true)
        #expect(try db.events.rows(of: id, limit: 1)[0].detail.contains("pieces select"))
    }

    @Test(arguments: [
        ([1...1], [false, true]), ([0...0, 7...9], [true, false]), ([5...6], [true, true]), ([], [true, true]),
    ])
    func filesOfTheLinkAreWanted(files: [ClosedRange<Int>], wanted: [Bool]) throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        let metainfo = try madeUp(seed: 3, files: 2)
        let id = try add(metainfo, db) { $0.link = MagnetLink(infoHash: metainfo.infoHash, files: files) }
        _ = try db.magnets.arrived(id, metainfo, now: noon)
        #expect(try db.files.wanted(of: id, count: 2) == wanted)
    }

    /// Law 8: a private flag forgets what only a public torrent may know.
    @Test func privateMetadataForgetsPublicPeers() throws {
        let folder = try TemporaryFolder()
        let db = try open(folder)
        var info = Array("d6:lengthi3e4:name1:a12:piece lengthi16384e6:pieces20:".utf8)
        info += [UInt8](repeating: 7, count: 20) + Array("7:privatei1ee".utf8)
        let metainfo = try Metainfo(torrentFile: Metainfo.torrentFile(around: info))
        let id = try add(metainfo, db)
        for (n, source) in PeerSource.allCases.enumerated() {
            let address = PeerAddress(.v4(0x0a00_0100 + UInt32(n)), port: 1)
            try db.peers.save(id, [PeerUpdate(address: address, source: source)], now: noon)
        }
        let arrival = try #require(try db.magnets.arrived(id, metainfo, now: noon))
        #expect(arrival.isPrivate && arrival.forgottenPeers == 3)
        #expect(try db.torrents.row(id)?.isPrivate == true)
        #expect(try Set(db.peers.rows(of: id).map(\.source)).isDisjoint(with: [.dht, .pex, .lsd]))
        #expect(try db.trackers.rows(of: id).count == 2)
        #expect(try db.events.rows(of: id, limit: 1)[0].detail.contains("private"))
    }

    /// The table keeps its numbers, and other connections see the change.
    @Test func upgradeChangesTheTableInPlace() throws {
        let folder = try TemporaryFolder()
        let old = try Connection(folder.database, mode: .readWriteCreate)
        try Migrator.migrate(old, to: Array(Migration.all.prefix(9)), now: noon)
        let metainfo = try madeUp(seed: 3, files: 2)
        try old.execute(
            """
            INSERT INTO torrent (id, info_hash, name, output, total_bytes, piece_length, piece_count, private, wanted_bytes, added_at)
            VALUES (41, ?, 'x', '/data', 1, 1, 1, 0, 1, 5)
            """, [UInt8](repeating: 1, count: 20))
        let (second, page): (Connection, Int64?) = (
            try Connection(folder.database, mode: .readWrite),
            try old.value("SELECT rootpage FROM sqlite_schema WHERE name = 'torrent'")
        )
        _ = try second.values("SELECT id FROM torrent", as: Int64.self)
        try Migrator.migrate(old, now: noon)
        #expect(try old.value("SELECT rootpage FROM sqlite_schema WHERE name = 'torrent'") == page)
        #expect(try second.value("SELECT piece_length FROM torrent WHERE id = 41") == 1)
        #expect(try add(metainfo, second) == TorrentID(42))
        #expect(try old.integrityFaults() == [])
        // The constraints that are left still hold.
        for sql in [
            "UPDATE torrent SET piece_length = 5 WHERE id = 42", "UPDATE torrent SET total_bytes = NULL WHERE id = 41",
            "UPDATE torrent SET state = 'other'", "UPDATE sqlite_schema SET sql = sql",
        ] { #expect(throws: StoreError.self) { try old.execute(sql) } }
    }
}
