import Torrent

/// The bits of one page of a bitfield: ``pieceCount`` pieces, in wire order.
struct PageBits: Hashable, Sendable {
    /// Pieces per page. A commit rewrites 128 bytes for each page that it touches.
    static let pieceCount = 1024

    private var bytes = [UInt8](repeating: 0, count: pieceCount / 8)

    init() {}

    /// Decodes the database's blob of a page of `count` pieces; `nil` when its length is wrong or a spare bit is set.
    init?(_ blob: [UInt8], count: Int) {
        guard blob.count == (count + 7) / 8 else { return nil }
        if count % 8 != 0, let last = blob.last, last << UInt8(count % 8) != 0 { return nil }
        bytes.replaceSubrange(0..<blob.count, with: blob)
    }

    /// All pages of a bitfield, in order.
    static func pages(_ bits: Bitfield) -> [(number: Int, bits: PageBits)] {
        let bytes = bits.bytes
        return stride(from: 0, to: bytes.count, by: pieceCount / 8).map { start in
            var page = PageBits()
            let part = bytes[start..<min(start + pieceCount / 8, bytes.count)]
            page.bytes.replaceSubrange(0..<part.count, with: part)
            return (start * 8 / pieceCount, page)
        }
    }

    /// The page of a piece, and its bit in that page.
    static func place(_ piece: PieceIndex) -> (page: Int, bit: Int) {
        (piece.value / pieceCount, piece.value % pieceCount)
    }

    /// The number of pieces in the page: every page of a torrent but its last is full.
    static func count(page: Int, of pieces: Int) -> Int { min(pieceCount, pieces - page * pieceCount) }

    var isEmpty: Bool { bytes.allSatisfy { $0 == 0 } }
    var population: Int { bytes.reduce(0) { $0 + $1.nonzeroBitCount } }

    func blob(count: Int) -> [UInt8] { Array(bytes.prefix((count + 7) / 8)) }

    mutating func insert(_ bit: Int) { bytes[bit / 8] |= 0x80 >> UInt8(bit % 8) }
    mutating func formUnion(_ other: PageBits) { for n in bytes.indices { bytes[n] |= other.bytes[n] } }
    mutating func subtract(_ other: PageBits) { for n in bytes.indices { bytes[n] &= ~other.bytes[n] } }

    func isSubset(of other: PageBits) -> Bool { zip(bytes, other.bytes).allSatisfy { $0 & ~$1 == 0 } }
}
