import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Torrents of the world with their payload, where the folder that `PIECES_REAL_DATA` names is there.
@Suite(.crowded) struct RealTorrentTests {
    private static let folder = ProcessInfo.processInfo.environment["PIECES_REAL_DATA"].map { FilePath($0) }

    @Test(
        .enabled(if: folder != nil, "PIECES_REAL_DATA names no folder with real torrents"),
        arguments: ["alice", "leaves", "numbers", "lots-of-numbers", "folder"])
    func adoptedServedAndFetched(name: String) async throws {
        let data = try #require(Self.folder)
        let file = data.appending("\(name).torrent")
        let metainfo = try Metainfo(torrentFile: try Files.read(file))
        try await withTemporaryFolder { folder in
            let seeder = try Pieces(in: folder, "seeder")
            let leecher = try Pieces(in: folder, "leecher")
            let end = try await seeder.run(["verify", file.string, "--output", data.string])
            #expect(end.exitCode == 0, "\(end)")
            // The trackers of the world are left alone: the file without them is the same torrent.
            try await seeder.beside(["run", "--json"] + Pieces.network) { running in
                let address = try await running.address()
                let arguments = ["download", file.string, "--output", leecher.output.string, "--peer", "\(address)"]
                let end = try await leecher.run(arguments + Pieces.network)
                #expect(end.exitCode == 0, "\(end)")
            }
            for entry in metainfo.layout.files where !entry.isPad {
                let path = { (root: FilePath) in entry.path.reduce(root) { $0.appending($1) } }
                #expect(try Files.read(path(leecher.output)) == Files.read(path(data)), "\(entry.displayPath)")
            }
        }
    }
}
