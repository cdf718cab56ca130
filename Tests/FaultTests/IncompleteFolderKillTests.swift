import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A download in the folder for incomplete torrents is killed at calls of its whole run, from the first block to the
/// last step of the move. The same command always brings it into its own folder.
@Suite(.serialized) struct IncompleteFolderKillTests {
    private static let usualKills = 24

    private struct Ground {
        let pieces: Pieces
        let torrent: SampleTorrent
        let file: String
        var own: FilePath { pieces.output.appending("own") }
        var incomplete: FilePath { pieces.output.appending("incomplete") }

        init(_ folder: FilePath) async throws {
            pieces = try Pieces(in: folder)
            torrent = try SampleTorrent(
                folder: "sample", [.init("a", 150_001), .init("empty", 0), .init("b/c", 90_000)], pieceLength: 32768,
                seed: 79)
            file = try pieces.file(of: torrent).string
            let set = try await pieces.run(["settings", "set", "incomplete-folder", incomplete.string])
            try #require(set.exitCode == 0, "\(set)")
        }

        func download(from peer: FakePeer, _ faults: [Fault], counts: FilePath? = nil) async throws
            -> RunningProgram.End
        {
            let running = try pieces.start(
                [
                    "download", file, "--output", own.string, "--peer", "\(peer.address)", "--listen-port", "0",
                    "--bind", "127.0.0.1",
                ], environment: try Shim.environment(for: pieces, faults, counts: counts))
            return try await running.end(within: .seconds(90))
        }
    }

    @Test func killedDownloadArrivesInItsOwnFolder() async throws {
        let probe = try SampleTorrent(
            folder: "sample", [.init("a", 150_001), .init("empty", 0), .init("b/c", 90_000)], pieceLength: 32768,
            seed: 79)
        let peer = try await FakePeer.start(probe)
        let count = try await withTemporaryFolder(inMemory: true) { folder in
            let counts = folder.appending("counts")
            let end = try await Ground(folder).download(from: peer, [], counts: counts)
            try #require(end.exitCode == 0 && end.output.contains("moved to"), "\(end)")
            return try Shim.counts(counts).filter { $0.key.changes }.values.reduce(0, +)
        }
        var kills = 0
        for n in 0..<Self.usualKills {
            // Every second death is in the last third, where the move is.
            let share = Double(n / 2 + 1) / Double(Self.usualKills / 2)
            let nth = max(1, Int(Double(count) * (n % 2 == 0 ? share : 2.0 / 3 + share / 3)))
            try await withTemporaryFolder(inMemory: true) { folder in
                let ground = try await Ground(folder)
                let action: Fault.Action = n % 3 == 0 ? .tear : .killBefore
                let death = try await ground.download(from: peer, [Fault(nth: nth, action: action)])
                if death.signal == 9 { kills += 1 }
                let what: Comment = "killed at call \(nth) of \(count)"
                let state = try RecordedState(ground.pieces, ground.torrent)
                #expect(state.damage == [], what)
                if let row = try Connection.open(ground.pieces.database, mode: .readOnly, now: .now()).torrents.row(
                    ground.torrent.infoHash)
                {
                    #expect(try state.unfounded(ground.torrent, in: FilePath(row.output)) == [], what)
                }
                let end = try await ground.download(from: peer, [])
                #expect(end.exitCode == 0, "\(what): \(end)")
                #expect(ground.torrent.faults(in: ground.own) == [], what)
                #expect(!Files.exists(ground.incomplete.appending("sample/a")), what)
                let connection = try Connection.open(ground.pieces.database, mode: .readOnly, now: .now())
                #expect(try connection.moves.rows() == [] && connection.destinations.due() == [], what)
                let row = try #require(try connection.torrents.row(ground.torrent.infoHash))
                #expect(row.output == ground.own.string && row.state == .complete, "\(what): \(row.state)")
            }
        }
        await peer.stop()
        print("incomplete folder: killed \(kills) times within \(count) calls")
        #expect(kills >= Self.usualKills / 2)
    }
}
