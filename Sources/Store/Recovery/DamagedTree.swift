/// A b-tree page of a damaged database, as far as it can be read (sqlite.org/fileformat.html, section 1.6).
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
    /// Where the cells begin; those outside the page are left out.
    let cells: [Int]
    /// Whether the page has cells that cannot be.
    let isDamaged: Bool
    /// The last child of an interior page.
    let rightChild: Int?

    /// `nil` when it is no page of a b-tree.
    init?(_ bytes: [UInt8], number: Int) {
        // The first page begins with the header of the file.
        let start = number == 1 ? 100 : 0
        guard bytes.count >= start + 12, let kind = Kind(rawValue: bytes[start]) else { return nil }
        let header = kind.isInterior ? 12 : 8
        let count = Int(bytes[start + 3]) << 8 | Int(bytes[start + 4])
        let end = start + header + count * 2
        guard end <= bytes.count else { return nil }
        var cells: [Int] = []
        cells.reserveCapacity(count)
        for place in stride(from: start + header, to: end, by: 2) {
            // A page is a power of two: of bits that point outside nothing is believed, as SQLite has it.
            let cell = (Int(bytes[place]) << 8 | Int(bytes[place + 1])) & (bytes.count - 1)
            if cell >= end { cells.append(cell) }
        }
        self.kind = kind
        self.bytes = bytes
        self.cells = cells
        isDamaged = cells.count != count
        rightChild = kind.isInterior ? Self.number(bytes, start + 8) : nil
    }

    /// Four bytes, the highest first.
    static func number(_ bytes: [UInt8], _ place: Int) -> Int? {
        guard place + 4 <= bytes.count else { return nil }
        return bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
    }
}

/// Rows out of the b-trees of a damaged database: what can't be read is passed over, and the rest is still found.
struct DamagedTree {
    /// A row as it is stored; ``rowID`` is of tables that have one.
    struct Row {
        let rowID: Int64?
        let values: [RawValue]
        /// Whether nothing about the row is odd: then it is of a table whose form it has, wherever it was found.
        let isExact: Bool
    }

    /// Bytes of a row that are believed: the largest .torrent, and what stands beside it.
    private static let rowLimit = (256 << 20) + 65536

    let pages: DamagedPages
    /// Pages that belong to a tree that was walked, or to a long row of one.
    private(set) var known: Set<Int> = []
    /// Whether something of the last tree that was walked could not be read.
    private(set) var isDamaged = false

    init(_ pages: DamagedPages) { self.pages = pages }

    /// Every row of the tree that can be read, each page once, however the pages point at each other.
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

    /// The rows of a page that no tree leads to.
    mutating func readOrphan(_ number: Int, _ body: (Row, _ isTable: Bool) throws(StoreError) -> Void)
        throws(StoreError)
    {
        guard let bytes = pages[number], let page = DamagedTreePage(bytes, number: number), page.kind != .tableInterior
        else { return }
        try read(page) { (row) throws(StoreError) in try body(row, page.kind.isTable) }
    }

    /// Pages that hold nothing any more: what is left in them is not to come back (sqlite.org/fileformat.html, section
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

    /// The bytes of a row: those on the page, and those on the pages that its chain leads to. There may be fewer than
    /// its length says.
    private mutating func payload(of page: DamagedTreePage, at place: Int, length: Int) -> [UInt8]? {
        let local = localLength(of: length, isTable: page.kind.isTable)
        guard place + local <= page.bytes.count else { return Array(page.bytes[min(place, page.bytes.count)...]) }
        var payload = Array(page.bytes[place..<place + local])
        guard local < length else { return payload }
        payload.reserveCapacity(length)
        guard var next = DamagedTreePage.number(page.bytes, place + local) else { return payload }
        while payload.count < length {
            // Each page brings bytes, so a chain that bites its tail ends too.
            guard next > 0, let bytes = pages[next], let following = DamagedTreePage.number(bytes, 0) else {
                return payload
            }
            known.insert(next)
            payload += bytes[4..<min(bytes.count, 4 + length - payload.count)]
            next = following
        }
        return payload
    }

    /// How much of a row is on its page (sqlite.org/fileformat.html, section 1.6: X, M and K).
    private func localLength(of length: Int, isTable: Bool) -> Int {
        let usable = pages.pageSize
        let most = isTable ? usable - 35 : (usable - 12) * 64 / 255 - 23
        guard length > most else { return length }
        let least = (usable - 12) * 32 / 255 - 23
        let fitting = least + (length - least) % (usable - 4)
        return fitting <= most ? fitting : least
    }
}
