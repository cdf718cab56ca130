import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Torrents of the world with their payload, where their folder is there: `PIECES_REAL_DATA`, or `../shared/data/real`
/// beside the package.
@Suite(.crowded) struct RealTorrentTests {
    static let folder: FilePath = {
        if let variable = ProcessInfo.processInfo.environment["PIECES_REAL_DATA"] { return FilePath(variable) }
        return FilePath(
            "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/../shared/data/real")
    }()

    static var isThere: Bool {
        FileManager.default.isReadableFile(atPath: folder.appending("alice.torrent").string)
    }

    @Test(
        .enabled(
            if: isThere,
            "the folder with the real torrents is not there: set PIECES_REAL_DATA"),
        arguments: ["alice", "leaves", "numbers", "lots-of-numbers", "folder"])
    func realTorrentIsAdoptedServedAndDownloaded(name: String) async throws {
        let data = Self.folder
        let metainfo = try Metainfo(torrentFile: try Files.read(data.appending("\(name).torrent")))
        try await withTemporaryFolder { folder in
            // The trackers of the world are left alone: the file without them is the same torrent.
            let file = folder.appending("\(name).torrent")
            let bare = Array("d4:info".utf8) + metainfo.file[metainfo.infoRange] + Array("e".utf8)
            try Data(bare).write(to: URL(fileURLWithPath: file.string))
            #expect(try Metainfo(torrentFile: bare).infoHash == metainfo.infoHash)
            let seeder = try Pieces(in: folder, "seeder")
            let leecher = try Pieces(in: folder, "leecher")
            let end = try await seeder.run(["verify", file.string, "--output", data.string])
            #expect(end.exitCode == 0, "\(end)")
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
