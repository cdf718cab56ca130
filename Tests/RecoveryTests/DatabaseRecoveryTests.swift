import DatabaseLab
import Glibc
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

/// What becomes of a damaged database, case by case; ``CorruptionTests`` has the thousand others.
@Suite struct DatabaseRecoveryTests {
    /// Opens as an engine does.
    private func open(_ folder: TemporaryFolder, now: Timestamp = noon + .seconds(500)) async throws -> (
        Store, RecoveryReport?
    ) {
        let opened = try await Store.openRecovering(folder.database, now: now) { db throws(StoreError) in
            try db.runs.begin(pid: 8, version: "1", bootID: "boot", now: now)
        }
        return (opened.store, opened.opening.recovery)
    }

    /// Overwrites the pages of a table's tree below its first page, or that page.
    private func damage(_ folder: TemporaryFolder, table: String, root isRoot: Bool) throws {
        let page: Int
        do {
            let db = try folder.connection()
            let sql =
                isRoot
                ? "SELECT rootpage FROM sqlite_schema WHERE name = ?"
                : "SELECT min(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
            page = try db.number(sql, table)
            try db.checkpoint()
        }
        var bytes = try read(folder.database)
        for n in (page - 1) * 4096..<page * 4096 { bytes[n] = 0xa5 }
        try write(bytes, to: folder.database)
    }

    /// A run that was killed, with torrents of two bitfield pages.
    private func populate(_ folder: TemporaryFolder, _ count: Int = 30) throws -> [TorrentID] {
        let db = try folder.connection()
        _ = try db.runs.begin(pid: 7, version: "1", bootID: "boot", now: noon)
        return try (0..<count).map { n in
            let id = try db.add(seed: UInt64(n), files: 5 + n)
            var record = ProgressRecord(torrent: id, verifiedAt: noon)
            record.newPieces = pieces(0..<3)
            try db.pieces.record([record])
            return id
        }
    }

    @Test func intactDatabaseIsOpenedUnchanged() async throws {
        let folder = try TemporaryFolder()
        let ids = try populate(folder)
        let (store, mending) = try await open(folder)
        #expect(mending == nil)
        let have = try await store.perform { db throws(StoreError) in
            try db.pieces.have(of: ids[3], count: 8).population
        }
        #expect(have == 3)
        #expect(names(in: folder.path).allSatisfy { !$0.contains("damaged") })
    }

