import Swarm
import Torrent

/// The torrent's bytes, of which there are none: a block is its digest, a function of the seed and its place.
struct Content {
    let seed: UInt64
    let geometry: Geometry

    func digest(_ block: BlockRef) -> UInt64 {
        var generator = SeededGenerator(seed: seed ^ UInt64(block.piece.value) << 20 ^ UInt64(block.block))
        return generator.next()
    }

    func blocks(of piece: PieceIndex) -> [BlockRef] {
        (0..<geometry.blockCount(of: piece)).map { BlockRef(piece: piece, block: $0) }
    }

    /// The block that a request asks for; requests of the lab are whole blocks.
    func block(_ request: BlockRequest) -> BlockRef {
        BlockRef(piece: request.piece, block: request.begin / Geometry.blockLength)
    }
}

extension SeededGenerator {
    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    mutating func duration(_ milliseconds: ClosedRange<Double>) -> Duration {
        .microseconds(Int64(Double.random(in: milliseconds, using: &self) * 1000))
    }
}
