package import Torrent

/// The blocks of an incomplete piece that are on the disk.
package struct PartialPieceRow: Row, Sendable, Hashable {
    package let piece: PieceIndex
    /// One bit per block in wire order: block 0 is the highest bit of the first byte.
    package let blocks: [UInt8]

    package init(piece: PieceIndex, blocks: [UInt8]) {
        self.piece = piece
        self.blocks = blocks
    }

    package static let columns = "piece, blocks"

    package init(_ row: Statement) throws(StoreError) {
        piece = try row.next()
        blocks = try row.next()
    }
}
