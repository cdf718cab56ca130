import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Real clients give, and take.
@Suite(.crowded) struct ClientTests {
    private static func torrent(seed: UInt64, trackers: [[String]] = []) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "sample", [.init("a", 3_000_000), .init("sub/b", 2_000_000), .init("empty", 0), .init("c", 77)],
            seed: seed, trackers: trackers)
    }

    @Test func torrentIsDownloadedFromLibtorrent() async throws {
        let torrent = try Self.torrent(seed: 146)
        try await withTemporaryFolder { folder in
            try await withLibtorrentSeeding(torrent, in: folder) { seeder in
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(try pieces.download(torrent, from: [seeder]))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    /// libtorrent is told of us, and dials.
    @Test func torrentIsSeededToLibtorrent() async throws {
        let torrent = try Self.torrent(seed: 147)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            try await pieces.adopt(torrent)
            let data = try folder.appending("libtorrent data").makingFolder()
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                let address = "\(try await running.address())"
                try await withLibtorrentPeer("leech", file, data: data, peer: address, in: folder) { peer, _ in
                    try await eventually("libtorrent to be complete: \(peer.output)", within: .seconds(120)) {
                        peer.output.contains("complete")
                    }
                }
                #expect(torrent.faults(in: data) == [])
                running.send(SIGTERM)
                #expect(try await running.end().exitCode == 0)
            }
        }
    }

    @Test func torrentIsDownloadedFromAria2() async throws {
        let torrent = try Self.torrent(seed: 141)
        try await withTemporaryFolder { folder in
            try await withAria2Seeding(torrent, in: folder) { seeder in
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(try pieces.download(torrent, from: [seeder]))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
                #expect(try await pieces.run(["verify", "--quiet"]).exitCode == 0)
            }
        }
    }

    /// aria2 hears of us from a tracker, and so do we of it: both may dial.
    @Test func torrentIsSeededToAria2() async throws {
        let program = try RealProgram.require("aria2c", package: "aria2")
        try await withTracker { tracker in
            let torrent = try Self.torrent(seed: 142, trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await pieces.adopt(torrent)
                try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                    tracker.answer { [address = try await running.address()] in $0.peers = [address] }
                    let data = try folder.appending("aria2 data").makingFolder()
                    let arguments = Aria2.arguments(
                        try pieces.file(of: torrent), data: data, port: try Machine.freePort(), ["--seed-time=0"])
                    let end = try await program.run(arguments, in: folder)
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(torrent.faults(in: data) == [])
                }
            }
        }
    }

    @Test func torrentIsDownloadedFromTransmission() async throws {
        let torrent = try Self.torrent(seed: 143)
        try await withTemporaryFolder { folder in
            let data = try folder.appending("transmission data").makingFolder()
            try torrent.write(to: data)
            try await withTransmission(torrent, data: data, in: folder) { seeder in
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(try pieces.download(torrent, from: [seeder]))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    @Test func torrentIsSeededToTransmission() async throws {
        let torrent = try Self.torrent(seed: 144)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.adopt(torrent)
            let data = try folder.appending("transmission data").makingFolder()
            try await withTransmission(torrent, data: data, in: folder) { leecher in
                try await pieces.beside(try pieces.download(torrent, from: [leecher], ["--seed"])) { running in
                    // It makes no empty files.
                    try await eventually("Transmission to have it all: \(torrent.faults(in: data))") {
                        torrent.faults(in: data, wanted: [0, 1, 3]).isEmpty
                    }
                    running.send(SIGTERM)
                    #expect(try await running.end().exitCode == 0)
                }
            }
        }
    }

    /// A peer dials us through an IPv4 tracker, another through IPv6: `::1` is as good an address.
    @Test func torrentIsSharedBetweenTwoEnginesOverIPv6() async throws {
        let torrent = try Self.torrent(seed: 145)
        try await withTemporaryFolder { folder in
            let seeder = try Pieces(in: folder, "seeder")
            let leecher = try Pieces(in: folder, "leecher")
            try await seeder.adopt(torrent)
            let network = ["--bind", "::1", "--listen-port", "0"]
            try await seeder.beside(["run", "--json"] + network) { running in
                let port = try await running.address().port
                let file = try leecher.file(of: torrent)
                let end = try await leecher.run(
                    ["download", file.string, "--output", leecher.output.string, "--peer", "[::1]:\(port)"] + network)
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: leecher.output) == [])
            }
        }
    }
}