    /// A table whose first page is gone is put together again from the pages that hung on it.
    @Test(arguments: ["torrent", "metainfo", "bitfield", "tracker", "event", "setting"])
    func rowsBelowADamagedPageAreRecovered(table: String) async throws {
        let folder = try TemporaryFolder()
        let ids = try populate(folder, 120)
        try damage(folder, table: table, root: true)
        let (store, mending) = try await open(folder)
        let sentence = try #require(mending).sentence
        let isSmall = table == "setting" || table == "bitfield"
        #expect(mending?.salvaged == ids.count, "\(sentence)")
        #expect(mending?.lost == [])
        let (rows, trackers, hashes) = try await store.perform { db throws(StoreError) in
            (
                try db.torrents.rows(), try db.trackers.rows(of: ids[50]).count,
                try db.metainfos.pieceHashes(of: ids[7], PieceIndex(2)..<PieceIndex(3))
            )
        }
        #expect(rows.map(\.id) == ids)
        #expect(rows.allSatisfy { $0.piecesHave == 0 && $0.completedBytes == 0 && $0.state == .queued })
        #expect(hashes == pieceHash(seed: 7, piece: 2))
        if !isSmall { #expect(trackers == 1) }
        let aside = try #require(mending?.setAside)
        #expect(try read(aside).count > 4096)
        #expect(aside.string.hasSuffix(".damaged-20231114T222140Z"))
        let faults = try await store.perform { db throws(StoreError) in try db.integrityFaults() }
        #expect(faults == [])
    }

    private static func link(_ n: Int) -> MagnetLink {
        MagnetLink(
            infoHash: InfoHash(SHA1.hash(Array("magnet \(n)".utf8))), name: "link \(n)",
            trackers: ["udp://t.example:\(n + 1)"], webSeeds: ["http://w.example/\(n)"],
            peers: [MagnetPeer("10.0.0.9:\(n + 1)")].compactMap(\.self))
    }

    /// Torrents of which only the link is known, with two blocks of metadata each.
    private func populateMagnets(_ folder: TemporaryFolder, _ count: Int = 120) throws -> [TorrentID] {
        let db = try folder.connection()
        _ = try db.runs.begin(pid: 7, version: "1", bootID: "boot", now: noon)
        return try (0..<count).map { n in
            let id = try db.magnets.insert(NewMagnet(link: Self.link(n), output: "/data"), now: noon)
            let sender = PeerAddress(.v4(0x0a00_0001), port: 1)
            for block in 0..<2 {
                try db.magnets.save(
                    id, size: 50_000, index: block, from: sender, [UInt8](repeating: UInt8(n), count: 16384))
            }
            return id
        }
    }

    private func expectMagnets(_ ids: [TorrentID], in store: Store, lacking table: String) async throws {
        for (n, id) in ids.enumerated() {
            let (row, magnet, blocks, trackers, webSeeds, peers) = try await store.perform { db throws(StoreError) in
                (
                    try db.torrents.row(id), try db.magnets.row(id), try db.magnets.blocks(of: id),
                    try db.trackers.rows(of: id).map(\.url), try db.webSeeds.rows(of: id).map(\.url),
                    try db.peers.rows(of: id).map(\.source)
                )
            }
            let link = Self.link(n)
            #expect(row?.hasMetadata == false && row?.state == .metadata && row?.infoHash == link.infoHash)
            #expect(magnet?.link.infoHash == link.infoHash && magnet?.link.name == link.name)
            if table != "magnet" { #expect(magnet?.link == link) }
            if table != "metadata_block" { #expect(blocks.map(\.index) == [0, 1]) }
            if table != "tracker" { #expect(trackers == link.trackers) }
            if table != "web_seed" { #expect(webSeeds == link.webSeeds) }
            if table != "peer" { #expect(peers == [.manual]) }
        }
        let faults = try await store.perform { db throws(StoreError) in try db.integrityFaults() }
        #expect(faults == [])
    }

    /// Whatever table is damaged, a torrent without metadata stays one, with the rest of what is known.
    @Test(arguments: ["torrent", "magnet", "metadata_block", "tracker", "web_seed", "peer"], [true, false])
    func magnetsSurviveDamage(table: String, isRoot: Bool) async throws {
        let folder = try TemporaryFolder()
        let ids = try populateMagnets(folder)
        try damage(folder, table: table, root: isRoot)
        let (store, mending) = try await open(folder)
        let sentence = try #require(mending).sentence
        if table == "torrent", !isRoot { return #expect(mending?.salvaged ?? 0 <= ids.count, "\(sentence)") }
        #expect(mending?.salvaged == ids.count && mending?.lost == [], "\(sentence)")
        try await expectMagnets(ids, in: store, lacking: table)
    }

    /// What the damage took comes from the backup, blocks of metadata included.
    @Test(arguments: ["torrent", "magnet", "metadata_block"]) func lostMagnetsComeFromTheBackup(table: String)
        async throws
    {
        let folder = try TemporaryFolder()
        let ids = try populateMagnets(folder)
        _ = try #require(try folder.connection().rotateBackups(now: noon + .seconds(10)))
        try damage(folder, table: table, root: false)
        let (store, mending) = try await open(folder)
        #expect(mending?.lost == [], "\(mending?.sentence ?? "")")
        try await expectMagnets(ids, in: store, lacking: "")
    }

    /// The backup is from before the metadata arrived: the torrent stays an ordinary one.
    @Test(arguments: ["torrent", "magnet"]) func backupDoesNotTakeMetadataAway(table: String) async throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        _ = try db.runs.begin(pid: 7, version: "1", bootID: "boot", now: noon)
        let metainfos = try (0..<40).map { try madeUp(seed: UInt64($0), files: 5) }
        let ids = try metainfos.map { metainfo in
            try db.magnets.insert(
                NewMagnet(link: MagnetLink(infoHash: metainfo.infoHash, name: "link"), output: "/data"), now: noon)
        }
        _ = try #require(try folder.connection().rotateBackups(now: noon + .seconds(10)))
        for (id, metainfo) in zip(ids, metainfos) { _ = try db.magnets.arrived(id, metainfo, now: noon) }
        // The table must not be empty, or it has no page to be damaged.
        let waiting = try db.magnets.insert(NewMagnet(link: Self.link(1), output: "/data"), now: noon)
        try damage(folder, table: table, root: table == "magnet")
        let (store, mending) = try await open(folder)
        let sentence = try #require(mending).sentence
        let (rows, listed) = try await store.perform { db throws(StoreError) in
            (try db.torrents.rows(), try db.values("SELECT torrent_id FROM magnet", as: TorrentID.self))
        }
        for (id, metainfo) in zip(ids, metainfos) {
            let row = rows.first { $0.id == id }
            #expect(row?.hasMetadata == true && row?.name == metainfo.name, "\(sentence)")
            #expect(row?.state == .queued && row?.pieceCount == metainfo.geometry.pieceCount)
        }
        #expect(listed.allSatisfy { $0 == waiting })
        let faults = try await store.perform { db throws(StoreError) in try db.integrityFaults() }
        #expect(faults == [])
    }

    @Test func lostTorrentsComeFromTheBackupAndRemovedOnesDoNot() async throws {
        let folder = try TemporaryFolder()
        let ids = try populate(folder, 120)
        let backup = try #require(try folder.connection().rotateBackups(now: noon + .seconds(10)))
        #expect(backup.path.string.hasSuffix(".backup-20231114T221330Z"))
        let last = try folder.connection().add(seed: 500, files: 9)
        try folder.connection().torrents.remove(ids[119], now: noon)
        // A leaf: its torrents are nowhere else in the file.
        try damage(folder, table: "torrent", root: false)
        let (store, found) = try await open(folder)
        let mending = try #require(found)
        #expect(mending.backup == noon + .seconds(10))
        #expect(mending.fromBackup > 0)
        #expect(mending.salvaged + mending.fromBackup + mending.lost.count == 120, "\(mending.sentence)")
        let rows = try await store.perform { db throws(StoreError) in try db.torrents.rows() }
        #expect(Set(ids.dropLast()).isSubset(of: Set(rows.map(\.id))))
        #expect(!rows.contains { $0.id == ids[119] })
        #expect(rows.contains { $0.id == last } != mending.lost.contains("torrent 500"))
        #expect(mending.sentence.contains("came from the backup of 20231114T221330Z"))
        // Numbers that were used aren't used again.
        let new = try folder.connection().add(seed: 501)
        #expect(new > last)
        let events = try folder.connection().events.rows(limit: 1000).filter { $0.kind == .recovered }
        #expect(events.map(\.detail) == [mending.sentence])
    }

    @Test func unreadableDatabaseIsReplacedByTheBackup() async throws {
        let folder = try TemporaryFolder()
        let ids = try populate(folder)
        try folder.connection().rotateBackups(now: noon + .seconds(10))
        for wreck in [[], Array("no database at all".utf8), [UInt8](repeating: 0, count: 9000)] as [[UInt8]] {
            try write(wreck, to: folder.database)
            let (store, mending) = try await open(folder)
            #expect(mending?.fromBackup == ids.count)
            // All pieces of all torrents are looked at, so that nothing that came after the backup comes again.
            #expect(mending?.unverifiedPieces == (0..<30).reduce(0) { $0 + 5 + $1 })
            try await store.close()
            #expect(try read(try #require(mending).setAside) == wreck)
        }
    }

    @Test func foreignFileIsLeftAlone() async throws {
        let folder = try TemporaryFolder()
        let diary = Array(String(repeating: "Dear diary, today I learned what a database is.\n", count: 500).utf8)
        try write(diary, to: folder.database)
        let error = await #expect(throws: StoreError.self) { _ = try await open(folder) }
        #expect(error?.code == .notADatabase)
        #expect(try read(folder.database) == diary)
        #expect(names(in: folder.path) == ["pieces.db"])
    }

    /// A process that dies while it replaces the database leaves each of these states; the next one goes on.
    @Test(arguments: 0...3) func interruptedReplacementIsFinished(step: Int) async throws {
        let folder = try TemporaryFolder()
        let ids = try populate(folder)
        let database = folder.database.string
        try folder.connection().backup(to: FilePath(database + ".mended"))
        var status = stat()
        #expect(stat(database + ".mended", &status) == 0)
        let aside = "\(database).damaged-\(Timestamp(Int64(status.st_mtim.tv_sec)).compact)"
        // The old database, which must not be taken for anything any more, and its log, which must not be taken for the
        // new one's.
        try write(Array("old".utf8), to: folder.database)
        try write(Array("old log".utf8), to: FilePath(database + "-wal"))
        if step >= 1 { #expect(rename(database + "-wal", aside + "-wal") == 0) }
        if step >= 2 { #expect(rename(database, aside) == 0) }
        if step < 3 {
            for mode in [Connection.Mode.readOnly, .readWrite, .readWriteCreate] {
                let error = try failure { _ = try folder.connection(mode) }
                #expect(error.code == .corrupt && error.description.contains("interrupted"))
            }
        } else {
            #expect(rename(database + ".mended", database) == 0)
        }
        let (store, _) = try await open(folder)
        let found = try await store.perform { db throws(StoreError) in try db.torrents.rows().map(\.id) }
        #expect(found == ids)
        #expect(try read(FilePath(aside)) == Array("old".utf8))
        #expect(try read(FilePath(aside + "-wal")) == Array("old log".utf8))
        #expect(access(database + ".mended", F_OK) != 0)
    }

    @Test func piecesOfARestoredBackupAreUnverified() throws {
        let folder = try TemporaryFolder()
        let ids = try populate(folder)
        let backup = folder.path.appending("copy.db")
        try folder.connection().backup(to: backup)
        let later = try folder.connection().add(seed: 900)
        let restoration = try DatabaseRecovery.restore(folder.database, from: backup, now: noon)
        let db = try folder.connection()
        #expect(restoration.torrents == ids.count)
        #expect(try db.torrents.rows().map(\.id) == ids)
        #expect(try db.pieces.have(of: ids[0], count: 5).isEmpty)
        #expect(try db.pieces.writeIntents(of: ids[0], count: 5).isFull)
        #expect(try db.integrityFaults() == [])
        let aside = try Connection.open(try #require(restoration.setAside), mode: .readWrite, now: noon)
        #expect(try aside.torrents.row(later) != nil)
        #expect(throws: StoreError.self) {
            try DatabaseRecovery.restore(folder.database, from: folder.path.appending("none.db"), now: noon)
        }
        try write(Array("x".utf8), to: backup)
        #expect(throws: StoreError.self) { try DatabaseRecovery.restore(folder.database, from: backup, now: noon) }
        #expect(try folder.connection().torrents.rows().count == ids.count)
    }

    /// A row's number that became another row's: the info hash tells which is which, and nothing is lost.
    @Test(arguments: ["torrent", "metainfo"], [(5, 4), (5, 7), (4, 5), (6, 100), (1, 0)])
    func damagedRowNumberIsCorrected(
        table: String, change: (UInt8, UInt8)
    ) async throws {
        let folder = try TemporaryFolder()
        let db = try folder.connection()
        let ids = try (0..<9).map { try db.add(seed: UInt64($0), files: 3) }
        let files = try ids.map { try #require(try db.metainfos.file(of: $0)) }
        let hashes = try db.torrents.rows().map(\.infoHash)
        try db.checkpoint()
        var bytes = try read(folder.database)
        // A cell is the length of its row, the row's number, and the row: a header of one byte a column, then the
        // values; the first is the number's NULL.
        let number = Int(change.0)
        let place: Int
        if table == "torrent" {
            place =
                try #require(bytes.firstRange(of: hashes[number - 1].bytes + Array("torrent \(number - 1)".utf8)))
                .lowerBound
                - 2 - (try db.number("SELECT count(*) FROM pragma_table_info('torrent')"))
        } else {
            let content = try #require(bytes.firstRange(of: files[number - 1])).lowerBound
            place = try #require(
                (content - 20..<content).first {
                    bytes[$0] == change.0 && (6...9).contains(bytes[$0 + 1]) && bytes[$0 + 2] == 0
                })
        }
        #expect(bytes[place] == change.0)
        bytes[place] = change.1
        try write(bytes, to: folder.database)
        let mending = try DatabaseRecovery.recover(folder.database, because: "a test", now: noon)
        #expect(mending.salvaged == 9 && mending.lost == [], "\(mending.sentence)")
        let mended = try folder.connection()
        #expect(try mended.torrents.rows().map(\.id) == ids)
        #expect(try mended.torrents.rows().map(\.infoHash) == hashes)
        #expect(try ids.map { try mended.metainfos.file(of: $0) } == files)
    }

    @Test func recoveryReportIsOneSentence() {
        let mending = RecoveryReport(
            reason: "a page", setAside: "/x.damaged-1", backup: noon, salvaged: 1097, fromBackup: 2, lost: ["a"],
            unverifiedPieces: 41203)
        #expect(
            mending.sentence
                == "the database was damaged (a page); it was moved to /x.damaged-1; 1,097 of 1,100 torrents were recovered, "
                + "2 came from the backup of 20231114T221320Z, 1 was lost (a); 41,203 pieces will be re-checked")
    }

    @Test(arguments: ["20231114T221320Z", "20000229T000000Z", "19700101T000000Z"]) func timestampsInFileNamesAreParsed(
        text: String
    ) {
        #expect(Timestamp(compact: text)?.compact == text)
        for wrong in [text + "Z", "x" + text.dropFirst(), text.replacing("T", with: "t"), "20231332T221320Z"] {
            #expect(Timestamp(compact: wrong) == nil)
        }
    }
}
