package import Torrent

/// The blocks of an incomplete piece that are on disk.
package struct PartialPiece: Hashable, Sendable {
    package let piece: PieceIndex
    package let blocks: BlockSet

    package init(piece: PieceIndex, blocks: BlockSet) {
        self.piece = piece
        self.blocks = blocks
    }

    /// Forgets the recorded blocks of the piece.
    package static func nothing(of piece: PieceIndex) -> Self { Self(piece: piece, blocks: BlockSet()) }
}
