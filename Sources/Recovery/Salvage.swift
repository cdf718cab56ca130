import Store

/// Fills a fresh database with every row that can be read from a damaged one.
struct Salvage {
    /// Tables that could not be read completely.
    private(set) var damaged: Set<String> = []
    /// Torrents that were found on pages that no tree leads to: they may have been removed earlier.
    private(set) var strays: Set<Int64> = []
    /// The highest row numbers that were ever used.
    private(set) var sequences: [String: Int64] = [:]

    /// Tables whose rows are identified by an info hash, whatever their numbers: see ``MetainfoMatching``.
    private static let identified: Set<String> = ["torrent", "metainfo"]
    private var spareCount = 0

    private let fresh: Connection
    private let shapes: [TableShape]

    /// `fresh` is an empty database with the damaged one's schema, in a transaction, with foreign keys off.
    init(into fresh: Connection) throws(StoreError) {
        self.fresh = fresh
        shapes = try fresh.tableShapes()
    }

    mutating func run(_ tree: inout DamagedTree, _ schema: DamagedSchema) throws(StoreError) {
        for shape in shapes {
            guard let root = schema.roots[shape.name] else {
                damaged.insert(shape.name)
                continue
            }
            try tree.walk(root: root, isTable: shape.hasRowID) { (row) throws(StoreError) in
                guard let fitting = shape.fit(row) else {
                    damaged.insert(shape.name)
                    return
                }
                _ = try take(fitting, shape)
            }
            if tree.isDamaged { damaged.insert(shape.name) }
        }
        if let root = schema.roots["sqlite_sequence"] { try readSequences(&tree, root) }
        if !damaged.isEmpty { try adoptOrphans(&tree, schema) }
    }

    /// Reads the pages that no tree leads to any more, such as those below a damaged page.
    private mutating func adoptOrphans(_ tree: inout DamagedTree, _ schema: DamagedSchema) throws(StoreError) {
        for name in schema.indexes.sorted() {
            if let root = schema.roots[name] { try tree.walk(root: root, isTable: false) { (_) throws(StoreError) in } }
        }
        tree.markFreePages()
        let lacking = shapes.filter { damaged.contains($0.name) }
        for number in stride(from: 1, through: tree.pages.count, by: 1) where !tree.known.contains(number) {
            try tree.readOrphan(number) { (row, isTable) throws(StoreError) in
                for shape in lacking where shape.hasRowID == isTable {
                    // Only its form shows which table the row belongs to.
                    guard row.isExact, let fitting = shape.fit(row), fitting.misfits.isEmpty, try take(fitting, shape)
                    else { continue }
                    if shape.name == "torrent", let id = row.rowID { strays.insert(id) }
                    return
                }
            }
        }
    }

    private mutating func readSequences(_ tree: inout DamagedTree, _ root: Int) throws(StoreError) {
        var found: [String: Int64] = [:]
        try tree.walk(root: root, isTable: true) { (row) throws(StoreError) in
            guard row.values.count == 2, case .text(let name) = row.values[0], case .integer(let number) = row.values[1]
            else { return }
            found[String(decoding: name, as: UTF8.self)] = number
        }
        sequences = found
    }

    /// Writes the row, or as much of it as the table's constraints allow. Returns whether the row was kept.
    private mutating func take(_ fitting: TableShape.Fitting, _ shape: TableShape) throws(StoreError) -> Bool {
        var values = fitting.values
        let all = Array(values.indices)
        if fitting.misfits.isEmpty, try fresh.insert(shape, all, values) { return true }
        damaged.insert(shape.name)
        for place in fitting.misfits where !shape.columns[place].isOptional {
            // A required number is replaced by one that no constraint rejects, and corrected later from the .torrent.
            // Other required values can't be invented.
            guard shape.columns[place].type == "INTEGER", !shape.columns[place].isRowID, place >= shape.keyLength else {
                return false
            }
            values[place] = Self.harmless
        }
        let fit = all.filter { !fitting.misfits.contains($0) || !shape.columns[$0].isOptional }
        if !fitting.misfits.isEmpty, try fresh.insert(shape, fit, values) { return true }
        if Self.identified.contains(shape.name), let place = shape.columns.firstIndex(where: \.isRowID),
            place < values.count
        {
            // Two rows have the same number, so one number is damaged. Their info hashes will show which one.
            var spare = values
            spare[place] = .integer(-1 - Int64(spareCount))
            if try fresh.insert(shape, fit, spare) {
                spareCount += 1
                return true
            }
        }
        for left in fit where shape.columns[left].isOptional {
            if try fresh.insert(shape, fit.filter { $0 != left }, values) { return true }
        }
        // The minimum that a row must have. If a constraint rejects one of its numbers, the number is damaged and
        // replaced like a missing one.
        let least = fit.filter { !shape.columns[$0].isOptional }
        if try fresh.insert(shape, least, values) { return true }
        let numbers = least.filter {
            shape.columns[$0].type == "INTEGER" && !shape.columns[$0].isRowID && $0 >= shape.keyLength
        }
        for place in numbers {
            var others = values
            others[place] = Self.harmless
            if try fresh.insert(shape, least, others) { return true }
        }
        for place in numbers { values[place] = Self.harmless }
        return try fresh.insert(shape, least, values)
    }

    /// A value that no constraint of any table rejects.
    private static let harmless = RawValue.integer(1)
}

extension Connection {
    /// Writes these columns of a row; `false` when the table's constraints reject it.
    fileprivate func insert(_ shape: TableShape, _ places: [Int], _ values: [RawValue]) throws(StoreError) -> Bool {
        do {
            let statement = try prepare(shape.insertion(places))
            defer { statement.reset() }
            try statement.bind(places.map { values[$0] })
            while try statement.step() {}
            return true
        } catch {
            guard error.code == .constraint else { throw error }
            return false
        }
    }
}
