import Testing
import Torrent

struct GeometryTests {
    @Test(
        arguments: [
            (0, 16384, 0, 0, 0), (1, 16384, 1, 1, 1), (16384, 16384, 1, 16384, 1), (16385, 16384, 2, 1, 1),
            (163783, 16384, 10, 16327, 1),
            (100_000, 65536, 2, 34464, 3), (5, 1, 5, 1, 1),
            (300 << 20, 256 << 20, 2, 44 << 20, 2816), (50_000, 20_001, 3, 9998, 1),
        ] as [(Int64, Int, Int, Int, Int)])
    func lastPieceHasTheRemainingLength(total: Int64, pieceLength: Int, count: Int, lastLength: Int, lastBlocks: Int)
        throws
    {
        let geometry = try #require(Geometry(totalBytes: total, pieceLength: pieceLength))
        #expect(geometry.pieceCount == count)
        guard let last = geometry.pieces.last else { return }
        #expect(geometry.length(of: last) == lastLength)
        #expect(geometry.blockCount(of: last) == lastBlocks)
    }

    @Test(
        arguments: [(-1, 16384), (1, 0), (1, -1), (1, (256 << 20) + 1), (Int64.max, 256 << 20), ((1 << 22) + 1, 1)]
            as [(Int64, Int)])
    func invalidGeometryIsRejected(total: Int64, pieceLength: Int) {
        #expect(Geometry(totalBytes: total, pieceLength: pieceLength) == nil)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func piecesAndBlocksAddUp(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let total = Int64.random(in: 0...2_000_000, using: &generator)
        let geometry = try #require(
            Geometry(totalBytes: total, pieceLength: Int.random(in: 10_000...300_000, using: &generator)))
        var sum: Int64 = 0
        for piece in geometry.pieces {
            #expect(geometry.offset(of: piece) == sum)
            let blocks = (0..<geometry.blockCount(of: piece)).map {
                geometry.length(of: BlockRef(piece: piece, block: $0))
            }
            #expect(blocks.allSatisfy { (1...Geometry.blockLength).contains($0) })
            #expect(blocks.reduce(0, +) == geometry.length(of: piece))
            sum += Int64(geometry.length(of: piece))
        }
        #expect(sum == total)
    }

    @Test(
        arguments: [
            (0, 0, 16384, true), (0, 16384, 16384, true), (0, 16384, 16385, false), (1, 0, 100, true),
            (1, 0, 101, false), (1, 99, 1, true),
            (1, 100, 1, false), (2, 0, 1, false), (-1, 0, 1, false), (0, -1, 1, false), (0, 0, 0, false),
            (0, 1, Int.max, false),
        ] as [(Int, Int, Int, Bool)])
    func requestsMustLieInsideAPiece(piece: Int, begin: Int, length: Int, isInside: Bool) throws {
        let geometry = try #require(Geometry(totalBytes: 32768 + 100, pieceLength: 32768))
        #expect(geometry.contains(piece: piece, begin: begin, length: length) == isInside)
    }
}
