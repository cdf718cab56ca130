/// The index of a piece in its torrent, counted from 0 (BEP 3).
package struct PieceIndex: Hashable, Comparable, Strideable, Sendable, CustomStringConvertible {
    package let value: Int

    package init(_ value: Int) { self.value = value }

    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    package func distance(to other: Self) -> Int { other.value - value }
    package func advanced(by n: Int) -> Self { Self(value + n) }
    package var description: String { "\(value)" }
}

/// One block of a piece. `block` is an index counted from 0, in blocks of ``Geometry/blockLength`` bytes.
package struct BlockRef: Hashable, Sendable, CustomStringConvertible {
    package let piece: PieceIndex
    package let block: Int

    package init(piece: PieceIndex, block: Int) {
        self.piece = piece
        self.block = block
    }

    package var description: String { "\(piece):\(block)" }
}

/// How a torrent is divided into pieces and blocks.
package struct Geometry: Hashable, Sendable {
    /// The length of a block in bytes: every client requests this length, and many clients answer no longer request
    /// (BEP 3).
    package static let blockLength = 16384
    /// The accepted piece lengths in bytes.
    ///
    /// Any length in this range is accepted, because not all programs use powers of two. 256 MiB is the largest piece
    /// length that other clients create and read. Two pieces are in memory at once while they are downloaded.
    package static let pieceLengths = 1...(256 << 20)
    /// The maximum number of pieces; their hashes take 80 MiB.
    package static let maximumPieceCount = 1 << 22

    /// The total length of all files in bytes, including pad files; at least 0.
    package let totalBytes: Int64
    /// The length in bytes of every piece except the last.
    package let pieceLength: Int
    package let pieceCount: Int

    /// Returns `nil` if the piece length or the number of pieces is outside the limits, or `totalBytes` is negative.
    package init?(totalBytes: Int64, pieceLength: Int) {
        guard totalBytes >= 0, Self.pieceLengths.contains(pieceLength) else { return nil }
        let whole = totalBytes / Int64(pieceLength)
        let count = whole + (totalBytes % Int64(pieceLength) == 0 ? 0 : 1)
        guard count <= Int64(Self.maximumPieceCount) else { return nil }
        self.totalBytes = totalBytes
        self.pieceLength = pieceLength
        self.pieceCount = Int(count)
    }

    package var pieces: Range<PieceIndex> { PieceIndex(0)..<PieceIndex(pieceCount) }

    /// The offset of the piece's first byte in the torrent.
    package func offset(of piece: PieceIndex) -> Int64 { Int64(piece.value) * Int64(pieceLength) }

    /// The length of the piece in bytes: ``pieceLength``, or less for the last piece.
    package func length(of piece: PieceIndex) -> Int {
        piece.value == pieceCount - 1 ? Int(totalBytes - offset(of: piece)) : pieceLength
    }

    package func blockCount(of piece: PieceIndex) -> Int {
        (length(of: piece) + Self.blockLength - 1) / Self.blockLength
    }

    /// The length of the block in bytes: ``blockLength``, or less for the last block of a piece.
    package func length(of block: BlockRef) -> Int {
        min(Self.blockLength, length(of: block.piece) - block.block * Self.blockLength)
    }

    /// Whether the piece exists and contains `begin ..< begin + length`.
    package func contains(piece: Int, begin: Int, length: Int) -> Bool {
        guard piece >= 0, piece < pieceCount, begin >= 0, length > 0 else { return false }
        let (end, overflow) = begin.addingReportingOverflow(length)
        return !overflow && end <= self.length(of: PieceIndex(piece))
    }
}
