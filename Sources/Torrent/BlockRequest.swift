/// A part of a piece that a peer requests. It lies within the piece, and may be longer than a block.
package struct BlockRequest: Hashable, Sendable {
    package let piece: PieceIndex
    /// The offset in bytes from the piece's beginning.
    package let begin: Int
    package let length: Int

    package init(piece: PieceIndex, begin: Int, length: Int) {
        self.piece = piece
        self.begin = begin
        self.length = length
    }
}
