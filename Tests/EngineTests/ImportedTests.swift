import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Torrents of other clients whose payload the engine hashes.
@Suite(.crowded) struct ImportedTests {
    /// Each piece at a border belongs to two files.
    private static func torrent(seed: UInt64) throws -> SampleTorrent {
        try SampleTorrent(
            folder: "film", [.init("film.mkv", 300_000), .init("readme.txt", 200_000)], pieceLength: 65536, seed: seed)
    }

    private static func add(_ torrent: SampleTorrent, to site: Site) throws -> TorrentID {
        let id = try site.add(torrent, wanted: [true, false])
        try site.write { db throws(StoreError) in
            var new = NewImport(client: "qbittorrent", source: "/state")
            new.claim = Bitfield(fullCount: torrent.geometry.pieceCount)
            try db.imports.insert(id, new, TorrentPast(), now: .now())
        }
        return id
    }

    private static func imported(_ id: TorrentID, at site: Site) throws -> ImportRow? {
        try site.read { db throws(StoreError) in try db.imports.row(id) }
    }

    /// A file that was complete before the user skipped it has bytes of pieces that are wanted.
    @Test func skippedFilesInPlaceAreHashedToo() async throws {
        let torrent = try Self.torrent(seed: 41)
        try await withSite { site in
            try torrent.write(to: site.output)
            let id = try Self.add(torrent, to: site)
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("all of it to be hashed") {
                        try Self.imported(id, at: site)?.hashedAt != nil && site.claimed(id, torrent).isFull
                    }
                    try await site.untilComplete(id)
                }
                #expect(peers[0].requests.isEmpty, "nothing is downloaded that is there")
                // Nor later, if the user wants the other file after all.
                try site.select(id, torrent, [true, true])
                try await site.download(id, from: peers)
                #expect(peers[0].requests.isEmpty)
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try Self.imported(id, at: site)?.missingPieces == 0)
            #expect(try !Files.names(in: site.output).contains(".\(torrent.infoHash).parts"))
        }
    }

    /// Otherwise a file that nobody wants would stand in the way of those that are wanted.
    @Test func aSkippedFileOfAnotherIsLeftAlone() async throws {
        let torrent = try Self.torrent(seed: 42)
        try await withSite { site in
            try torrent.write(to: site.output)
            let other = [UInt8](repeating: 0xee, count: 200_000)
            try Files.write(other, to: torrent.path(1, in: site.output))
            let id = try Self.add(torrent, to: site)
            try await withPeers(torrent) { peers in
                try await site.download(id, from: peers)
                #expect(Set(peers[0].requests.map(\.piece)) == [4], "the piece that it shares is downloaded")
            }
            #expect(try Files.read(torrent.path(0, in: site.output)) == Array(torrent.bytes(of: 0)))
            #expect(try Files.read(torrent.path(1, in: site.output)) == other)
            #expect(try Self.imported(id, at: site)?.hashedAt != nil)
            #expect(try site.row(id).error == nil)
        }
    }
}
