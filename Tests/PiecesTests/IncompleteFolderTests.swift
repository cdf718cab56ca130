import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// New torrents are downloaded in the folder for incomplete ones, and move to their own when they are complete.
struct IncompleteFolderTests {
    private static let network = ["--listen-port", "0", "--bind", "127.0.0.1"]

    private static func withDownload(
        _ seed: UInt64, _ body: (Program, SampleTorrent, FakePeer) async throws -> Void
    ) async throws {
        let torrent = try SampleTorrent(folder: "show", [.init("a", 300_000), .init("b/c", 100_000)], seed: seed)
        try await withProgram { program in
            try program.write("show.torrent", torrent.file)
            try await program.succeed("settings", "set", "incomplete-folder", "incomplete")
            let peer = try await FakePeer.start(torrent)
            do {
                try await body(program, torrent, peer)
            } catch {
                await peer.stop()
                throw error
            }
            await peer.stop()
        }
    }

    private static func folder(_ program: Program, _ name: String) -> FilePath {
        FilePath(program.folder.resolvingSymlinksInPath().path).appending(name)
    }

    @Test func downloadMovesWhatIsComplete() async throws {
        try await Self.withDownload(401) { program, torrent, peer in
            let end = try await program.start(
                ["download", "show.torrent", "--output", "own", "--peer", "\(peer.address)"] + Self.network
            ).end()
            #expect(end.status == 0 && end.output.contains("show: moved to ~/own"), "\(end)")
            #expect(torrent.faults(in: Self.folder(program, "own")).isEmpty)
            #expect(!program.exists("incomplete/show"))
            let row = try #require(try await program.torrents().first)
            #expect(row["output"] as? String == Self.folder(program, "own").string)
            #expect(row["destination"] is NSNull && row["state"] as? String == "complete")
            // It is where it belongs, so nothing is checked or moved again.
            let again = try await program.start(
                ["download", "show.torrent", "--output", "own"] + Self.network
            ).end()
            #expect(again.status == 0 && !again.output.contains("moved"), "\(again)")
        }
    }

    /// Both folders are shown; the command on completion runs once, after the move; a folder whose disk is away waits,
    /// and says so.
    @Test func runningEngineMovesWhenTheDiskIsThere() async throws {
        try await Self.withDownload(402) { program, torrent, peer in
            try await program.succeed("add", "show.torrent", "--output", "own")
            let row = try #require(try await program.torrents().first)
            let (own, incomplete) = (Self.folder(program, "own").string, Self.folder(program, "incomplete").string)
            #expect(row["output"] as? String == incomplete && row["destination"] as? String == own)
            #expect(try await program.succeed("status", "--columns", "folder").output.contains("~/incomplete > ~/own"))
            try await program.succeed("settings", "set", "on-complete", "cat >> '\(program.folder.path)/hook.json'")
            let db = try Connection.open(FilePath(program.database.path), mode: .readWrite, now: .now())
            try db.execute("UPDATE destination SET mount_path = '/media/away'")
            let engine = try program.start(["run", "--peer", "\(peer.address)"] + Self.network)
            try await eventually("status to say why it waits", within: .seconds(90)) {
                try await program.succeed("status").output.contains("/media/away is not mounted")
            }
            let explained = try await program.succeed("explain", "show").output
            #expect(explained.contains("it waits to move to \(own): /media/away is not mounted"), "\(explained)")
            #expect(torrent.faults(in: FilePath(incomplete)).isEmpty && !program.exists("own"))
            #expect(!program.exists("hook.json"))
            engine.send(SIGTERM)
            #expect(try await engine.end().status == 0)
            try db.execute("UPDATE destination SET mount_path = '/'")
            let second = try program.start(["run"] + Self.network)
            let line = try await eventually("the command to run", within: .seconds(90)) { () -> String? in
                guard program.exists("hook.json") else { return nil }
                let text = String(decoding: try program.read("hook.json"), as: UTF8.self)
                return text.hasSuffix("\n") ? text : nil
            }
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["event"] as? String == "complete")
            #expect((object["torrent"] as? [String: Any])?["output"] as? String == own)
            #expect(torrent.faults(in: FilePath(own)).isEmpty && !program.exists("incomplete/show"))
            try await eventually("it to seed from there") {
                try await program.torrents().first?["state"] as? String == "seeding"
            }
            second.send(SIGTERM)
            #expect(try await second.end().status == 0)
        }
    }

    /// Payload that is already in the torrent's own folder is used there.
    @Test func presentPayloadStaysWhereItIs() async throws {
        try await Self.withDownload(403) { program, torrent, _ in
            try torrent.write(to: Self.folder(program, "own"))
            let end = try await program.start(["download", "show.torrent", "--output", "own"] + Self.network).end()
            #expect(end.status == 0, "\(end)")
            #expect(!program.exists("incomplete/show"))
            #expect(try await program.torrents().first?["destination"] is NSNull)
        }
    }

    /// A torrent that the user moves stays there, complete or not.
    @Test func movedTorrentStaysWhereTheUserPutIt() async throws {
        try await Self.withDownload(404) { program, torrent, peer in
            try await program.succeed("add", "show.torrent", "--output", "own")
            try await program.succeed("move", "show", "elsewhere")
            let end = try await program.start(
                ["download", "show", "--peer", "\(peer.address)"] + Self.network
            ).end()
            #expect(end.status == 0, "\(end)")
            #expect(torrent.faults(in: Self.folder(program, "elsewhere")).isEmpty && !program.exists("own"))
        }
    }
}
