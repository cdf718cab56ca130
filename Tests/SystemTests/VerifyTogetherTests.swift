import Foundation
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Two verifications of one torrent at once: the second waits for the first, and says what is true.
@Suite(.alone) struct VerifyTogetherTests {
    private static let size = 2 << 30
    private static let pieceLength = 1 << 18

    /// Runs `body` beside a verification that is held half-way and another one that waits for it. The first resumes one
    /// that began a minute ago, so that what it confirms is younger than its beginning by the clock of the database,
    /// which counts seconds.
    private func withTwo(
        _ second: [String],
        _ body: (Pieces, SampleTorrent, _ first: RunningProgram, _ second: RunningProgram) async throws -> Void
    ) async throws {
        let torrent = try SampleTorrent(
            zeros: "huge.bin", [.init("", Self.size)], window: 0..<0, pieceLength: Self.pieceLength)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            _ = try pieces.claimHole(torrent)
            try Connection.open(pieces.database, mode: .readWrite, now: .now()).settings.set(
                "verify.began.all", "\(Timestamp.now().rawValue - 60)")
            try await pieces.beside(["verify"], environment: RunningProgram.readingAll) { first in
                try await first.hold(afterReading: Self.size / 4)
                try await pieces.beside(["verify"] + second) { other in
                    try await eventually("the second to wait: \(other.output) \(other.errors)") {
                        other.output.contains(
                            "huge.bin: another verification (process \(first.pid)) is running; waiting for it")
                    }
                    try await body(pieces, torrent, first, other)
                }
            }
        }
    }

    @Test(arguments: [[], ["huge.bin"]]) func secondVerificationSkipsVerifiedPieces(names: [String]) async throws {
        try await withTwo(names) { pieces, torrent, first, second in
            first.send(SIGCONT)
            let count = torrent.geometry.pieceCount
            let one = try await first.end()
            #expect(
                one.exitCode == 0 && one.output.contains("huge.bin: all 8,192 pieces good") && count == 8192, "\(one)")
            let other = try await second.end()
            #expect(other.exitCode == 0, "\(other)")
            #expect(other.output.contains("huge.bin: already verified (8,192 pieces)"), "\(other)")
            #expect(!other.output.contains("interruption") && !other.output.contains("all 0"), "\(other)")
            #expect(try pieces.events(.verified).count == 1)
        }
    }

    /// The first is killed: the second takes over.
    @Test func secondVerificationTakesOverFromAKilledOne() async throws {
        try await withTwo([]) { pieces, torrent, first, second in
            await first.kill()
            let other = try await second.end()
            #expect(other.exitCode == 0 && other.output.contains("pieces good"), "\(other)")
            #expect(try await pieces.claimed(torrent).isFull)
            #expect(try pieces.events(.verified).count == 1)
        }
    }

    /// Who wants all of it hashed anew gets it after the first.
    @Test func restartHashesEverythingAfterTheFirst() async throws {
        try await withTwo(["--restart"]) { _, _, first, second in
            first.send(SIGCONT)
            let one = try await first.end()
            #expect(one.exitCode == 0, "\(one)")
            let other = try await second.end()
            #expect(other.exitCode == 0 && other.output.contains("huge.bin: all 8,192 pieces good"), "\(other)")
        }
    }

    @Test func waitingVerificationCanBeInterrupted() async throws {
        try await withTwo([]) { _, _, first, second in
            second.send(SIGINT)
            let other = try await second.end()
            #expect(other.exitCode == 130, "\(other)")
            first.send(SIGCONT)
            let one = try await first.end()
            #expect(one.exitCode == 0, "\(one)")
        }
    }
}
