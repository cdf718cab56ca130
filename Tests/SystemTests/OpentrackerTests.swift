import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Two of us meet through Debian's `opentracker`.
@Suite(.crowded) struct OpentrackerTests {
    @Test(arguments: ["http", "udp"]) func enginesMeetThroughOpentracker(scheme: String) async throws {
        let program = try RealProgram.require("opentracker")
        let port = try Machine.freePort()
        let torrent = try SampleTorrent(
            length: 2 << 20, seed: 151, trackers: [["\(scheme)://127.0.0.1:\(port)/announce"]])
        try await withTemporaryFolder { folder in
            let list = folder.appending("torrents")
            try Files.write(Array("\(torrent.infoHash)\n".utf8), to: list)
            let arguments = ["-i", "127.0.0.1", "-p", "\(port)", "-P", "\(port)", "-w", list.string]
            try await withProgram(program, arguments, in: folder) { _ in
                try await Machine.untilListening(PeerAddress(.v4(0x7f00_0001), port: port))
                let seeder = try Pieces(in: folder, "seeder")
                let leecher = try Pieces(in: folder, "leecher")
                try await seeder.adopt(torrent)
                try await seeder.beside(["run", "--json"] + Pieces.network) { running in
                    // Who comes first hears of nobody, and is told to wait: the seeder goes first.
                    try await eventually("the seeder to be announced") {
                        try await seeder.run(["trackers", "1", "--json"]).output.contains(/"last_success_at":\d/)
                    }
                    let end = try await leecher.run(try leecher.download(torrent))
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(torrent.faults(in: leecher.output) == [])
                    running.send(SIGTERM)
                    #expect(try await running.end().exitCode == 0)
                }
            }
        }
    }
}
