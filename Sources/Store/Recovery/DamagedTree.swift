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

/// Reads rows from the b-trees of a damaged database. Unreadable parts are skipped, and the rest is still found.
struct DamagedTree {
    /// A row as it is stored. Only tables with row numbers have a ``rowID``.
    struct Row {
        let rowID: Int64?
        let values: [RawValue]
        /// Whether the row's bytes are exactly one record: then it belongs to a table of its form, wherever it was
        /// found.
        let isExact: Bool
    }

    /// The most bytes of a row that are accepted: the largest .torrent and its other columns.
    private static let rowLimit = (256 << 20) + 65536

    let pages: DamagedPages
    /// Pages that belong to a tree that was walked, or to a long row of one.
    private(set) var known: Set<Int> = []
    /// Whether a part of the last walked tree could not be read.
    private(set) var isDamaged = false

    init(_ pages: DamagedPages) { self.pages = pages }

    /// Reads every readable row of the tree. Each page is visited once, however the pages refer to each other.
    mutating func walk(root: Int, isTable: Bool, _ body: (Row) throws(StoreError) -> Void) throws(StoreError) {
        isDamaged = false
        var visited: Set<Int> = []
        var next = [root]
        while let number = next.popLast() {
            guard visited.insert(number).inserted, let bytes = pages[number],
                let page = DamagedTreePage(bytes, number: number),
                page.kind.isTable == isTable
            else {
                isDamaged = true
                continue
            }
            known.insert(number)
            if page.isDamaged { isDamaged = true }
            if page.kind != .tableInterior { try read(page, body) }
            if page.kind.isInterior { next += children(of: page).reversed() }
        }
    }

    /// Reads the rows of a page that no tree leads to.
    mutating func readOrphan(_ number: Int, _ body: (Row, _ isTable: Bool) throws(StoreError) -> Void)
        throws(StoreError)
    {
        guard let bytes = pages[number], let page = DamagedTreePage(bytes, number: number), page.kind != .tableInterior
        else { return }
        try read(page) { (row) throws(StoreError) in try body(row, page.kind.isTable) }
    }

    /// Marks the free pages as known, because their old content must not come back (sqlite.org/fileformat.html, section
    /// 1.5).
    mutating func markFreePages() {
        var trunk = pages[1].flatMap { DamagedTreePage.number($0, 32) } ?? 0
        while trunk > 0, let bytes = pages[trunk], known.insert(trunk).inserted {
            let count = min(DamagedTreePage.number(bytes, 4) ?? 0, bytes.count / 4 - 2)
            for n in 0..<max(0, count) { known.insert(DamagedTreePage.number(bytes, 8 + n * 4) ?? 0) }
            trunk = DamagedTreePage.number(bytes, 0) ?? 0
        }
    }

    private func children(of page: DamagedTreePage) -> [Int] {
        (page.cells.map { DamagedTreePage.number(page.bytes, $0) } + [page.rightChild]).compactMap(\.self)
    }

    private mutating func read(_ page: DamagedTreePage, _ body: (Row) throws(StoreError) -> Void) throws(StoreError) {
        for cell in page.cells {
            if let row = row(of: page, at: cell) { try body(row) } else { isDamaged = true }
        }
    }

    private mutating func row(of page: DamagedTreePage, at cell: Int) -> Row? {
        var place = cell + (page.kind == .indexInterior ? 4 : 0)
        guard let length = Varint.read(page.bytes, &place), length <= UInt64(Self.rowLimit) else { return nil }
        var rowID: Int64?
        if page.kind.isTable {
            guard let id = Varint.read(page.bytes, &place) else { return nil }
            rowID = Int64(bitPattern: id)
        }
        guard let payload = payload(of: page, at: place, length: Int(length)), let record = RawRecord.decode(payload)
        else { return nil }
        if !record.isExact { isDamaged = true }
        return Row(rowID: rowID, values: record.values, isExact: record.isExact)
    }

    /// The bytes of a row: those on the page and those in its chain of overflow pages. There may be fewer than its
    /// length says.
    private mutating func payload(of page: DamagedTreePage, at place: Int, length: Int) -> [UInt8]? {
        let local = localLength(of: length, isTable: page.kind.isTable)
        guard place + local <= page.bytes.count else { return Array(page.bytes[min(place, page.bytes.count)...]) }
        var payload = Array(page.bytes[place..<place + local])
        guard local < length else { return payload }
        payload.reserveCapacity(length)
        guard var next = DamagedTreePage.number(page.bytes, place + local) else { return payload }
        while payload.count < length {
            // Each page adds bytes, so a cyclic chain ends too.
            guard next > 0, let bytes = pages[next], let following = DamagedTreePage.number(bytes, 0) else {
                return payload
            }
            known.insert(next)
            payload += bytes[4..<min(bytes.count, 4 + length - payload.count)]
            next = following
        }
        return payload
    }

    /// The number of a row's bytes on its page (sqlite.org/fileformat.html, section 1.6: X, M and K).
    private func localLength(of length: Int, isTable: Bool) -> Int {
        let usable = pages.pageSize
        let most = isTable ? usable - 35 : (usable - 12) * 64 / 255 - 23
        guard length > most else { return length }
        let least = (usable - 12) * 32 / 255 - 23
        let fitting = least + (length - least) % (usable - 4)
        return fitting <= most ? fitting : least
    }
}
