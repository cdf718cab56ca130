import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A move beside a running engine: either of the two is killed at several calls, or both are. The same command
/// continues the move, and the next engine seeds from the folder that the database names.
@Suite(.serialized) struct MoveBesideEngineTests {
    /// Who dies.
    enum Victim: String, CaseIterable, Sendable { case command, engine, both }

    private static let network = ["--listen-port", "0", "--bind", "127.0.0.1", "--quiet"]

    @Test(arguments: Victim.allCases, [1, 3, 6, 10, 15, 21])
    func eitherProcessMayDie(victim: Victim, nth: Int) async throws {
        try await withTemporaryFolder(inMemory: true) { folder in
            let pieces = try Pieces(in: folder)
            let (old, new) = (pieces.output.appending("old"), pieces.output.appending("new"))
            let torrent = try SampleTorrent(
                folder: "sample", [.init("a", 150_001), .init("b/c", 90_000)], pieceLength: 32768, seed: 78)
            try torrent.write(to: old)
            let file = try pieces.file(of: torrent).string
            let verified = try await pieces.run(["verify", file, "--output", old.string, "--quiet"])
            try #require(verified.exitCode == 0, "\(verified)")

            // The engine's calls count from the moment when the move begins.
            let begins = folder.appending("begins")
            let dies = Fault(nth: nth, action: .killBefore, after: begins)
            var faults: [Fault] = [Fault(call: "link", extent: .forever, action: .fail(.improperLink))]
            if victim != .engine { faults.append(Fault(nth: nth, action: .killBefore)) }
            let engine = try pieces.start(
                ["run"] + Self.network,
                environment: victim == .command ? [:] : try Shim.environment(for: pieces, [dies]))
            func state() throws -> TorrentRow? {
                let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                return try connection.torrents.row(torrent.infoHash)
            }
            try await eventually("the torrent to seed") { try state()?.state == .seeding }
            try Files.write([], to: begins)
            let move = try pieces.start(
                ["move", "1", new.string], environment: try Shim.environment(for: pieces, faults))
            let end = try await move.end(within: .seconds(90))
            await engine.kill()

            let what: Comment = "\(victim.rawValue) at call \(nth): \(end)"
            let recorded = try RecordedState(pieces, torrent)
            #expect(recorded.damage == [] && recorded.claimed.isFull, what)
            let place = try #require(try state())
            #expect(try recorded.unfounded(torrent, in: FilePath(place.output)) == [], what)

            // A new engine leaves a held torrent alone; the command continues.
            let next = try pieces.start(["run"] + Self.network)
            let again = try await pieces.run(["move", "1", new.string])
            #expect(again.exitCode == 0 || again.exitCode == 64 && place.output == new.string, "\(what): \(again)")
            try await eventually("the torrent to seed from its new folder") {
                let row = try state()
                return row?.state == .seeding && row?.output == new.string
            }
            #expect(torrent.faults(in: new) == [], what)
            #expect(!Files.exists(old.appending("sample/a")), what)
            next.send(SIGTERM)
            #expect(try await next.end(within: .seconds(60)).exitCode == 0, what)
            let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
            #expect(try connection.moves.rows() == [], what)
        }
    }
}
