import DatabaseLab
import Store
import Testing
import Torrent

/// What the database must say of one torrent, kept in the simplest way.
private struct Model {
    var have: Set<Int> = []
    var opened: Set<Int> = []
    var partials: [Int: [UInt8]] = [:]
    var downloaded: Int64 = 0
}

@Suite struct RecordTests {
    /// Counts around the borders of bytes and pages.
    @Test(arguments: [(1, 1), (8, 2), (1023, 3), (1024, 4), (1025, 5), (4000, 6), (4100, 7)] as [(Int, UInt64)])
    func recordsMatchTheModel(count: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let folder = try TemporaryFolder()
        let connections = [try folder.connection(), try folder.connection()]
        let id = try connections[0].add(files: count)
        var model = Model()
        func some(_ most: Int) -> [Int] {
            (0..<Int.random(in: 0...most, using: &generator)).map { _ in Int.random(in: 0..<count, using: &generator) }
        }
        for step in 0..<60 {
            let connection = connections[step % 2]
            if step % 3 == 0 {
                let opened = some(20)
                try connection.pieces.addWriteIntents(id, pieces(opened), now: noon)
                model.opened.formUnion(opened)
            }
            var record = ProgressRecord(torrent: id, verifiedAt: noon)
            let (lost, new, closed, partial) = (some(4), some(30), some(4), some(3))
            record.lostPieces = pieces(lost)
            record.newPieces = pieces(new)
            record.closedPieces = pieces(closed)
            record.partials = partial.map { PartialPieceRow(piece: PieceIndex($0), blocks: [UInt8(step + 1)]) }
            record.downloadedDelta = Int64(step)
            #expect(try connection.pieces.record([record]) == [])
            model.have.subtract(lost)
            model.have.formUnion(new)
            model.opened.subtract(new)
            model.opened.subtract(closed)
            for piece in partial { model.partials[piece] = [UInt8(step + 1)] }
            for piece in new { model.partials[piece] = nil }
            model.downloaded += Int64(step)
        }
        let connection = connections[0]
        #expect(try connection.pieces.have(of: id, count: count).pieces.map(\.value) == model.have.sorted())
        #expect(try connection.pieces.writeIntents(of: id, count: count).pieces.map(\.value) == model.opened.sorted())
        #expect(try connection.pieces.partials(of: id).map(\.piece.value) == model.partials.keys.sorted())
        for partial in try connection.pieces.partials(of: id) {
            #expect(model.partials[partial.piece.value] == partial.blocks)
        }
        let row = try #require(try connection.torrents.row(id))
        #expect(row.piecesHave == model.have.count)
        #expect(row.downloadedBytes == model.downloaded)
        #expect(try connection.integrityFaults().isEmpty)
    }

