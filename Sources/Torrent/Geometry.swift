/// The number of a piece in its torrent, counted from 0 (BEP 3).
package struct PieceIndex: Hashable, Comparable, Strideable, Sendable, CustomStringConvertible {
    package let value: Int

    package init(_ value: Int) { self.value = value }

    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    package func distance(to other: Self) -> Int { other.value - value }
    package func advanced(by n: Int) -> Self { Self(value + n) }
    package var description: String { "\(value)" }
}

/// One block of a piece: `block` counts the piece's blocks of ``Geometry/blockLength`` bytes from 0.
package struct BlockRef: Hashable, Sendable, CustomStringConvertible {
    package let piece: PieceIndex
    package let block: Int

    package init(piece: PieceIndex, block: Int) {
        self.piece = piece
        self.block = block
    }

    package var description: String { "\(piece):\(block)" }
}

/// How a torrent's bytes are cut into pieces and blocks.
package struct Geometry: Hashable, Sendable {
    /// Bytes of a block: what every client requests, and the most that many answer (BEP 3).
    package static let blockLength = 16384
    /// Bytes of the smallest and the largest piece that is accepted.
    ///
    /// Any length between them: not all makers use powers of two. 256 MiB are the largest pieces that other clients
    /// make and read; two of them are in memory at once while they are downloaded.
    package static let pieceLengths = 1...(256 << 20)
    /// The most pieces that are accepted: their hashes are 80 MiB.
    package static let maximumPieceCount = 1 << 22

    /// The bytes of all files together, pad files included; 0 or more.
    package let totalBytes: Int64
    /// The bytes of every piece but the last.
    package let pieceLength: Int
    package let pieceCount: Int

    /// `nil` when the piece length or the count of pieces is outside the limits, or `totalBytes` is negative.
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

    /// Where the piece begins in the torrent's bytes.
    package func offset(of piece: PieceIndex) -> Int64 { Int64(piece.value) * Int64(pieceLength) }

    /// The bytes of the piece: ``pieceLength``, or less for the last.
    package func length(of piece: PieceIndex) -> Int {
        piece.value == pieceCount - 1 ? Int(totalBytes - offset(of: piece)) : pieceLength
    }

    package func blockCount(of piece: PieceIndex) -> Int {
        (length(of: piece) + Self.blockLength - 1) / Self.blockLength
    }

    /// The bytes of the block: ``blockLength``, or less for the last of a piece.
    package func length(of block: BlockRef) -> Int {
        min(Self.blockLength, length(of: block.piece) - block.block * Self.blockLength)
    }

    /// Whether `begin ..< begin + length` lies inside the piece, and the piece inside the torrent.
    package func contains(piece: Int, begin: Int, length: Int) -> Bool {
        guard piece >= 0, piece < pieceCount, begin >= 0, length > 0 else { return false }
        let (end, overflow) = begin.addingReportingOverflow(length)
        return !overflow && end <= self.length(of: PieceIndex(piece))
    }
}
