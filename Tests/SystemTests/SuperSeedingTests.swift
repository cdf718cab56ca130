import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// We are the only seed, and two libtorrents get the torrent from us and from each other (BEP 16).
@Suite(.crowded) struct SuperSeedingTests {
    private static func leech(
        _ file: FilePath, to data: FilePath, at address: String, peer: String = "-", in folder: FilePath,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (_ peer: RunningProgram, _ address: String) async throws -> Void
    ) async throws {
        let python = try await Libtorrent.program()
        let script = FilePath(#filePath).removingLastComponent().appending("Support").appending("local_peer.py")
        let arguments = [script.string, "leech", file.string, data.string, address, "quiet", peer, "0"]
        try await withProgram(python, arguments, in: folder) { running in
            let listening = try await eventually("libtorrent to listen: \(running.errors)") {
                running.output.firstMatch(of: /listening (\S+)/).map { String($0.output.1) }
            }
            try await body(running, listening)
        }
    }

    /// Both complete, and we send little more than one copy. A restart goes on, and doesn't give away what we have.
    @Test func twoLibtorrentsCompleteFromOneCopy() async throws {
        let torrent = try SampleTorrent(length: 4_000_000, pieceLength: 32768, seed: 611)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            try await pieces.adopt(torrent)
            let (one, other) = (
                try folder.appending("one").makingFolder(), try folder.appending("other").makingFolder()
            )
            try await Self.leech(file, to: one, at: "127.0.0.2", in: folder) { first, address in
                try await Self.leech(file, to: other, at: "127.0.0.3", peer: address, in: folder) { second, last in
                    let start =
                        try pieces.download(torrent) + ["--super-seed", "--upload-limit", "1M"]
                        + ["--peer", address, "--peer", last]
                    try await pieces.beside(start) { running in
                        try await eventually("status to show that it super-seeds: \(running.errors)") {
                            try await pieces.status()?["spread_pieces"] as? Int != nil
                        }
                        #expect(try await pieces.run(["status"]).output.contains("super-seeding"))
                        let explanation = try await pieces.run(["explain", "1"]).output
                        #expect(explanation.contains("it super-seeds"), "\(explanation)")
                        try await eventually("both to be complete", within: .seconds(120)) {
                            first.output.contains("complete") && second.output.contains("complete")
                        }
                        running.send(SIGTERM)
                        #expect(try await running.end().exitCode == 0)
                    }
                }
            }
            #expect(torrent.faults(in: one) == [] && torrent.faults(in: other) == [])
            let sent = try #require(try await pieces.status()?["uploaded_bytes"] as? Int)
            let size = torrent.content.count
            #expect(sent >= size && Double(sent) < 1.3 * Double(size), "\(sent) bytes for \(size)")

            // The setting is stored: a restarted engine says that it has nothing.
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                let peer = try await RawPeer.dial(try await running.address())
                let handshake =
                    [19] + Array("BitTorrent protocol".utf8) + [0, 0, 0, 0, 0, 0, 0, 4]
                    + torrent.metainfo.infoHash.bytes + Array("-XX0001-123456789012".utf8)
                try await peer.say(handshake)
                try await eventually("the first message") { peer.heard >= 68 + 5 }
                #expect(Array(peer.bytes[68..<73]) == [0, 0, 0, 1, 15], "HAVE NONE")
                await peer.hangUp()
            }
            #expect(try await pieces.run(["limit", "1"]).output.contains("super-seeds"))
        }
    }
}
