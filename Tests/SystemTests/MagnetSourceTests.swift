import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Magnet links whose peers are found in one way alone, with real clients.
@Suite(.crowded) struct MagnetSourceTests {
    private static func torrent(seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "sample", [.init("a", 1_500_000), .init("sub/b", 700_000)], pieceLength: 16384, seed: seed)
    }

    private static func link(_ torrent: SampleTorrent, trackers: [String] = []) -> String {
        "\(MagnetLink(infoHash: torrent.infoHash, trackers: trackers))"
    }

    private static func sources(_ torrent: SampleTorrent, _ pieces: Pieces) throws -> Set<PeerSource> {
        let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
        let id = try #require(try connection.torrents.row(torrent.infoHash)?.id)
        return Set(try connection.peers.rows(of: id).map(\.source))
    }

    private func download(
        _ torrent: SampleTorrent, byTrackerFrom seeder: PeerAddress, in folder: FilePath
    ) async throws {
        try await withTracker { tracker in
            tracker.answer { $0.peers = [seeder] }
            let pieces = try Pieces(in: folder)
            let link = Self.link(torrent, trackers: [tracker.url])
            let end = try await pieces.run(
                ["download", link, "--output", pieces.output.string, "--json"] + Pieces.network)
            #expect(end.exitCode == 0, "\(end)")
            #expect(torrent.faults(in: pieces.output) == [])
            #expect(try Self.sources(torrent, pieces) == [.tracker])
        }
    }

    @Test func magnetIsDownloadedFromLibtorrentByATrackerAlone() async throws {
        let torrent = try Self.torrent(seed: 601)
        try await withTemporaryFolder { folder in
            try await withLibtorrentSeeding(torrent, in: folder) {
                try await download(torrent, byTrackerFrom: $0, in: folder)
            }
        }
    }

    @Test func magnetIsDownloadedFromAria2ByATrackerAlone() async throws {
        let torrent = try Self.torrent(seed: 602)
        try await withTemporaryFolder { folder in
            try await withAria2Seeding(torrent, in: folder) {
                try await download(torrent, byTrackerFrom: $0, in: folder)
            }
        }
    }

    @Test func magnetIsDownloadedFromTransmissionByATrackerAlone() async throws {
        let torrent = try Self.torrent(seed: 603)
        try await withTemporaryFolder { folder in
            let data = try folder.appending("transmission data").makingFolder()
            try torrent.write(to: data)
            try await withTransmission(torrent, data: data, in: folder) {
                try await download(torrent, byTrackerFrom: $0, in: folder)
            }
        }
    }

    /// libtorrent hears of us from a tracker, and takes the metadata and the payload.
    @Test func magnetIsServedToLibtorrentByATrackerAlone() async throws {
        let torrent = try Self.torrent(seed: 604)
        let program = try await Libtorrent.program()
        try await withTracker { tracker in
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await pieces.adopt(torrent)
                try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                    tracker.answer { [address = try await running.address()] in $0.peers = [address] }
                    let data = try folder.appending("libtorrent data").makingFolder()
                    let arguments = try Libtorrent.arguments(
                        "fetch", Self.link(torrent, trackers: [tracker.url]), data: data,
                        port: try Machine.freePort(), in: folder)
                    let end = try await program.run(arguments, in: folder)
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(torrent.faults(in: data) == [])
                }
            }
        }
    }

    /// Transmission has only our link. It talks to those that dial it, so our seed dials.
    @Test func magnetIsServedToTransmission() async throws {
        let torrent = try Self.torrent(seed: 605)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.adopt(torrent)
            let data = try folder.appending("transmission data").makingFolder()
            try await withTransmission(torrent, data: data, in: folder, link: Self.link(torrent)) { leecher in
                try await pieces.beside(try pieces.download(torrent, from: [leecher], ["--seed"])) { running in
                    try await eventually("Transmission to have it all: \(torrent.faults(in: data))") {
                        torrent.faults(in: data).isEmpty
                    }
                    running.send(SIGTERM)
                    #expect(try await running.end().exitCode == 0)
                }
            }
        }
    }

    /// The same, and both know a tracker alone: our seed hears of Transmission from it.
    @Test func magnetIsServedToTransmissionByATrackerAlone() async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(
                folder: "sample", [.init("a", 1_500_000), .init("sub/b", 700_000)], pieceLength: 16384, seed: 608,
                trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await pieces.adopt(torrent)
                let data = try folder.appending("transmission data").makingFolder()
                let link = Self.link(torrent, trackers: [tracker.url])
                try await withTransmission(torrent, data: data, in: folder, link: link) { leecher in
                    try await eventually("Transmission to announce itself", within: .seconds(60)) {
                        tracker.announces.contains { $0.port == Int(leecher.port) }
                    }
                    tracker.answer { $0.peers = [leecher] }
                    try await pieces.beside(try pieces.download(torrent, ["--seed"])) { running in
                        try await eventually("Transmission to have it all: \(running.errors)", within: .seconds(120)) {
                            torrent.faults(in: data).isEmpty
                        }
                        running.send(SIGTERM)
                        #expect(try await running.end(within: .seconds(60)).exitCode == 0)
                    }
                }
            }
        }
    }

    // MARK: Local discovery and peer exchange

    /// Runs `body` beside a libtorrent at the address.
    private static func withPeer<Value>(
        _ verb: String, _ file: FilePath, data: FilePath, at address: String, usesLSD: Bool, peer: String = "-",
        limit: Int = 0, in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
        _ body: (_ address: String) async throws -> Value
    ) async throws -> Value {
        let python = try await Libtorrent.program()
        let script = FilePath(#filePath).removingLastComponent().appending("Support").appending("local_peer.py")
        let arguments = [
            script.string, verb, file.string, data.string, address, usesLSD ? "lsd" : "quiet", peer, "\(limit)",
        ]
        return try await withProgram(python, arguments, in: folder) { running in
            let listening = try await eventually("libtorrent to listen: \(running.errors)") {
                running.output.firstMatch(of: /listening (\S+)/).map { String($0.output.1) }
            }
            return try await body(listening)
        }
    }

    @Test func magnetIsDownloadedFromLibtorrentByLocalDiscoveryAlone() async throws {
        let torrent = try Self.torrent(seed: 606)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try torrent.write(to: data)
            try await Self.withPeer("seed", file, data: data, at: "127.0.0.1", usesLSD: true, in: folder) { _ in
                let download = [
                    "download", Self.link(torrent), "--output", pieces.output.string, "--bind", "127.0.0.1",
                    "--listen-port", "0", "--no-dht",
                ]
                let end = try await pieces.start(download, environment: ["PIECES_LSD": "on"]).end(within: .seconds(120))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
                #expect(try Self.sources(torrent, pieces) == [.lsd])
            }
        }
    }

    /// A line: a seed, a slow leecher, and we, who know the link and the leecher alone. The seed we hear of from it.
    @Test func magnetIsDownloadedFromASeedOfWhichLibtorrentTells() async throws {
        let torrent = try Self.torrent(seed: 607)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let (data, empty) = (
                try folder.appending("data").makingFolder(), try folder.appending("empty").makingFolder()
            )
            try torrent.write(to: data)
            try await Self.withPeer("seed", file, data: data, at: "127.0.0.2", usesLSD: false, in: folder) { seed in
                try await Self.withPeer(
                    "leech", file, data: empty, at: "127.0.0.3", usesLSD: false, peer: seed, limit: 10_000, in: folder
                ) { middle in
                    let download = [
                        "download", Self.link(torrent), "--output", pieces.output.string, "--peer", middle, "--bind",
                        "127.0.0.1", "--listen-port", "0", "--no-dht",
                    ]
                    let end = try await pieces.start(download).end(within: .seconds(180))
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(torrent.faults(in: pieces.output) == [])
                    #expect(try Self.sources(torrent, pieces).contains(.pex))
                }
            }
        }
    }
}
