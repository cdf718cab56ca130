import Engine
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Torrents of more than 4 GiB, where every offset that lies in 32 bits somewhere would show. Almost all of their bytes
/// are holes.
@Suite(.crowded) struct HugeTorrentTests {
    private static let pieceLength = 1 << 18
    /// Four MiB that aren't zeros, beyond 4 GiB.
    private static let window = (4608 << 20)..<(4612 << 20)
    private static let size = 5 << 30

    private static var windowPieces: Range<Int> { window.lowerBound / pieceLength..<window.upperBound / pieceLength }

    private static func have(_ torrent: SampleTorrent) -> Bitfield {
        var have = Bitfield(count: torrent.geometry.pieceCount)
        for piece in windowPieces { have.insert(PieceIndex(piece)) }
        return have
    }

    /// Only a file beyond 4 GiB is wanted; what its first and last piece have of its neighbours is kept at offsets
    /// beyond 4 GiB too, and served.
    @Test func fileBeyond4GiBIsDownloadedAndServed() async throws {
        let first = Self.window.lowerBound + 100_000
        let length = 3 << 20
        let files: [SampleTorrent.File] = [
            .init("before", first), .init("wanted", length), .init("after", Self.size - first - length),
        ]
        let torrent = try SampleTorrent(
            zeros: "huge", files, window: Self.window, pieceLength: Self.pieceLength, seed: 181)
        try await withSite { one in
            try await withSite { two in
                let ids = (
                    try one.add(torrent, wanted: [false, true, false]),
                    try two.add(torrent, wanted: [false, true, false])
                )
                let peer = try await FakePeer.start(torrent, have: Self.have(torrent))
                let result = await Result {
                    try await one.run(peers: [peer.address]) { session in
                        try await one.untilComplete(ids.0)
                        // The other has it from the first alone.
                        try await two.run(peers: [await session.address]) { _ in try await two.untilComplete(ids.1) }
                    }
                }
                await peer.stop()
                try result.get()
                for (site, id) in [(one, ids.0), (two, ids.1)] {
                    #expect(torrent.faults(in: site.output, wanted: [1]) == [])
                    #expect(try site.row(id).completedBytes == Int64(length))
                    let claimed = try site.claimed(id, torrent)
                    #expect(
                        claimed.pieces.allSatisfy { Self.windowPieces.contains($0.value) } && claimed.population == 13)
                    let parts = site.output.appending(".\(torrent.infoHash).parts")
                    #expect(try Files.status(parts).st_size > 4 << 30)
                    #expect(try Files.allocatedBytes(parts) <= 2 << 20)
                }
            }
        }
    }

    /// The offsets inside one file are beyond 4 GiB. A stop and a start later nothing is hashed, and another gets it.
    @Test func singleFileBeyond4GiBIsDownloadedAndServed() async throws {
        let torrent = try SampleTorrent(
            zeros: "huge.bin", [.init("", Self.size)], window: Self.window, pieceLength: Self.pieceLength, seed: 182)
        let have = Self.have(torrent)
        try await withSite { one in
            try await withSite { two in
                let ids = (try one.add(torrent), try two.add(torrent))
                let peer = try await FakePeer.start(torrent, have: have)
                let result = await Result {
                    try await one.run(peers: [peer.address]) { _ in
                        try await eventually("what the peer has") { try one.claimed(ids.0, torrent) == have }
                    }
                    await peer.stop()
                    try await one.run { session in
                        try await two.run(peers: [await session.address]) { _ in
                            try await eventually("what the first has") { try two.claimed(ids.1, torrent) == have }
                        }
                    }
                }
                await peer.stop()
                try result.get()
                for (site, id) in [(one, ids.0), (two, ids.1)] {
                    #expect(try site.events(.verified, of: id) == [])
                    let path = torrent.path(0, in: site.output)
                    #expect(
                        try Files.read(path, at: Int64(Self.window.lowerBound), count: Self.window.count)
                            == torrent.content)
                    #expect(try Files.status(path).st_size == Self.size)
                    #expect(try Files.allocatedBytes(path) <= Self.window.count + (1 << 20))
                    #expect(try site.row(id).completedBytes == Int64(Self.window.count))
                }
            }
        }
    }
}
