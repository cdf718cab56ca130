import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A real client that makes the state that `pieces import` reads: foreign_client.py.
struct RealClient: Sendable, CustomTestStringConvertible {
    let name: String
    /// The programs that it needs, with their Debian packages.
    let programs: [(name: String, package: String)]
    var usesSQLite = false
    /// The folder of the state below its working folder.
    let state: String

    var testDescription: String { usesSQLite ? "\(name), SQLite" : name }

    static let all = [
        RealClient(
            name: "qbittorrent", programs: [("qbittorrent-nox", "qbittorrent-nox")], state: "qBittorrent/data"),
        RealClient(
            name: "qbittorrent", programs: [("qbittorrent-nox", "qbittorrent-nox")], usesSQLite: true,
            state: "qBittorrent/data"),
        RealClient(name: "transmission", programs: [("transmission-daemon", "transmission-daemon")], state: ""),
        RealClient(name: "rtorrent", programs: [("rtorrent", "rtorrent")], state: "session"),
        RealClient(name: "deluge", programs: [("deluged", "deluged")], state: "config"),
        RealClient(name: "aria2", programs: [("aria2c", "aria2")], state: ""),
        RealClient(name: "libtorrent", programs: [], state: ""),
    ]

    /// What the client is told of a torrent.
    struct Order: Sendable {
        let torrent: SampleTorrent
        let data: FilePath
        var isPaused = false
        var labels: [String] = []
        var unwanted: [Int] = []
        /// File number, and old and new path below the folder.
        var renamed: [(Int, String, String)] = []
        var ratio: Double?
        var uploadLimit: Int?
        /// Bytes that the client is to find.
        var complete: Int
        /// The torrent's own folder under another name, for rTorrent.
        var ownFolder: FilePath?
    }

    /// Runs the client until it knows the torrents, and ends it. Returns the folder of its state.
    func makeState(of orders: [Order], in folder: FilePath) async throws -> FilePath {
        for program in programs { _ = try RealProgram.require(program.name, package: program.package) }
        let python = name == "libtorrent" ? try await Libtorrent.program() : try RealProgram.require("python3")
        let work = try folder.appending("client").makingFolder()
        let torrents = try orders.map { order -> [String: Any] in
            let file = folder.appending("\(order.torrent.infoHash).torrent")
            try Files.write(order.torrent.file, to: file)
            var entry: [String: Any] = [
                "file": file.string, "hash": "\(order.torrent.infoHash)", "name": order.torrent.metainfo.name,
                "folder": order.data.string, "paused": order.isPaused, "labels": order.labels,
                "unwanted": order.unwanted, "renamed": order.renamed.map { [$0.0, $0.1, $0.2] as [Any] },
                "complete": order.complete, "files": order.torrent.metainfo.layout.files.count,
            ]
            entry["ratio"] = order.ratio
            entry["upload_limit"] = order.uploadLimit
            entry["own_folder"] = order.ownFolder?.string
            return entry
        }
        let spec: [String: Any] = [
            "port": Int(try Machine.freePort()), "rpc": Int(try Machine.freePort()), "sqlite": usesSQLite,
            "torrents": torrents,
        ]
        let file = folder.appending("spec.json")
        try Files.write(Array(try JSONSerialization.data(withJSONObject: spec)), to: file)
        let script = FilePath(#filePath).removingLastComponent().appending("foreign_client.py")
        let end = try await python.run(
            [script.string, name, work.string, file.string], in: folder, environment: ["HOME": work.string],
            within: .seconds(300))
        let log = work.appending("client.log")
        let said = Files.exists(log) ? String(decoding: try Files.read(log), as: UTF8.self) : ""
        try #require(end.exitCode == 0 && end.output.contains("done"), "\(end)\n\(said)")
        return state.isEmpty ? work : work.appending(FilePath(state).components)
    }
}
