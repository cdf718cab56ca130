import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A real client delivers what rotted, and what the user lets be overwritten.
@Suite(.crowded) struct RepairTests {
    private static func damage(_ pieces: Pieces) throws -> [DamageRow] {
        try Connection.open(pieces.database, mode: .readOnly, now: .now()).damage.rows(limit: 100)
    }

    @Test func libtorrentDeliversRepairs() async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 3_000_000), .init("sub/b", 2_000_000), .init("c", 77)], seed: 149)
        try await withTemporaryFolder { folder in
            try await withLibtorrentSeeding(torrent, in: folder) { seeder in
                let pieces = try Pieces(in: folder)
                try await pieces.adopt(torrent)
                // The first file rots, and another program writes to the second.
                let (rotten, edited) = (torrent.path(0, in: pieces.output), torrent.path(1, in: pieces.output))
                let status = try Files.status(rotten)
                let byte = try Files.read(rotten, at: 1_000_000, count: 1)[0]
                try Files.overwrite(rotten, at: 1_000_000, with: [byte ^ 0x20])
                try Files.setTimes(rotten, from: status)
                let words = Array("edited by hand".utf8)
                try Files.overwrite(edited, at: 1_500_000, with: words)
                try await pieces.run(["scrub", "now", "--quiet"])
                try await pieces.beside(["run", "--json", "--peer", "\(seeder)"] + Pieces.network) { running in
                    try await eventually("rot to be repaired, and the edit to be kept", within: .seconds(120)) {
                        let found = try Self.damage(pieces)
                        return Set(found.map(\.state)) == [.repaired, .held] && found.count == 2
                    }
                    let repaired = try #require(try Self.damage(pieces).first { $0.state == .repaired })
                    #expect(repaired.kind == .rot && repaired.fileOffset == 1_000_000)
                    #expect(repaired.badBytes == 1 && repaired.badBits == 1 && repaired.source == "\(seeder)")
                    #expect(try Files.read(edited, at: 1_500_000, count: words.count) == words)
                    let scrub = try await pieces.run(["scrub"])
                    #expect(scrub.exitCode == 2 && scrub.output.contains("--overwrite-edits"), "\(scrub)")
                    let kept = try await pieces.run(["repair", "1"])
                    #expect(kept.exitCode == 2 && kept.output.contains("--overwrite-edits replaces"), "\(kept)")
                    let asked = try await pieces.run(["repair", "1", "--overwrite-edits"])
                    #expect(asked.output.contains("1 damaged piece is repaired now"), "\(asked)")
                    try await eventually("the edit to be overwritten", within: .seconds(120)) {
                        try Self.damage(pieces).allSatisfy { $0.state == .repaired }
                    }
                    running.send(SIGTERM)
                    #expect(try await running.end().exitCode == 0)
                }
                #expect(torrent.faults(in: pieces.output) == [])
                #expect(try await pieces.run(["scrub", "--json"]).exitCode == 0)
            }
        }
    }
}
