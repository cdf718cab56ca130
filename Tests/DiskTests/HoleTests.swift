import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What was never written is known without being read.
struct HoleTests {
    /// Pieces of 32 KiB, most of which begin within a page: the first file ends in the middle of piece 1, and the
    /// second in that of piece 5.
    private static let uneven = [
        FileEntry(path: ["t", "a"], length: 50_001), FileEntry(path: ["t", "b"], length: 130_000),
        FileEntry(path: ["t", "c"], length: 100_000),
    ]

    private func unwritten(_ fixture: Fixture, _ payload: Payload? = nil) async -> [Int] {
        await fixture.disk.unwritten(payload ?? fixture.payload, among: fixture.allPieces).pieces.map(\.value)
    }

    @Test func missingTorrentIsUnwritten() async throws {
        let fixture = try Fixture(manyFiles)
        #expect(await unwritten(fixture) == Array(0..<6))
    }

    @Test(arguments: [[0], [1], [2, 4], [5], [8], [0, 1, 2, 3, 4, 5, 6, 7, 8]]) func writtenPieceIsNotAHole(
        written: [Int]
    ) async throws {
        let fixture = try Fixture(Self.uneven)
        for piece in written {
            #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(piece))).isGood)
        }
        #expect(await unwritten(fixture) == (0..<9).filter { !written.contains($0) })
        #expect(await fixture.disk.sync(fixture.payload).isComplete)
        #expect(await unwritten(fixture) == (0..<9).filter { !written.contains($0) }, "and after a sync")
    }

    @Test func pieceWithOneWrittenBlockIsNotAHole() async throws {
        let fixture = try Fixture(Self.uneven)
        let buffer = try fixture.buffer(PieceIndex(3))
        try await fixture.disk.writeBlocks(fixture.payload, piece: PieceIndex(3), from: buffer, blocks: BlockSet([1]))
        #expect(await unwritten(fixture) == [0, 1, 2, 4, 5, 6, 7, 8])
    }

    @Test func reservedSpaceIsAHole() async throws {
        let fixture = try Fixture(Self.uneven)
        try await fixture.disk.create(fixture.payload, .full, makingRoot: false)
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(4))).isGood)
        #expect(await unwritten(fixture) == [0, 1, 2, 3, 5, 6, 7, 8])
    }

    @Test func dataOfAnotherProgramIsNotAHole() async throws {
        let fixture = try Fixture(Self.uneven)
        fixture.makeFolder("t")
        try fixture.plant([UInt8](repeating: 0, count: 130_000), "t", "b")
        // Pieces 1 and 5 have bytes in it.
        #expect(await unwritten(fixture) == [0, 6, 7, 8])
    }

    @Test func bytesOfSkippedFilesAreFoundInThePartFile() async throws {
        let fixture = try Fixture(Self.uneven, wanted: [true, false, true])
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(5))).isGood)
        #expect(await unwritten(fixture) == [0, 1, 2, 3, 4, 6, 7, 8])
    }

    @Test func failedLookupCountsAsData() async throws {
        let fixture = try Fixture(Self.uneven)
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).isGood)
        fixture.calls.fail(.seekData, .ioError)
        // Nothing is where the other files would be.
        #expect(await unwritten(fixture) == [2, 3, 4, 5, 6, 7, 8])
        fixture.calls.fail(.open, .tooManyOpenFiles)
        #expect(await unwritten(fixture) == [])
    }
}
