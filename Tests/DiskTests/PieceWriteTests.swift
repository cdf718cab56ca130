import Disk
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Torrent

@Suite struct PieceWriteTests {
    @Test func goodPiecesAreWrittenAndReadBack() async throws {
        let fixture = try Fixture(manyFiles)
        #expect(try await fixture.writeAll().isEmpty)
        #expect(fixture.content("t", "a") == fixture.expected(0))
        #expect(fixture.content("t", "sub", "b") == fixture.expected(3))
        #expect(fixture.content("t", "sub", "c") == fixture.expected(4))
        #expect(fixture.content("t", ".pad", "25536") == nil, "a pad file is never written")
        for piece in fixture.payload.geometry.pieces {
            let read = try await fixture.disk.read(
                fixture.payload, piece: piece, begin: 0, length: fixture.payload.geometry.length(of: piece))
            #expect(read[...] == fixture.bytes(of: piece))
        }
    }

    @Test func badPieceIsNotWritten() async throws {
        let fixture = try Fixture(manyFiles)
        let write = try fixture.pieceWrite(PieceIndex(1))
        write.buffer.bytes[20000] ^= 1
        guard case .bad(let digests) = await fixture.disk.verifyAndWrite(write) else {
            return #expect(Bool(false), "a wrong piece counts as right")
        }
        #expect(fixture.content("t", "a") == nil)
        guard
            case .good(let right?) = await fixture.disk.verifyAndWrite(
                PieceWrite(
                    payload: fixture.payload, piece: PieceIndex(1), expected: fixture.hashes[PieceIndex(1)],
                    buffer: try fixture.buffer(PieceIndex(1)),
                    wantsBlockDigests: true))
        else { return #expect(Bool(false), "the right piece has no digests") }
        #expect(
            digests.count == 2 && digests[0] == right[0] && digests[1] != right[1], "byte 20,000 is in the second block"
        )
    }

