import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Peer exchange and local discovery with real clients: no DHT.
@Suite(.crowded) struct LocalPeersTests {
    /// libtorrent's numbers of the ways in which it found a peer.
    private enum Source: Int { case exchange = 4 }

    /// What we have of the torrent: the .torrent, or a link that names nobody.
    enum Form: String, CaseIterable, Sendable {
        case file, link

        func source(_ torrent: SampleTorrent, _ pieces: Pieces) throws -> String {
            switch self {
            case .file: try pieces.file(of: torrent).string
            case .link: "\(MagnetLink(infoHash: torrent.infoHash))"
            }
        }
    }

    private static func torrent(seed: UInt64) throws -> SampleTorrent {
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

    @Test(arguments: Form.allCases) func torrentIsDownloadedFromAria2ByLocalDiscoveryAlone(form: Form) async throws {
        // All cases hear each other: with one torrent, the seed of one would serve the other.
        let torrent = try Self.torrent(seed: form == .file ? 506 : 514)
        let program = try RealProgram.require("aria2c", package: "aria2")
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try torrent.write(to: data)
            let port = try Machine.freePort()
            let seed = Self.aria2(file, data: data, port: port, ["--seed-ratio=0.0", "--check-integrity=true"])
            let download = try pieces.start(
                ["download", try form.source(torrent, pieces), "--output", pieces.output.string]
                    + Self.network("127.0.0.1"),
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

    // MARK: Peer exchange with aria2

    private static func aria2(
        _ torrent: SampleTorrent, data: FilePath, _ more: [String], in folder: FilePath,
        isolation: isolated (any Actor)? = #isolation, _ body: (PeerAddress) async throws -> Void
    ) async throws {
        let program = try RealProgram.require("aria2c", package: "aria2")
        let file = folder.appending("aria2.torrent")
        try Files.write(torrent.file, to: file)
        let port = try Machine.freePort()
        let arguments = Aria2.arguments(file, data: data, port: port, ["--enable-peer-exchange=true"] + more)
        try await withProgram(program, arguments, in: folder) { _ in
            let address = PeerAddress(.v4(0x7f00_0001), port: port)
            try await Machine.untilListening(address)
            try await body(address)
        }
    }

    /// Runs `body` beside a seed at 127.0.0.2, which no one tells of other peers, and a tracker for aria2 alone: the
    /// torrent of `body` names it.
    private static func besideSeed(
        seed: UInt64, isolation: isolated (any Actor)? = #isolation,
        _ body: (
            _ seed: RunningProgram, _ address: PeerAddress, _ tracker: FakeTracker, SampleTorrent, Pieces, FilePath
        ) async throws -> Void
    ) async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(
                folder: "sample", [.init("a", 1_500_000), .init("sub/b", 700_000)], seed: seed,
                trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let full = try folder.appending("full").makingFolder()
                try torrent.write(to: full)
                let pieces = try Pieces(in: folder)
                let file = try pieces.file(of: try Self.torrent(seed: seed))
                try await withLibtorrentPeer(
                    "seed", file, data: full, at: "127.0.0.2", usesExchange: false, in: folder
                ) { seed, address in
                    try await body(seed, try #require(PeerAddress(address)), tracker, torrent, pieces, folder)
                }
            }
        }
    }

    /// The line again: a tracker tells aria2 of the seed, and we know aria2 alone. It tells those that connect of the
    /// peers that it met in the last minute.
    @Test(arguments: Form.allCases) func weHearOfAnotherPeerFromAria2(form: Form) async throws {
        try await Self.besideSeed(seed: 508) { running, seed, tracker, torrent, pieces, folder in
            tracker.answer { $0.peers = [seed] }
            let empty = try folder.appending("empty").makingFolder()
            try await Self.aria2(torrent, data: empty, ["--max-download-limit=10K"], in: folder) { middle in
                try await eventually("aria2 to be connected to the seed", within: .seconds(60)) {
                    running.output.contains("peer ")
                }
                let source = try form.source(try Self.torrent(seed: 508), pieces)
                let download = ["download", source, "--output", pieces.output.string, "--peer", "\(middle)"]
                let end = try await pieces.start(download + Pieces.network).end(within: .seconds(200))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
                let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                let id = try #require(try connection.torrents.row(torrent.infoHash)?.id)
                let peers = try connection.peers.rows(of: id)
                #expect(peers.contains { $0.source == .pex && $0.address == seed }, "\(peers)")
            }
        }
    }

    /// A tracker tells aria2 of us alone, and we are connected to the seed: aria2 dials the seed (source 32).
    @Test func aria2HearsOfAnotherPeerFromUs() async throws {
        try await Self.besideSeed(seed: 509) { running, seed, tracker, torrent, pieces, folder in
            let port = try Machine.freePort()
            tracker.answer { $0.peers = [PeerAddress(.v4(0x7f00_0003), port: port)] }
            let download =
                try pieces.download(try Self.torrent(seed: 509), from: [seed], ["--download-limit", "30K"])
                + ["--bind", "127.0.0.3", "--listen-port", "\(port)"]
            try await pieces.beside(download) { _ in
                try await eventually("us to be connected to the seed", within: .seconds(60)) {
                    running.output.contains("peer ")
                }
                let empty = try folder.appending("empty").makingFolder()
                // Unlimited, it would have the rest in less time than passes between two looks at the seed's peers.
                try await Self.aria2(torrent, data: empty, ["--max-download-limit=10K"], in: folder) { _ in
                    try await eventually("aria2 to dial the seed: \(running.output)", within: .seconds(150)) {
                        running.output.contains(/peer 127\.0\.0\.1:\d+ source 32\n/)
                    }
                }
            }
        }
    }

    // MARK: Transmission

    private static func transmission(
        _ verb: String, _ form: Form = .file, seed: UInt64,
        _ prepare: (SampleTorrent, Pieces, _ data: FilePath) async throws -> Void,
        _ check: (SampleTorrent, Pieces, _ data: FilePath) async throws -> Void
    ) async throws {
        let torrent = try Self.torrent(seed: seed)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            let full = try folder.appending("full").makingFolder()
            try torrent.write(to: full)
            try await prepare(torrent, pieces, data)
            let end = try await runWithTransmission(
                "TransmissionLocal.sh", verb, python: "local_peer.py",
                [file.string, data.string, pieces.output.string, full.string, try form.source(torrent, pieces)],
                database: pieces.database, in: try folder.appending("work").makingFolder())
            #expect(end.exitCode == 0, "\(end)")
            try await check(torrent, pieces, data)
        }
    }

    private static func sources(_ torrent: SampleTorrent, _ pieces: Pieces) throws -> Set<PeerSource> {
        let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
        let id = try #require(try connection.torrents.row(torrent.infoHash)?.id)
        return Set(try connection.peers.rows(of: id).map(\.source))
    }

    @Test(arguments: Form.allCases) func torrentIsDownloadedFromTransmissionByLocalDiscoveryAlone(form: Form)
        async throws
    {
        try await Self.transmission("fetch", form, seed: 510) { torrent, _, data in
            try torrent.write(to: data)
        } _: { torrent, pieces, _ in
            #expect(torrent.faults(in: pieces.output) == [])
        }
    }

    @Test func transmissionFindsATorrentAtRestByLocalDiscoveryAlone() async throws {
        try await Self.transmission("serve", seed: 511) { torrent, pieces, _ in
            try await pieces.adopt(torrent)
        } _: { torrent, _, data in
            #expect(torrent.faults(in: data) == [])
        }
    }

    /// Transmission tells us of the seed, from which we have most of the torrent before Transmission has it.
    @Test(arguments: Form.allCases) func weHearOfAnotherPeerFromTransmission(form: Form) async throws {
        try await Self.transmission("hear", form, seed: 512) { _, _, _ in
        } _: { torrent, pieces, _ in
            #expect(torrent.faults(in: pieces.output) == [])
            let sources = try Self.sources(torrent, pieces)
            #expect(sources.contains(.pex), "\(sources)")
        }
    }

    /// The script sees that Transmission dials the seed, of which we alone can have told it.
    @Test func transmissionHearsOfAnotherPeerFromUs() async throws {
        try await Self.transmission("tell", seed: 513) { _, _, _ in
        } _: { _, _, _ in
        }
    }
}
