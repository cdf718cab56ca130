/// The readable part of a b-tree page of a damaged database (sqlite.org/fileformat.html, section 1.6).
struct DamagedTreePage {
    enum Kind: UInt8 {
        case indexInterior = 0x02
        case tableInterior = 0x05
        case indexLeaf = 0x0a
        case tableLeaf = 0x0d

        var isInterior: Bool { self == .indexInterior || self == .tableInterior }
        var isTable: Bool { self == .tableInterior || self == .tableLeaf }
    }

    let kind: Kind
    let bytes: [UInt8]
    /// The offsets of the cells; those outside the page are left out.
    let cells: [Int]
    /// Whether the page has impossible cells.
    let isDamaged: Bool
    /// The last child of an interior page.
    let rightChild: Int?

    /// `nil` when the bytes are not a b-tree page.
    init?(_ bytes: [UInt8], number: Int) {
        // The first page begins with the file's header.
        let start = number == 1 ? 100 : 0
        guard bytes.count >= start + 12, let kind = Kind(rawValue: bytes[start]) else { return nil }
        let header = kind.isInterior ? 12 : 8
        let count = Int(bytes[start + 3]) << 8 | Int(bytes[start + 4])
        let end = start + header + count * 2
        guard end <= bytes.count else { return nil }
        var cells: [Int] = []
        cells.reserveCapacity(count)
        for place in stride(from: start + header, to: end, by: 2) {
            // A page size is a power of two. Bits that would point outside the page are masked off, as in SQLite.
            let cell = (Int(bytes[place]) << 8 | Int(bytes[place + 1])) & (bytes.count - 1)
            if cell >= end { cells.append(cell) }
        }
        self.kind = kind
        self.bytes = bytes
        self.cells = cells
        isDamaged = cells.count != count
        rightChild = kind.isInterior ? Self.number(bytes, start + 8) : nil
    }

    /// A big-endian number of four bytes.
    static func number(_ bytes: [UInt8], _ place: Int) -> Int? {
        guard place + 4 <= bytes.count else { return nil }
        return bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
    }
}
