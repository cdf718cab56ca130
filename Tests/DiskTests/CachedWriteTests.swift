import Disk
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Who writes pieces that were hashed together.
@Suite struct CachedWriteTests {
    private static let pieceCount = 48

    /// Every write takes a millisecond, so that those that may be made side by side are.
    private func fixture(pieceLength: Int) throws -> Fixture {
        let fixture = try Fixture(
            [FileEntry(path: ["f0"], length: Int64(Self.pieceCount * pieceLength))], pieceLength: pieceLength)
        fixture.calls.set { $0.writeTime = 1000 }
        return fixture
    }

    private func writeTogether(_ fixture: Fixture, _ pieces: [PieceIndex]? = nil) async throws -> [PieceOutcome] {
        let writes = try (pieces ?? Array(fixture.allPieces.pieces)).map { try fixture.pieceWrite($0) }
        let (stream, continuation) = AsyncStream<PieceOutcome>.makeStream()
        fixture.disk.verifyAndWrite(
            writes.map { Disk.PieceJob(write: $0) { _, outcome in continuation.yield(outcome) } })
        var outcomes: [PieceOutcome] = []
        for await outcome in stream {
            outcomes.append(outcome)
            if outcomes.count == writes.count { break }
        }
        return outcomes
    }

    private func isGood(_ outcome: PieceOutcome) -> Bool {
        if case .good = outcome { true } else { false }
    }

    @Test func shortPiecesAreWrittenThroughTheCacheOneAtATime() async throws {
        let fixture = try fixture(pieceLength: 32 << 10)
        #expect(try await writeTogether(fixture).allSatisfy(isGood))
        #expect(fixture.calls.mostWriters == ["f0": 1])
        #expect(fixture.content("f0") == fixture.bytes)
    }

    @Test func piecesAreWrittenOneAtATimeWithoutDirectWrites() async throws {
        let fixture = try fixture(pieceLength: 128 << 10)
        fixture.calls.set { $0.hasDirect = false }
        // The first write finds it out.
        #expect(isGood(try await fixture.disk.verifyAndWrite(fixture.pieceWrite(PieceIndex(0)))))
        #expect(try await writeTogether(fixture, (1..<Self.pieceCount).map { PieceIndex($0) }).allSatisfy(isGood))
        #expect(fixture.calls.mostWriters == ["f0": 1])
        #expect(fixture.content("f0") == fixture.bytes)
    }

    @Test func directWritesRunInParallel() async throws {
        let fixture = try fixture(pieceLength: 128 << 10)
        #expect(try await writeTogether(fixture).allSatisfy(isGood))
        #expect(try #require(fixture.calls.mostWriters["f0 direct"]) > 1)
        #expect(fixture.content("f0") == fixture.bytes)
    }

    /// One write fails: that piece's outcome says so, and the others wait for nobody.
    @Test func failedWriteDoesNotBlockOtherWrites() async throws {
        let fixture = try fixture(pieceLength: 32 << 10)
        fixture.calls.fail(.write, .noSpace, after: 20)
        let outcomes = try await writeTogether(fixture)
        #expect(outcomes.count(where: isGood) == 20)
        fixture.calls.mend()
        #expect(try await writeTogether(fixture).allSatisfy(isGood))
        #expect(fixture.content("f0") == fixture.bytes)
    }
}
