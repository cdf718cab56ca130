import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Whole downloads from scripted peers, over real sockets to real files.
@Suite(.crowded) struct DownloadTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        let name: String
        var lengths: [SampleTorrent.File]?
        var length = 0
        var pieceLength = 65536

        var testDescription: String { name }

        func torrent() throws -> SampleTorrent {
            if let lengths { return try SampleTorrent(folder: "sample", lengths, pieceLength: pieceLength, seed: 5) }
            return try SampleTorrent(length: length, pieceLength: pieceLength, seed: 5)
        }
    }

    static let shapes = [
        Shape(name: "one byte", length: 1),
        Shape(name: "one block less a byte", length: 16383, pieceLength: 16384),
        Shape(name: "an exact multiple of the piece", length: 8 * 65536),
        Shape(name: "a short last piece", length: 8 * 65536 + 77),
        Shape(name: "a last piece of one byte", length: 3 * 65536 + 1),
        Shape(name: "pieces of 16 KiB", length: 200 * 16384 + 5, pieceLength: 16384),
        Shape(name: "pieces that are no power of two", length: 1_000_000, pieceLength: 50_000),
        Shape(name: "pieces of 16 MiB", length: (16 << 20) + 12345, pieceLength: 16 << 20),
        Shape(
            name: "pads and empty files",
            lengths: [
                .init("empty first", 0), .init("a/first", 100_000), .pad(31072), .init("a/second", 65536),
                .init("empty", 0),
                .init("b/c/third", 3), .pad(65533), .init("last", 70_001), .init("empty last", 0),
            ]),
        Shape(name: "many files in a piece", lengths: (0..<40).map { .init("folder \($0 % 4)/file \($0)", $0 * 37) }),
        Shape(name: "names beyond ASCII", lengths: [.init("Über/日本語 🐟", 66000), .init("Über/é", 5)]),
    ]

    @Test(arguments: shapes) func torrentIsDownloadedFromOnePeer(shape: Shape) async throws {
        let torrent = try shape.torrent()
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.claimed(id, torrent).isFull)
            let row = try site.row(id)
            #expect(row.completedBytes == row.wantedBytes)
            #expect(row.state == .complete)
            #expect(row.error == nil)
        }
    }

    /// There is nothing to ask anybody for.
    @Test func torrentOfEmptyFilesCompletes() async throws {
        let torrent = try SampleTorrent(folder: "sample", [.init("a", 0), .init("b/c", 0)])
        try await withSite { site in
            let id = try site.add(torrent)
            try await site.run {
                $0.scope = .only([id])
                $0.endsWhenComplete = true
                $0.seedGoal = .none
            } _: { session in
                await session.waitUntilEnd()
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.row(id).state == .complete)
        }
    }

    @Test func downloadUsesSeveralPeers() async throws {
        let torrent = try SampleTorrent(length: 6 << 20, seed: 2)
        try await withSite { site in
            let id = try site.add(torrent)
            // None is fast enough to send all before the others are connected.
            try await withPeers(torrent, [.slow(100), .slow(100), .slow(100)]) { peers in
                try await site.download(id, from: peers)
                for peer in peers { #expect(peer.servedBytes > torrent.content.count / 10) }
                // A block is asked of two only when one is late.
                #expect(peers.reduce(0) { $0 + $1.servedBytes } < torrent.content.count * 11 / 10)
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    @Test func peersWithDifferentPiecesCompleteTheDownload() async throws {
        let torrent = try SampleTorrent(length: 64 * 16384, pieceLength: 16384, seed: 3)
        try await withSite { site in
            let id = try site.add(torrent)
            var odd = Bitfield(count: 64)
            var even = Bitfield(count: 64)
            for piece in torrent.geometry.pieces {
                if piece.value % 2 == 0 { even.insert(piece) } else { odd.insert(piece) }
            }
            let first = try await FakePeer.start(torrent, have: odd, isFast: false)
            let second = try await FakePeer.start(torrent, have: even)
            let done = await Result { try await site.download(id, from: [first, second]) }
            await first.stop()
            await second.stop()
            try done.get()
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    @Test func torrentIsDownloadedOverIPv6() async throws {
        let torrent = try SampleTorrent(length: 300_000, seed: 4)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, host: "::1") { peers in
                #expect(peers[0].address.isIPv6)
                try await site.download(id, from: peers)
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    @Test func filesAreFullyAllocatedOnRequest() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 5)
        try await withSite { site in
            _ = try site.add(torrent) { $0.allocatesFull = true }
            try await withPeers(torrent, [.stopping(after: 4)]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the file to have all its blocks") {
                        let path = torrent.path(0, in: site.output)
                        return Files.exists(path) ? try Files.allocatedBytes(path) >= 1 << 20 : false
                    }
                }
            }
        }
    }

    @Test func pausedTorrentDoesNothingUntilResumed() async throws {
        let torrent = try SampleTorrent(length: 100_000)
        try await withSite { site in
            let id = try site.add(torrent) { $0.isPaused = true }
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { session in
                    try await site.untilSettled()
                    #expect(peers[0].connections == 0)
                    #expect(try Files.names(in: site.output) == [])
                    try site.write { db throws(StoreError) in try db.torrents.setPaused(id, false) }
                    try site.tell(.changed, id)
                    try await site.untilComplete(id)
                    #expect(await session.snapshot(id)?.state == .seeding)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }
}
