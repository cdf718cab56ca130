import Library
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

struct WatchFolderTests {
    /// A folder that is watched, with a database.
    private struct Ground {
        let folder: FilePath
        let settings: Settings
        var watch: WatchFolder
        var now = ContinuousClock.now

        mutating func look(after time: Duration = .seconds(2)) async throws -> [String] {
            now += time
            return try await watch.look(settings, now: now)
        }

        func names() throws -> [String] { try Files.names(in: folder).sorted() }
    }

    private func withGround(_ body: (inout Ground, Connection) async throws -> Void) async throws {
        try await withTemporaryFolder { root in
            let database = root.appending("p.db")
            let connection = try Connection.open(database, mode: .readWriteCreate, now: .now())
            let folder = root.appending("in")
            try Files.makeFolders(folder)
            let settings = try Settings(
                Settings.Sources(
                    files: [],
                    environment: ["PIECES_WATCH": folder.string, "PIECES_WATCH_OUTPUT": root.appending("out").string]))
            var ground = Ground(folder: folder, settings: settings, watch: WatchFolder(database: database))
            try await body(&ground, connection)
        }
    }

    @Test func fileIsAddedWhenItIsTheSameInTwoLooks() async throws {
        try await withGround { ground, connection in
            let torrent = try SampleTorrent("a.bin", length: 100_000)
            let file = ground.folder.appending("a.torrent")
            try Files.write(Array(torrent.file.prefix(50)), to: file)
            #expect(try await ground.look() == [])
            try Files.write(torrent.file, to: file)
            #expect(try await ground.look() == [])
            #expect(try await ground.look().count == 1)
            #expect(try ground.names() == ["a.torrent.added"])
            #expect(try connection.torrents.rows().map(\.infoHash) == [torrent.metainfo.infoHash])
        }
    }

    @Test func magnetFileIsAdded() async throws {
        try await withGround { ground, connection in
            let hash = try SampleTorrent("a.bin", length: 100_000).infoHash
            try Files.write(Array("magnet:?xt=urn:btih:\(hash)&dn=a\n".utf8), to: ground.folder.appending("a.magnet"))
            #expect(try await ground.look() == [])
            #expect(try await ground.look().count == 1)
            #expect(try ground.names() == ["a.magnet.added"])
            #expect(try connection.torrents.rows().map(\.state) == [.metadata])
        }
    }

    @Test(arguments: [
        "junk", "magnet:?xt=urn:btih:short", "magnet:?xt=urn:btmh:1220" + String(repeating: "a", count: 64),
    ])
    func fileWithoutAUsableLinkIsSetAside(text: String) async throws {
        try await withGround { ground, _ in
            try Files.write(Array(text.utf8), to: ground.folder.appending("bad.magnet"))
            for _ in 0..<3 { #expect(try await ground.look() == []) }
            #expect(try await ground.look(after: .seconds(60)).count == 1)
            #expect(try ground.names() == ["bad.magnet.failed"])
        }
    }

    @Test func unreadableFileIsSetAsideAfterAWhile() async throws {
        try await withGround { ground, _ in
            try Files.write(Array("junk".utf8), to: ground.folder.appending("bad.torrent"))
            for _ in 0..<3 { #expect(try await ground.look() == []) }
            #expect(try await ground.look(after: .seconds(60)).count == 1)
            #expect(try ground.names() == ["bad.torrent.failed"])
        }
    }

    /// A file that has the name already isn't ours.
    @Test func noOtherFileIsReplaced() async throws {
        try await withGround { ground, _ in
            let torrent = try SampleTorrent("a.bin", length: 100_000)
            let taken = ground.folder.appending("a.torrent.added")
            try Files.write(Array("mine".utf8), to: taken)
            try Files.write(torrent.file, to: ground.folder.appending("a.torrent"))
            for _ in 0..<2 { _ = try await ground.look() }
            #expect(try ground.names() == ["a.torrent.2.added", "a.torrent.added"])
            #expect(try Files.read(taken) == Array("mine".utf8))
        }
    }

    /// One torrent that is refused doesn't keep the others waiting.
    @Test func refusedTorrentIsSetAsideAndOthersAreAdded() async throws {
        try await withGround { ground, connection in
            let (one, other) = (
                try SampleTorrent("same.bin", length: 100_000, seed: 1),
                try SampleTorrent("same.bin", length: 100_000, seed: 2)
            )
            let last = try SampleTorrent("z.bin", length: 100_000, seed: 3)
            for (name, torrent) in [("1", one), ("2", other), ("3", last)] {
                try Files.write(torrent.file, to: ground.folder.appending("\(name).torrent"))
            }
            for _ in 0..<2 { _ = try await ground.look() }
            #expect(try ground.names() == ["1.torrent.added", "2.torrent.failed", "3.torrent.added"])
            #expect(try connection.torrents.rows().count == 2)
        }
    }

    @Test func missingFolderIsNamed() async throws {
        try await withGround { ground, _ in
            try Files.rename(ground.folder, to: ground.folder.removingLastComponent().appending("away"))
            let error = await #expect(throws: Failure.self) { try await ground.watch.look(ground.settings) }
            #expect(error?.description.contains("create it, or change the setting `watch`") == true)
        }
    }
}
