import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The DHT with real nodes: a network of libtorrent's, and aria2.
@Suite(.crowded) struct DHTClientTests {
    private static let nodeCount = 12

    /// The loopback address of a family.
    enum Loopback: String, CaseIterable, Sendable {
        case v4 = "127.0.0.1"
        case v6 = "::1"
    }

    /// What the leecher has of the torrent: the .torrent, or a link without trackers.
    enum Form: String, CaseIterable, Sendable { case file, link }

    /// A torrent, the folder of another client, and ours.
    private struct Scene {
        let torrent: SampleTorrent
        let pieces: Pieces
        let file: FilePath
        /// What the other client has, or gets.
        let data: FilePath
        let folder: FilePath

        func connection() throws -> Connection { try Connection.open(pieces.database, mode: .readOnly, now: .now()) }

        /// What a client is given that has nothing yet.
        func source(_ form: Form) -> String {
            form == .link ? "\(MagnetLink(infoHash: torrent.infoHash))" : file.string
        }

        /// The other client has all of the torrent.
        func fillData() throws { try torrent.write(to: data) }

        /// Searches begin 0, 30, 90 and 210 s after the start.
        func download(_ source: String, _ network: Network) async throws -> RunningProgram.End {
            let download = ["download", source, "--output", pieces.output.string, "--json"] + network.options
            do {
                return try await pieces.run(download, within: .seconds(240))
            } catch {
                // What the engine knew last: its nodes, and the peers that it heard of.
                let nodes = try await pieces.run(["dht", "--nodes", "--json"])
                let peers = try await pieces.run(["peers", "1", "--json"])
                Issue.record("no download: \(nodes) \(peers)")
                throw error
            }
        }

        /// Runs `body` beside our engine.
        func besideEngine<Value>(
            _ options: [String], isolation: isolated (any Actor)? = #isolation,
            _ body: (RunningProgram) async throws -> Value
        ) async throws -> Value {
            try await pieces.beside(["run", "--json"] + options, body)
        }
    }

    /// Nodes of libtorrent that know each other.
    private struct Network {
        let host: Loopback
        /// The address of one of them.
        let entry: String
        let process: RunningProgram

        /// Without an entry.
        static func options(at host: Loopback) -> [String] {
            ["--bind", host.rawValue, "--listen-port", "0", "--no-lsd"]
        }

        var options: [String] { Self.options(at: host) + ["--dht-bootstrap", entry] }
    }

    private func withScene(
        seed: UInt64, isolation: isolated (any Actor)? = #isolation, _ body: (Scene) async throws -> Void
    ) async throws {
        let torrent = try SampleTorrent(
            folder: "sample", [.init("a", 1_500_000), .init("sub/b", 700_000)], seed: seed)
        try await withTemporaryFolder { folder in
            var pieces = try Pieces(in: folder)
            pieces.usesDHT = true
            let data = try folder.appending("data").makingFolder()
            let file = try pieces.file(of: torrent)
            try await body(Scene(torrent: torrent, pieces: pieces, file: file, data: data, folder: folder))
        }
    }

    /// What the last node does with the torrent.
    private enum Part: String { case seed, leech }

