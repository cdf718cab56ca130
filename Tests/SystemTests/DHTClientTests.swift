import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The DHT with real nodes: a network of libtorrent's, and aria2.
@Suite(.crowded) struct DHTClientTests {
    private static let nodeCount = 12

    private static func torrent(seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(folder: "sample", [.init("a", 1_500_000), .init("sub/b", 700_000)], seed: seed)
    }

    /// Runs `body` beside a network of nodes, with the address of one. The last node seeds or leeches a torrent, if one
    /// is given.
    private func withNetwork<Value>(
        _ arguments: [String] = [], in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
        _ body: (_ entry: String, RunningProgram) async throws -> Value
    ) async throws -> Value {
        let python = try RealProgram.require("python3", package: "python3")
        let script = FilePath(#filePath).removingLastComponent().appending("Support").appending("dht_network.py")
        let all = [script.string, "\(Self.nodeCount)"] + arguments
        return try await withProgram(python, all, in: folder) { network in
            let entry = try await eventually("the nodes to know each other: \(network.errors)") {
                network.output.firstMatch(of: /entry (\S+)/).map { String($0.output.1) }
            }
            return try await body(entry, network)
        }
    }

    private static func network(_ entry: String) -> [String] {
        ["--bind", "127.0.0.1", "--listen-port", "0", "--no-lsd", "--dht-bootstrap", entry]
    }

    private static func download(_ file: FilePath, _ pieces: Pieces, _ entry: String) -> [String] {
        ["download", file.string, "--output", pieces.output.string, "--json"] + network(entry)
    }

    /// libtorrent seeds, and nothing but the DHT knows of it.
    @Test func torrentIsDownloadedFromLibtorrentByTheDHTAlone() async throws {
        let torrent = try Self.torrent(seed: 301)
        try await withTemporaryFolder { folder in
            var pieces = try Pieces(in: folder)
            pieces.usesDHT = true
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try torrent.write(to: data)
            try await withNetwork(["seed", file.string, data.string], in: folder) { entry, _ in
                let end = try await pieces.run(Self.download(file, pieces, entry))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
                let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                let id = try #require(try connection.torrents.row(torrent.infoHash)?.id)
                #expect(try connection.peers.rows(of: id).contains { $0.source == .dht })
                #expect(try connection.dht.nodes().count >= 8)
                let shown = try await pieces.run(["dht", "--nodes"])
                #expect(shown.exitCode == 0 && shown.output.contains("stored nodes"), "\(shown)")
            }
        }
    }

    /// A magnet link without a tracker: both the metadata and the payload come from a peer that the DHT knows.
    @Test func magnetIsDownloadedFromLibtorrentByTheDHTAlone() async throws {
        let torrent = try Self.torrent(seed: 306)
        try await withTemporaryFolder { folder in
            var pieces = try Pieces(in: folder)
            pieces.usesDHT = true
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try torrent.write(to: data)
            try await withNetwork(["seed", file.string, data.string], in: folder) { entry, _ in
                let link = "magnet:?xt=urn:btih:\(torrent.infoHash)"
                let end = try await pieces.run(
                    ["download", link, "--output", pieces.output.string, "--json"] + Self.network(entry))
                #expect(end.exitCode == 0, "\(end)")
                #expect(torrent.faults(in: pieces.output) == [])
            }
        }
    }

    /// libtorrent finds our seed, which is at rest in our database.
    @Test func torrentIsSeededToLibtorrentByTheDHTAlone() async throws {
        let torrent = try Self.torrent(seed: 302)
        try await withTemporaryFolder { folder in
            var pieces = try Pieces(in: folder)
            pieces.usesDHT = true
            try await pieces.adopt(torrent)
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try await withNetwork(["leech", file.string, data.string], in: folder) { entry, network in
                try await pieces.beside(["run", "--json"] + Self.network(entry)) { _ in
                    try await eventually("libtorrent to have everything: \(network.errors)") {
                        network.output.contains("complete")
                    }
                    #expect(torrent.faults(in: data) == [])
                    try await eventually("the engine to report on the DHT") {
                        try await pieces.run(["dht", "--json"]).output.contains("\"running\":true")
                    }
                }
            }
        }
    }

    @Test func torrentIsSeededToAria2ByTheDHTAlone() async throws {
        let torrent = try Self.torrent(seed: 303)
        let aria = try RealProgram.require("aria2c", package: "aria2")
        try await withTemporaryFolder { folder in
            var pieces = try Pieces(in: folder)
            pieces.usesDHT = true
            try await pieces.adopt(torrent)
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try await withNetwork(in: folder) { entry, _ in
                try await pieces.beside(["run", "--json"] + Self.network(entry)) { _ in
                    let id = TorrentID(1)
                    try await eventually("our seed to be announced") {
                        let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                        return try connection.dht.announcedAt(id) != nil
                    }
                    // A later option replaces an earlier one.
                    let more = [
                        "--enable-dht=true", "--dht-entry-point=\(entry)", "--dht-file-path=\(folder)/aria.dht",
                        "--dht-listen-port=\(try Machine.freePort())", "--seed-time=0",
                    ]
                    let arguments = Aria2.arguments(file, data: data, port: try Machine.freePort(), more)
                    let end = try await aria.run(arguments, in: folder)
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(torrent.faults(in: data) == [])
                }
            }
        }
    }

    @Test func torrentIsDownloadedFromAria2ByTheDHTAlone() async throws {
        let torrent = try Self.torrent(seed: 304)
        let aria = try RealProgram.require("aria2c", package: "aria2")
        try await withTemporaryFolder { folder in
            var pieces = try Pieces(in: folder)
            pieces.usesDHT = true
            let file = try pieces.file(of: torrent)
            let data = try folder.appending("data").makingFolder()
            try torrent.write(to: data)
            try await withNetwork(in: folder) { entry, _ in
                let more = [
                    "--enable-dht=true", "--dht-entry-point=\(entry)", "--dht-file-path=\(folder)/aria.dht",
                    "--dht-listen-port=\(try Machine.freePort())", "--seed-ratio=0.0", "--check-integrity=true",
                    "--bt-hash-check-seed=true",
                ]
                let arguments = Aria2.arguments(file, data: data, port: try Machine.freePort(), more)
                try await withProgram(aria, arguments, in: folder) { _ in
                    let end = try await pieces.run(Self.download(file, pieces, entry))
                    #expect(end.exitCode == 0, "\(end)")
                    #expect(torrent.faults(in: pieces.output) == [])
                }
            }
        }
    }

    /// After a kill, the next engine asks the nodes of the last one, and needs no entry.
    @Test func nodesSurviveAKill() async throws {
        let torrent = try Self.torrent(seed: 305)
        try await withTemporaryFolder { folder in
            var pieces = try Pieces(in: folder)
            pieces.usesDHT = true
            try await pieces.adopt(torrent)
            try await withNetwork(in: folder) { entry, _ in
                try await pieces.beside(["run", "--json"] + Self.network(entry)) { running in
                    try await eventually("the nodes to be stored") {
                        try Connection.open(pieces.database, mode: .readOnly, now: .now()).dht.nodeCount() >= 8
                    }
                    running.send(SIGKILL)
                    _ = try await running.end()
                }
                let first = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                let before = try first.dht.rows().first { $0.family == .v4 }
                let without = ["run", "--json", "--bind", "127.0.0.1", "--listen-port", "0", "--no-lsd"]
                try await pieces.beside(without) { _ in
                    try await eventually("the stored nodes to answer") {
                        let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                        guard let row = try connection.dht.rows().first(where: { $0.family == .v4 }) else {
                            return false
                        }
                        return row.goodNodes >= 8 && row.at > before?.at ?? .init(0)
                    }
                }
                // It is the same node as before.
                let last = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                #expect(try last.dht.rows().first { $0.family == .v4 }?.nodeID == before?.nodeID)
            }
        }
    }
}
