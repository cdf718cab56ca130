import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The first hour of a user, as a script.
@Suite(.crowded) struct NewUserTests {
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "NewUser.sh")

    @Test func pathOfANewUserWorks() async throws {
        try await withTemporaryFolder { folder in
            try await withTracker { tracker in
                let seeder = try Pieces(in: folder, "seeder")
                let (home, torrents) = (folder.appending("home"), folder.appending("torrents"))
                try Files.makeFolders(home)
                try Files.makeFolders(torrents.appending("ten"))
                for number in 0...10 {
                    let name = number == 0 ? "first.bin" : "mirror \(number).bin"
                    let torrent = try SampleTorrent(
                        name, length: number == 0 ? 6_000_000 : 200_000, pieceLength: 65536, seed: UInt64(number) + 900,
                        trackers: [[tracker.url]])
                    let file = number == 0 ? "first.torrent" : "ten/\(number).torrent"
                    try Files.write(torrent.file, to: torrents.appending(file))
                    try await seeder.adopt(torrent)
                }
                // Another file system than that of temporary files, where there is one.
                let disk = FilePath("/dev/shm/pieces-new-user-\(UUID().uuidString)")
                try Files.makeFolders(disk)
                let result = await Result {
                    try await seeder.beside(["run", "--json"] + Pieces.network) { running in
                        let address = try await running.address()
                        tracker.answer { $0.peers = [address] }
                        return try await RealProgram(path: "/bin/sh").start(
                            [Self.script.path, try Pieces.program.path, torrents.string, disk.string], in: folder,
                            environment: ["HOME": home.string, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"],
                            inheritsEnvironment: false
                        ).end(within: .seconds(400))
                    }
                }
                try FileManager.default.removeItem(atPath: disk.string)
                let end = try result.get()
                #expect(end.exitCode == 0, "\(end)")
                #expect(end.output.hasSuffix("== done\n"), "\(end)")
            }
        }
    }
}
