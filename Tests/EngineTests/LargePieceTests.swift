import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The largest pieces that there are: two of 64 MiB, and a short last one.
@Suite(.alone) struct LargePieceTests {
    private static let pieceLength = 64 << 20

    /// Blocks of some random bytes, each of which begins with its number: enough that no block is like another, and
    /// cheap to make.
    private static func content() -> [UInt8] {
        let tile = SamplePayload(seed: 171).bytes(at: 0, count: Geometry.blockLength)
        var content: [UInt8] = []
        content.reserveCapacity(130 << 20)
        for number in 0..<(130 << 20) / Geometry.blockLength {
            withUnsafeBytes(of: UInt64(number).bigEndian) { content.append(contentsOf: $0) }
            content.append(contentsOf: tile[8...])
        }
        return content
    }

    /// The engine is stopped in the middle of a piece: its 4,096 blocks are 512 bytes of a mask, and none of those that
    /// came comes again.
    @Test func blocksOfLargePiecesSurviveAStop() async throws {
        let torrent = try SampleTorrent("large.bin", content: Self.content(), pieceLength: Self.pieceLength)
        #expect(torrent.geometry.pieceCount == 3 && torrent.geometry.blockCount(of: PieceIndex(0)) == 4096)
        try await withSite { site in
            let id = try site.add(torrent) { $0.isSequential = true }
            let blocks = 4096 + 1500
            try await withPeers(torrent, [.stopping(after: blocks)]) { peers in
                try await site.run(peers: [peers[0].address]) { session in
                    try await eventually("the blocks to come") {
                        await session.snapshot(id)?.downloadedBytes == Int64(blocks * Geometry.blockLength)
                    }
                }
                let first = Set(peers[0].served)
                let claimed = try site.claimed(id, torrent)
                #expect(try torrent.unfounded(claimed, in: site.output) == [])
                let rows = try site.read { db throws(StoreError) in try db.pieces.partials(of: id) }
                let mask = try #require(rows.first { $0.piece.value < 2 })
                #expect(mask.blocks.count == 512)
                let remembered = try site.partialBlocks(id)
                #expect(first.filter { !claimed[$0.piece] && !remembered.contains($0) } == [])
                #expect(remembered.isSubset(of: first))

                peers[0].forget()
                peers[0].behave(.good)
                try await site.download(id, from: peers)
                #expect(first.isDisjoint(with: peers[0].served), "blocks came twice")
                #expect(peers[0].servedBytes == torrent.content.count - blocks * Geometry.blockLength)
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.events(.verified, of: id) == [])
        }
    }
}