    @Test func queuedPiecesAreHashedTogether() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 100 * 16384 + 5)], pieceLength: 16384)
        let writes = try fixture.payload.geometry.pieces.map { try fixture.pieceWrite($0) }
        writes[40].buffer.bytes[0] ^= 1
        let outcomes = Box<[PieceIndex: Bool]>([:])
        await withCheckedContinuation { continuation in
            fixture.disk.verifyAndWrite(
                writes.map { write in
                    Disk.PieceJob(write: write) { piece, outcome in
                        let count = outcomes.value.withLock { outcomes in
                            outcomes[piece] = outcome.isGood
                            return outcomes.count
                        }
                        if count == writes.count { continuation.resume() }
                    }
                })
        }
        #expect(outcomes.value.withLock { $0.filter { !$0.value }.map(\.key) } == [PieceIndex(40)])
    }

    @Test func pieceIsCompletedFromBlocksOnDisk() async throws {
        let fixture = try Fixture(manyFiles, pieceLength: 65536)
        let piece = PieceIndex(1)
        try await fixture.disk.writeBlocks(
            fixture.payload, piece: piece, from: try fixture.buffer(piece), blocks: BlockSet([0, 2]))
        let rest = try fixture.buffer(piece)
        for n in (0..<16384).flatMap({ [$0, 32768 + $0] }) { rest.bytes[n] = 0xee }
        let write = PieceWrite(
            payload: fixture.payload, piece: piece, expected: fixture.hashes[piece], buffer: rest,
            missing: BlockSet([0, 2]))
        #expect(await fixture.disk.verifyAndWrite(write).isGood)
        #expect(
            try await fixture.disk.read(fixture.payload, piece: piece, begin: 0, length: 65536)[...]
                == fixture.bytes(of: piece))
    }

    @Test func writtenBlocksAreNotWrittenAgain() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 65536)], pieceLength: 65536)
        let buffer = try fixture.buffer(PieceIndex(0))
        try await fixture.disk.writeBlocks(fixture.payload, piece: PieceIndex(0), from: buffer, blocks: BlockSet(0..<4))
        let before = fixture.calls.log.count
        let write = PieceWrite(
            payload: fixture.payload, piece: PieceIndex(0), expected: fixture.hashes[PieceIndex(0)], buffer: buffer,
            alreadyWritten: BlockSet(0..<4))
        #expect(await fixture.disk.verifyAndWrite(write).isGood)
        #expect(fixture.calls.log.count == before)
    }

    @Test(arguments: [
        (Errno.noSpace, DiskError.Code.noSpace), (.ioError, .io), (.readOnlyFileSystem, .readOnly),
        (.permissionDenied, .permission),
    ])
    func failedWriteIsReported(_ errno: Errno, _ code: DiskError.Code) async throws {
        let fixture = try Fixture(manyFiles)
        fixture.calls.fail(.write, errno)
        let error = try #require(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).error)
        #expect(error.code == code && error.operation == .write && error.path.hasSuffix("/t/a"))
        #expect(error.description.hasPrefix("cannot write "))
    }

    @Test(arguments: [1, 7, 4096, 5000])
    func shortReadsAndWritesAreContinued(_ maximum: Int) async throws {
        let fixture = try Fixture(
            manyFiles.map { FileEntry(path: $0.path, length: $0.length / 10, isPad: $0.isPad) }, pieceLength: 4096)
        fixture.calls.set { $0.maximumTransfer = maximum }
        #expect(try await fixture.writeAll().isEmpty)
        #expect(await fixture.verify().allSatisfy { $0 == .good })
    }

    @Test func bytesOfSkippedFilesGoToThePartFile() async throws {
        let fixture = try Fixture(manyFiles, wanted: [true, true, true, false, true])
        #expect(try await fixture.writeAll().isEmpty)
        #expect(fixture.content("t", "sub", "b") == nil, "a skipped file isn't made")
        let parts = try #require(fixture.content(".\(fixture.payload.infoHash).parts"))
        #expect(parts[65536...] == fixture.expected(3)[...], "each byte is at its offset in the torrent")
        #expect(await fixture.verify().allSatisfy { $0 == .good })
    }

    @Test func partFileIsCreatedOnlyWhenNeeded() async throws {
        let fixture = try Fixture(manyFiles, wanted: [true, true, true, false, true])
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).isGood)
        #expect(fixture.content(".\(fixture.payload.infoHash).parts") == nil)
    }

    @Test func skippedFileIsPromotedFromThePartFile() async throws {
        let fixture = try Fixture(manyFiles, wanted: [true, true, true, false, true])
        #expect(try await fixture.writeAll().isEmpty)
        let report = try await fixture.disk.promote(fixture.payload, files: [3], pieces: fixture.allPieces)
        #expect(
            report.isComplete && report.durable.contains { $0.file == .entry(3) } && report.created.contains(.entry(3)))
        #expect(fixture.content("t", "sub", "b") == fixture.expected(3))
        #expect(await fixture.verify(fixture.payload.placing(3, as: .file)).allSatisfy { $0 == .good })
    }

    /// Layouts, skipped files and the order of the pieces by seed.
    @Test(arguments: 0..<12)
    func anyLayoutIsWrittenAndVerified(_ seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let files = (0..<Int.random(in: 1...12, using: &generator)).map { n in
            let length =
                Bool.random(using: &generator)
                ? Int64.random(in: 0...300, using: &generator) : Int64.random(in: 0...60000, using: &generator)
            return FileEntry(
                path: ["t", "d\(Int.random(in: 0...2, using: &generator))", "f\(n)"], length: length,
                isPad: Int.random(in: 0...5, using: &generator) == 0)
        }
        let wanted = files.map { _ in Int.random(in: 0...3, using: &generator) != 0 }
        let fixture = try Fixture(
            files, pieceLength: [1000, 16384, 20000].randomElement(using: &generator)!, wanted: wanted, seed: seed,
            descriptorLimit: 2)
        for piece in Array(fixture.payload.geometry.pieces).shuffled(using: &generator) {
            #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(piece)).isGood, "seed \(seed)")
        }
        #expect(await fixture.verify().allSatisfy { $0 == .good }, "seed \(seed)")
        #expect(await fixture.disk.sync(fixture.payload).isComplete)
        for file in fixture.payload.layout.files where fixture.payload.placement[file.index] == .file && !file.isEmpty {
            #expect(
                Fixture.content(FilePath(fixture.payload.path(of: .entry(file.index)))) == fixture.expected(file.index),
                "seed \(seed)")
        }
    }
}
