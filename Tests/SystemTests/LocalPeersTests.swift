import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Peer exchange and local discovery with libtorrent: no tracker, no DHT.
@Suite(.crowded) struct LocalPeersTests {
    /// libtorrent's numbers of the ways in which it found a peer.
    private enum Source: Int { case exchange = 4 }

    private static func torrent(seed: UInt64, isPrivate: Bool = false) throws -> SampleTorrent {
        try SampleTorrent(folder: "sample", [.init("a", 1_500_000), .init("sub/b", 700_000)], seed: seed)
    }

    /// Runs `body` beside a libtorrent at the address.
    private static func withPeer<Value>(
        _ verb: String, _ file: FilePath, data: FilePath, at address: String, usesLSD: Bool, peer: String = "-",
        limit: Int = 0, in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
        _ body: (_ peer: RunningProgram, _ address: String) async throws -> Value
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
            return try await body(running, listening)
        }
    }

    private static func network(_ address: String) -> [String] {
        ["--bind", address, "--listen-port", "0", "--no-dht"]
    }

    private static let withLSD = ["PIECES_LSD": "on"]

    /// libtorrent seeds, and nothing but local discovery knows of it.
    @Test func torrentIsDownloadedFromLibtorrentByLocalDiscoveryAlone() async throws {
        let torrent = try Self.torrent(seed: 501)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try torrent.write(to: data)
            try await Self.withPeer("seed", file, data: data, at: "127.0.0.1", usesLSD: true, in: folder) { _, _ in
                let download = ["download", file.string, "--output", pieces.output.string] + Self.network("127.0.0.1")
                let end = try await pieces.start(download, environment: Self.withLSD).end(within: .seconds(120))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
                let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                let id = try #require(try connection.torrents.row(torrent.infoHash)?.id)
                #expect(try connection.peers.rows(of: id).contains { $0.source == .lsd })
            }
        }
    }

    /// `pieces run` seeds a torrent at rest: nothing but local discovery knows of the leecher, or of us.
    @Test func libtorrentFindsATorrentAtRestByLocalDiscoveryAlone() async throws {
        let torrent = try Self.torrent(seed: 505)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            try await pieces.adopt(torrent)
            let data = try folder.appending("data").makingFolder()
            let run = try pieces.start(["run", "--json"] + Self.network("127.0.0.1"), environment: Self.withLSD)
            _ = try await run.address()
            try await eventually("the torrent to seed at rest: \(run.errors)") {
                try await pieces.status()?["state"] as? String == "seeding"
            }
            try await Self.withPeer("leech", file, data: data, at: "127.0.0.1", usesLSD: true, in: folder) { peer, _ in
                try await eventually("libtorrent to be complete: \(peer.output)", within: .seconds(120)) {
                    peer.output.contains("complete")
                }
            }
            #expect(torrent.faults(in: data) == [])
            run.send(SIGTERM)
            #expect(try await run.end(within: .seconds(60)).exitCode == 0)
        }
    }

    private static func aria2(_ file: FilePath, data: FilePath, port: UInt16, _ more: [String]) -> [String] {
        Aria2.arguments(
            file, data: data, port: port, ["--bt-enable-lpd=true", "--bt-lpd-interface=127.0.0.1"] + more)
    }

    @Test func torrentIsDownloadedFromAria2ByLocalDiscoveryAlone() async throws {
        let torrent = try Self.torrent(seed: 506)
        let program = try RealProgram.require("aria2c", package: "aria2")
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try torrent.write(to: data)
            let port = try Machine.freePort()
            let seed = Self.aria2(file, data: data, port: port, ["--seed-ratio=0.0", "--check-integrity=true"])
            let download = try pieces.start(
                ["download", file.string, "--output", pieces.output.string] + Self.network("127.0.0.1"),
                environment: Self.withLSD)
            // aria2 announces itself once, when it starts, and dials no one as a seed: we listen first.
            try await eventually("us to look for peers: \(download.errors)") {
                try await pieces.status()?["seeders"] as? Int != nil
            }
            try await withProgram(program, seed, in: folder) { _ in
                let end = try await download.end(within: .seconds(120))
                #expect(end.exitCode == 0, "\(end)")
            }
            #expect(torrent.faults(in: pieces.output) == [])
        }
    }

    @Test func aria2FindsATorrentAtRestByLocalDiscoveryAlone() async throws {
        let torrent = try Self.torrent(seed: 507)
        let program = try RealProgram.require("aria2c", package: "aria2")
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            try await pieces.adopt(torrent)
            let data = try folder.appending("data").makingFolder()
            let run = try pieces.start(["run", "--json"] + Self.network("127.0.0.1"), environment: Self.withLSD)
            _ = try await run.address()
            try await eventually("the torrent to seed at rest: \(run.errors)") {
                try await pieces.status()?["state"] as? String == "seeding"
            }
            let leecher = Self.aria2(file, data: data, port: try Machine.freePort(), ["--seed-time=0"])
            let end = try await program.run(leecher, in: folder, within: .seconds(120))
            #expect(end.exitCode == 0, "\(end)")
            #expect(torrent.faults(in: data) == [])
            run.send(SIGTERM)
            #expect(try await run.end(within: .seconds(60)).exitCode == 0)
        }
    }

    /// A line: a seed, we, and a leecher that knows us alone. It hears of the seed from us.
    @Test func libtorrentHearsOfAnotherPeerFromUs() async throws {
        let torrent = try Self.torrent(seed: 503)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let (data, empty) = (
                try folder.appending("data").makingFolder(), try folder.appending("empty").makingFolder()
            )
            try torrent.write(to: data)
            try await Self.withPeer("seed", file, data: data, at: "127.0.0.2", usesLSD: false, in: folder) { _, seed in
                let port = try Machine.freePort()
                let run = try pieces.start([
                    "run", "--bind", "127.0.0.1", "--listen-port", "\(port)", "--no-dht", "--download-limit", "30K",
                    "--peer", seed,
                ])
                let added = try await pieces.run(["add", file.string, "--output", pieces.output.string])
                #expect(added.exitCode == 0)
                try await eventually("us to be connected to the seed", within: .seconds(60)) {
                    try await pieces.run(["peers", "sample"]).output.contains(seed)
                }
                try await Self.withPeer(
                    "leech", file, data: empty, at: "127.0.0.3", usesLSD: false, peer: "127.0.0.1:\(port)",
                    limit: 30_000, in: folder
                ) { peer, _ in
                    try await eventually("the leecher to hear of the seed", within: .seconds(120)) {
                        peer.output.contains("peer \(seed) source \(Source.exchange.rawValue)")
                    }
                }
                run.send(SIGTERM)
                #expect(try await run.end(within: .seconds(60)).exitCode == 0)
            }
        }
    }

    /// The same line, and we are the leecher: libtorrent tells us once a minute.
    @Test func weHearOfAnotherPeerFromLibtorrent() async throws {
        let torrent = try Self.torrent(seed: 504)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let (data, empty) = (
                try folder.appending("data").makingFolder(), try folder.appending("empty").makingFolder()
            )
            try torrent.write(to: data)
            try await Self.withPeer("seed", file, data: data, at: "127.0.0.2", usesLSD: false, in: folder) { _, seed in
                try await Self.withPeer(
                    "leech", file, data: empty, at: "127.0.0.3", usesLSD: false, peer: seed, limit: 10_000, in: folder
                ) { _, middle in
                    let download = ["download", file.string, "--output", pieces.output.string, "--peer", middle]
                    let end = try await pieces.start(download + Self.network("127.0.0.1")).end(within: .seconds(180))
                    #expect(end.exitCode == 0, "\(end)")
                    let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                    let id = try #require(try connection.torrents.row(torrent.infoHash)?.id)
                    let peers = try connection.peers.rows(of: id)
                    #expect(peers.contains { $0.source == .pex && "\($0.address)" == seed }, "\(peers)")
                    #expect(peers.contains { "\($0.address)" == middle && $0.toldGood == 1 }, "\(peers)")
                    // Users see where a peer is from, and who told of good ones.
                    let shown = try await pieces.run(["peers", "1"]).output
                    #expect(shown.contains("pex") && shown.contains("1 good, 0 bad"), "\(shown)")
                    #expect(try await pieces.run(["peers", "1", "--json"]).output.contains(#""told_good":1"#))
                }
            }
        }
    }
}
