import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Ordinary torrents with each real client, which finds its peer in one way alone.
@Suite(.crowded) struct InteropTests {
    enum Client: String, CaseIterable, Sendable { case libtorrent, aria2, transmission }

    private static func torrent(seed: UInt64, trackers: [[String]] = []) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "sample", [.init("a", 1_500_000), .init("sub/b", 700_000)], seed: seed, trackers: trackers)
    }

    /// Runs `body` beside the client, which has all of the torrent.
    private func withSeeder(
        _ client: Client, _ torrent: SampleTorrent, in folder: FilePath,
        isolation: isolated (any Actor)? = #isolation, _ body: (PeerAddress) async throws -> Void
    ) async throws {
        switch client {
        case .libtorrent: try await withLibtorrentSeeding(torrent, in: folder, body)
        case .aria2: try await withAria2Seeding(torrent, in: folder, body)
        case .transmission:
            let data = try folder.appending("transmission data").makingFolder()
            try torrent.write(to: data)
            try await withTransmission(torrent, data: data, in: folder, body)
        }
    }

    /// Runs `body` beside the client, which has nothing, and downloads to `data`.
    private func withLeecher(
        _ client: Client, _ torrent: SampleTorrent, data: FilePath, in folder: FilePath,
        isolation: isolated (any Actor)? = #isolation, _ body: (PeerAddress) async throws -> Void
    ) async throws {
        let file = folder.appending("leeched.torrent")
        try Files.write(torrent.file, to: file)
        switch client {
        case .libtorrent:
            try await withLibtorrentPeer("leech", file, data: data, in: folder) { _, address in
                try await body(try #require(PeerAddress(address)))
            }
        case .aria2:
            let program = try RealProgram.require("aria2c", package: "aria2")
            let port = try Machine.freePort()
            let arguments = Aria2.arguments(file, data: data, port: port, ["--seed-ratio=0.0"])
            try await withProgram(program, arguments, in: folder) { _ in
                let address = PeerAddress(.v4(0x7f00_0001), port: port)
                try await Machine.untilListening(address)
                try await body(address)
            }
        case .transmission: try await withTransmission(torrent, data: data, in: folder, body)
        }
    }

    private static func sources(_ torrent: SampleTorrent, _ pieces: Pieces) throws -> Set<PeerSource> {
        let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
        let id = try #require(try connection.torrents.row(torrent.infoHash)?.id)
        return Set(try connection.peers.rows(of: id).map(\.source))
    }

    // MARK: A tracker

    /// The client announces its seed, and we hear of it from the tracker.
    @Test(arguments: Client.allCases) func torrentIsDownloadedByATrackerAlone(from client: Client) async throws {
        try await withTracker { tracker in
            let torrent = try Self.torrent(seed: 701, trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                try await withSeeder(client, torrent, in: folder) { seeder in
                    try await eventually("the client to announce itself", within: .seconds(60)) {
                        tracker.announces.contains { $0.port == Int(seeder.port) && $0.left == 0 }
                    }
                    tracker.answer { $0.peers = [seeder] }
                    let pieces = try Pieces(in: folder)
                    let end = try await pieces.run(try pieces.download(torrent))
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(torrent.faults(in: pieces.output) == [])
                    #expect(try Self.sources(torrent, pieces) == [.tracker])
                }
            }
        }
    }

    /// Each hears of the other from the tracker. Transmission dials no peer on loopback: we dial it.
    @Test(arguments: Client.allCases) func torrentIsSeededByATrackerAlone(to client: Client) async throws {
        try await withTracker { tracker in
            let torrent = try Self.torrent(seed: 702, trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await pieces.adopt(torrent)
                let port = try Machine.freePort()
                tracker.answer { $0.peers = [PeerAddress(.v4(0x7f00_0001), port: port)] }
                let data = try folder.appending("data").makingFolder()
                try await withLeecher(client, torrent, data: data, in: folder) { leecher in
                    tracker.answer { $0.peers.append(leecher) }
                    let seed = try pieces.download(torrent, ["--seed", "--listen-port", "\(port)"])
                    try await pieces.beside(seed) { running in
                        try await eventually("the client to have it all: \(running.errors)", within: .seconds(120)) {
                            torrent.faults(in: data).isEmpty
                        }
                        running.send(SIGTERM)
                        #expect(try await running.end(within: .seconds(60)).exitCode == 0)
                    }
                }
            }
        }
    }

    // MARK: Super-seeding

    /// We are the only seed of two leechers, aria2 and a libtorrent that dials it, and send little more than one copy:
    /// they get the rest from each other.
    @Test func aria2CompletesFromOneCopyBesideLibtorrent() async throws {
        let torrent = try SampleTorrent(length: 4_000_000, pieceLength: 32768, seed: 703)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            try await pieces.adopt(torrent)
            let data = try folder.appending("data").makingFolder()
            let other = try folder.appending("other").makingFolder()
            try await withLeecher(.aria2, torrent, data: data, in: folder) { first in
                try await withLibtorrentPeer("leech", file, data: other, at: "127.0.0.3", peer: "\(first)", in: folder)
                {
                    _, last in
                    let start =
                        try pieces.download(torrent, from: [first, try #require(PeerAddress(last))])
                        + ["--super-seed", "--upload-limit", "1M"]
                    try await pieces.beside(start) { running in
                        try await eventually("both to be complete: \(running.errors)", within: .seconds(120)) {
                            torrent.faults(in: data).isEmpty && torrent.faults(in: other).isEmpty
                        }
                        running.send(SIGTERM)
                        #expect(try await running.end(within: .seconds(60)).exitCode == 0)
                    }
                }
            }
            let sent = try #require(try await pieces.status()?["uploaded_bytes"] as? Int)
            let size = torrent.content.count
            #expect(sent >= size && Double(sent) < 1.3 * Double(size), "\(sent) bytes for \(size)")
        }
    }
}