    private func withNetwork(
        at host: Loopback = .v4, _ part: Part? = nil, _ form: Form = .file, of scene: Scene,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Network) async throws -> Void
    ) async throws {
        let python = try await Libtorrent.program()
        let script = FilePath(#filePath).removingLastComponent().appending("Support").appending("dht_network.py")
        let more = part.map { [$0.rawValue, scene.source(form), scene.data.string] } ?? []
        let all = [script.string, host.rawValue, "\(Self.nodeCount)"] + more
        try await withProgram(python, all, in: scene.folder) { network in
            let entry = try await eventually("the nodes to know each other: \(network.errors)") {
                network.output.firstMatch(of: /entry (\S+)/).map { String($0.output.1) }
            }
            try await body(Network(host: host, entry: entry, process: network))
        }
    }

    private static func withTransmission(
        _ verb: String, _ form: Form, _ scene: Scene
    ) async throws -> RunningProgram.End {
        let more = [scene.file.string, scene.data.string, scene.pieces.output.string, scene.source(form)]
        return try await runWithTransmission(
            "TransmissionDHT.sh", verb, python: "dht_network.py", more, database: scene.pieces.database,
            in: try scene.folder.appending("work").makingFolder())
    }

    private static func aria2(_ scene: Scene, _ form: Form, _ network: Network, _ more: [String]) throws -> [String] {
        // A later option replaces an earlier one.
        let dht = [
            "--enable-dht=true", "--dht-entry-point=\(network.entry)", "--dht-file-path=\(scene.folder)/aria.dht",
            "--dht-listen-port=\(try Machine.freePort())",
        ]
        let all = Aria2.arguments(scene.file, data: scene.data, port: try Machine.freePort(), dht + more)
        return all.dropLast() + [scene.source(form)]
    }

    // MARK: libtorrent

    /// libtorrent seeds, and nothing but the DHT knows of it.
    @Test(arguments: Loopback.allCases) func torrentIsDownloadedFromLibtorrentByTheDHTAlone(host: Loopback)
        async throws
    {
        try await withScene(seed: 301) { scene in
            try scene.fillData()
            try await withNetwork(at: host, .seed, of: scene) { network in
                let end = try await scene.download(scene.file.string, network)
                #expect(end.exitCode == 0, "\(end)")
                #expect(scene.torrent.faults(in: scene.pieces.output) == [])
                let connection = try scene.connection()
                let id = try #require(try connection.torrents.row(scene.torrent.infoHash)?.id)
                #expect(try connection.peers.rows(of: id).contains { $0.source == .dht })
                #expect(try connection.dht.nodes().count >= 8)
                let shown = try await scene.pieces.run(["dht", "--nodes"])
                #expect(shown.exitCode == 0 && shown.output.contains("stored nodes"), "\(shown)")
            }
        }
    }

    /// A magnet link without a tracker: both the metadata and the payload come from a peer that the DHT knows.
    @Test func magnetIsDownloadedFromLibtorrentByTheDHTAlone() async throws {
        try await withScene(seed: 306) { scene in
            try scene.fillData()
            try await withNetwork(.seed, of: scene) { network in
                let end = try await scene.download("magnet:?xt=urn:btih:\(scene.torrent.infoHash)", network)
                #expect(end.exitCode == 0, "\(end)")
                #expect(scene.torrent.faults(in: scene.pieces.output) == [])
            }
        }
    }

    /// A node that answers no queries finds peers all the same, and other nodes don't keep it (BEP 43).
    @Test func readOnlyNodeDownloadsFromLibtorrent() async throws {
        try await withScene(seed: 307) { scene in
            try scene.fillData()
            try await withNetwork(.seed, of: scene) { network in
                let options = network.options + ["--dht-read-only"]
                let end = try await scene.pieces.run(
                    ["download", scene.file.string, "--output", scene.pieces.output.string] + options)
                #expect(end.exitCode == 0, "\(end)")
                #expect(scene.torrent.faults(in: scene.pieces.output) == [])
                #expect(try scene.connection().dht.rows().first { $0.family == .v4 }?.readOnly == .set)
            }
        }
    }

    /// libtorrent finds our seed, which is at rest in our database.
    @Test(arguments: Loopback.allCases) func torrentIsSeededToLibtorrentByTheDHTAlone(host: Loopback) async throws {
        try await withScene(seed: 302) { scene in
            try await scene.pieces.adopt(scene.torrent)
            try await withNetwork(at: host, .leech, of: scene) { network in
                try await scene.besideEngine(network.options) { _ in
                    try await eventually(
                        "libtorrent to have everything: \(network.process.errors)", within: .seconds(120)
                    ) {
                        network.process.output.contains("complete")
                    }
                    #expect(scene.torrent.faults(in: scene.data) == [])
                    try await eventually("the engine to report on the DHT") {
                        try await scene.pieces.run(["dht", "--json"]).output.contains("\"running\":true")
                    }
                }
            }
        }
    }

    /// libtorrent has a link alone, and finds our seed, the metadata and the payload.
    @Test func magnetIsServedToLibtorrentByTheDHTAlone() async throws {
        try await withScene(seed: 310) { scene in
            try await scene.pieces.adopt(scene.torrent)
            try await withNetwork(.leech, .link, of: scene) { network in
                try await scene.besideEngine(network.options) { _ in
                    try await eventually(
                        "libtorrent to have everything: \(network.process.errors)", within: .seconds(120)
                    ) {
                        network.process.output.contains("complete")
                    }
                    #expect(scene.torrent.faults(in: scene.data) == [])
                }
            }
        }
    }

    /// After a kill, the next engine asks the nodes of the last one, and needs no entry.
    @Test(arguments: Loopback.allCases) func nodesSurviveAKill(host: Loopback) async throws {
        try await withScene(seed: 305) { scene in
            try await scene.pieces.adopt(scene.torrent)
            func stored() throws -> DHTRow? { try scene.connection().dht.rows().first { $0.goodNodes >= 8 } }
            try await withNetwork(at: host, of: scene) { network in
                try await scene.besideEngine(network.options) { running in
                    try await eventually("the nodes to be stored") { try scene.connection().dht.nodeCount() >= 8 }
                    running.send(SIGKILL)
                    _ = try await running.end()
                }
                let before = try scene.connection().dht.rows()
                try await scene.besideEngine(Network.options(at: host)) { _ in
                    let row = try await eventually("the stored nodes to answer") {
                        try stored().flatMap { row in before.contains { $0.at < row.at } ? row : nil }
                    }
                    // It is the same node as before.
                    #expect(before.contains { $0.family == row.family && $0.nodeID == row.nodeID })
                }
            }
        }
    }

    // MARK: Transmission

    /// Transmission announces its seed a minute after its start.
    @Test(arguments: Form.allCases) func torrentIsDownloadedFromTransmissionByTheDHTAlone(form: Form) async throws {
        try await withScene(seed: 308) { scene in
            try scene.fillData()
            let end = try await Self.withTransmission("fetch", form, scene)
            #expect(end.exitCode == 0, "\(end)")
            #expect(scene.torrent.faults(in: scene.pieces.output) == [])
        }
    }

    @Test(arguments: Form.allCases) func torrentIsSeededToTransmissionByTheDHTAlone(form: Form) async throws {
        try await withScene(seed: 309) { scene in
            try await scene.pieces.adopt(scene.torrent)
            let end = try await Self.withTransmission("serve", form, scene)
            #expect(end.exitCode == 0, "\(end)")
            #expect(scene.torrent.faults(in: scene.data) == [])
        }
    }

    // MARK: aria2

    @Test(arguments: Form.allCases) func torrentIsSeededToAria2ByTheDHTAlone(form: Form) async throws {
        let aria = try RealProgram.require("aria2c", package: "aria2")
        try await withScene(seed: 303) { scene in
            try await scene.pieces.adopt(scene.torrent)
            try await withNetwork(of: scene) { network in
                try await scene.besideEngine(network.options) { _ in
                    try await eventually("our seed to be announced") {
                        try scene.connection().dht.announcedAt(TorrentID(1)) != nil
                    }
                    let end = try await aria.run(
                        try Self.aria2(scene, form, network, ["--seed-time=0"]), in: scene.folder)
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(scene.torrent.faults(in: scene.data) == [])
                }
            }
        }
    }

    @Test(arguments: Form.allCases) func torrentIsDownloadedFromAria2ByTheDHTAlone(form: Form) async throws {
        let aria = try RealProgram.require("aria2c", package: "aria2")
        try await withScene(seed: 304) { scene in
            try scene.fillData()
            try await withNetwork(of: scene) { network in
                let more = ["--seed-ratio=0.0", "--check-integrity=true", "--bt-hash-check-seed=true"]
                try await withProgram(aria, try Self.aria2(scene, .file, network, more), in: scene.folder) { seed in
                    let result = await Result { try await scene.download(scene.source(form), network) }
                    if case .failure = result { Issue.record("aria2 said: \(seed.output) \(seed.errors)") }
                    let end = try result.get()
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(scene.torrent.faults(in: scene.pieces.output) == [])
                }
            }
        }
    }
}