    @Test func oneRecordStoresAllProgress() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        try connection.pieces.addWriteIntents(id, pieces(0..<3), now: noon)
        var record = ProgressRecord(torrent: id, verifiedAt: noon + .seconds(9))
        record.newPieces = pieces(0..<3)
        record.files = (0..<3).map {
            FingerprintRow(index: $0, FileFingerprint(size: 16384, mtimeNs: 1, inode: UInt64($0), device: 2))
        }
        (record.downloadedDelta, record.uploadedDelta, record.wastedDelta) = (100, 20, 3)
        record.completedBytes = 3 * 16384
        record.completedAt = noon + .seconds(10)
        try connection.pieces.record([record])
        let row = try #require(try connection.torrents.row(id))
        #expect(
            row.isComplete && row.piecesHave == 3 && row.completedAt == noon + .seconds(10)
                && row.lastVerifiedAt == noon + .seconds(9))
        #expect(row.downloadedBytes == 100 && row.uploadedBytes == 20 && row.wastedBytes == 3)
        #expect(try connection.files.fingerprints(of: id) == record.files)
        #expect(try connection.pieces.writeIntents(of: id, count: 3).isEmpty)
        try connection.torrents.setState(id, .seeding)
        #expect(try connection.torrents.incomplete().isEmpty)
    }

    @Test func recordsOfRemovedTorrentsAreDropped() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let (id, gone) = (try connection.add(seed: 1), try connection.add(seed: 2))
        try connection.torrents.remove(gone, now: noon)
        let batch = [gone, id].map { torrent in
            var record = ProgressRecord(torrent: torrent, verifiedAt: noon)
            record.newPieces = pieces([2])
            return record
        }
        #expect(try connection.pieces.record(batch) == [gone])
        #expect(try connection.pieces.have(of: id, count: 3).population == 1)
    }

    @Test func pieceOutsideTheTorrentChangesNothing() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        for wrong in [-1, 3, Int.max] {
            var record = ProgressRecord(torrent: id, verifiedAt: noon)
            record.newPieces = pieces([0, wrong])
            #expect(try failure { try connection.pieces.record([record]) }.code == .constraint)
        }
        #expect(try connection.pieces.have(of: id, count: 3).isEmpty)
    }

    @Test func counterOverflowIsReportedAsAnError() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.downloadedDelta = .max
        try connection.pieces.record([record])
        #expect(throws: StoreError.self) { try connection.pieces.record([record]) }
        #expect(try connection.number("SELECT downloaded_bytes FROM torrent WHERE id = ?", id) == .max)
        // So many bytes were never sent: a sum with them would overflow, and the row says that it is damaged.
        #expect(try connection.torrents.row(id)?.state == .error)
    }

    @Test func damageWithdrawsClaims() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        var record = ProgressRecord(torrent: id, verifiedAt: noon)
        record.newPieces = pieces(0..<3)
        record.files = (0..<3).map {
            FingerprintRow(index: $0, FileFingerprint(size: 1, mtimeNs: 1, inode: 1, device: 1))
        }
        (record.completedBytes, record.completedAt) = (3 * 16384, noon)
        try connection.pieces.record([record])
        try connection.pieces.markDamaged(id, pieces: pieces([1]), files: [1], completedBytes: 2 * 16384)
        let row = try #require(try connection.torrents.row(id))
        #expect(row.piecesHave == 2 && row.completedBytes == 2 * 16384 && row.completedAt == nil)
        #expect(try connection.pieces.have(of: id, count: 3).pieces.map(\.value) == [0, 2])
        #expect(try connection.files.fingerprints(of: id).map(\.index) == [0, 2])
    }

    @Test func pageIsAsOldAsItsOldestPiece() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add(files: 2000)
        func gain(_ range: Range<Int>, at seconds: Int) throws {
            var record = ProgressRecord(torrent: id, verifiedAt: noon + .seconds(seconds))
            record.newPieces = pieces(range)
            try connection.pieces.record([record])
        }
        func ages() throws -> [Int64] {
            try connection.pieces.oldestPages(of: id, limit: 9).map { $0.verifiedAt.rawValue - noon.rawValue }
        }
        try gain(0..<10, at: 1)
        try gain(10..<20, at: 2)
        try gain(1990..<2000, at: 3)
        #expect(try ages() == [1, 3])
        let ranges = [PieceIndex(0)..<PieceIndex(1024), PieceIndex(1024)..<PieceIndex(2000)]
        #expect(try connection.pieces.oldestPages(of: id, limit: 9).map(\.pieces) == ranges)
        try connection.pieces.markVerified(id, pieces(0..<10), now: noon + .seconds(5))
        #expect(try ages() == [1, 3])
        try connection.pieces.markVerified(id, pieces(0..<20), now: noon + .seconds(5))
        #expect(try ages() == [3, 5])
        #expect(try connection.pieces.have(of: id, count: 2000).population == 30)
        #expect(try connection.torrents.row(id)?.lastVerifiedAt == noon + .seconds(5))
        var lost = ProgressRecord(torrent: id, verifiedAt: noon)
        lost.lostPieces = pieces(0..<20)
        try connection.pieces.record([lost])
        #expect(try ages() == [3])
    }

    @Test(arguments: ["x'ff'", "x'ffff'", "zeroblob(128)"])
    func damagedPageIsReportedAsCorrupt(blob: String) throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        try connection.execute("INSERT INTO bitfield (torrent_id, page, have) VALUES (?, 0, \(blob))", id)
        #expect(try failure { _ = try connection.pieces.have(of: id, count: 3) }.code == .corrupt)
        try connection.execute("UPDATE bitfield SET page = 7")
        #expect(try failure { _ = try connection.pieces.have(of: id, count: 3) }.code == .corrupt)
    }

    @Test func readerSeesAConsistentSnapshotDuringWrites() async throws {
        let folder = try TemporaryFolder()
        let id = try folder.connection().add(files: 5000)
        let store = try await Store.open(folder.database, now: noon)
        async let writing: Void = {
            for n in 0..<100 {
                try await store.perform { connection throws(StoreError) in
                    var record = ProgressRecord(torrent: id, verifiedAt: noon)
                    record.newPieces = pieces(n * 50..<n * 50 + 50)
                    record.downloadedDelta = 50
                    try connection.pieces.record([record])
                }
            }
        }()
        let reader = try folder.connection(.readOnly)
        var seen = 0
        while seen < 5000 {
            try reader.transaction(.deferred) { () throws(StoreError) in
                guard let row = try reader.torrents.row(id) else { return }
                #expect(try reader.pieces.have(of: id, count: 5000).population == row.piecesHave)
                #expect(row.downloadedBytes == Int64(row.piecesHave))
                #expect(row.piecesHave >= seen)
                seen = row.piecesHave
            }
            await Task.yield()
        }
        try await writing
    }
}
