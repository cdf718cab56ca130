import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A verification that is interrupted: what it checked is written down, and the next one goes on from there.
@Suite(.alone) struct VerifyStopTests {
    private static let pieceLength = 1 << 18
    /// Large enough to be interrupted, and all of it is a hole.
    private static let size = 3 << 30

    @Test func nextVerificationResumesTheInterruptedOne() async throws {
        // One piece at the start isn't what the database claims.
        let torrent = try SampleTorrent(
            zeros: "huge.bin", [.init("", Self.size)], window: 0..<Self.pieceLength, pieceLength: Self.pieceLength)
        let count = torrent.geometry.pieceCount
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let id = try pieces.claimHole(torrent)
            let verify = ["verify", "--json"]
            let end = try await pieces.beside(verify, environment: RunningProgram.readingAll) { running in
                try await running.hold(afterReading: Self.size / 3)
                // Verifications are remembered by the second: it is held until the next but one.
                try await Task.sleep(for: .milliseconds(2100))
                running.send(SIGINT)
                running.send(SIGCONT)
                return try await running.end()
            }
            #expect(end.exitCode == 130, "\(end)")
            let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
            // What was found is written down, and what wasn't looked at is claimed as before.
            let claimed = try connection.pieces.have(of: id, count: count)
            #expect(claimed.population == count - 1 && !claimed[PieceIndex(0)])
            let fresh = try connection.pieces.oldestPages(of: id, limit: .max).filter {
                $0.verifiedAt > Timestamp(1_000_000_000)
            }
            #expect(!fresh.isEmpty && fresh.count < count / 1024)
            #expect(try pieces.events(.verified).count == 1)

            let next = try await pieces.run(verify)
            #expect(next.exitCode == 0, "\(next)")
            let line = try #require(next.output.split(separator: "\n").first)
            let result = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let before = try #require(result["pieces_confirmed_before"] as? Int)
            #expect(before > 0)
            #expect(result["pieces_checked"] as? Int == count - 1 - before)
            #expect(try connection.pieces.have(of: id, count: count) == claimed)
        }
    }
}
