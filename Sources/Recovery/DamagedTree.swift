import Store

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
