package import Torrent

/// A part of a piece that a peer requests: at most ``Swarm/longestRequest`` bytes, within a piece that is present.
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
