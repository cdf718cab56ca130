import Store

/// How the rows of a table are stored, and how they are written into another database of the same schema.
struct TableShape {
    struct Column {
        let name: String
        let type: String
        let isNotNull: Bool
        /// Whether a row may be written without this column.
        let isOptional: Bool
        /// The `INTEGER PRIMARY KEY`. It is stored as NULL, because its value is the row number.
        let isRowID: Bool
    }

    let name: String
    /// The columns in storage order: a table without row numbers begins with its key.
    let columns: [Column]
    /// The number of key columns in a table without row numbers; 0 in a table that has them.
    let keyLength: Int

    var hasRowID: Bool { keyLength == 0 }

    var hasTorrentID: Bool { columns.contains { $0.name == "torrent_id" } }

    /// The values of a row, by column.
    struct Fitting {
        /// Shorter than the table's columns if the row is from before a column was added.
        var values: [RawValue]
        /// Columns whose values can't belong to this table.
        var misfits: Set<Int> = []
    }

    /// Reads a row as one of this table; `nil` when the row doesn't have the table's form.
    func fit(_ row: DamagedTree.Row) -> Fitting? {
        guard (row.rowID != nil) == hasRowID, row.values.count >= max(1, keyLength), row.values.count <= columns.count
        else { return nil }
        var fitting = Fitting(values: row.values)
        for (n, column) in columns.prefix(row.values.count).enumerated() {
            if column.isRowID, let id = row.rowID { fitting.values[n] = .integer(id) }
            if !Self.fits(fitting.values[n], column) { fitting.misfits.insert(n) }
        }
        // A truncated row lacks the columns after the break.
        while !row.isExact, fitting.values.count < columns.count {
            fitting.misfits.insert(fitting.values.count)
            fitting.values.append(.null)
        }
        return fitting
    }

    private static func fits(_ value: RawValue, _ column: Column) -> Bool {
        switch (value, column.type) {
        case (.null, _): !column.isNotNull && !column.isRowID
        case (.integer, "INTEGER"), (.integer, "REAL"), (.real, "REAL"), (.text, "TEXT"), (.blob, "BLOB"): true
        default: false
        }
    }

    /// The SQL statement that inserts these columns.
    func insertion(_ places: [Int]) -> String {
        let names = places.map { "\"\(columns[$0].name)\"" }.joined(separator: ", ")
        return "INSERT INTO \"\(name)\" (\(names)) VALUES (\(places.map { _ in "?" }.joined(separator: ", ")))"
    }
}

extension Connection {
    /// Tables that only hold a running engine's current state, which isn't worth recovering.
    static let fleetingTables: Set<String> = ["live", "live_peer", "intent"]

    /// The tables that hold lasting data, parents before their children.
    func tableShapes() throws(StoreError) -> [TableShape] {
        let tables: [TableEntry] = try fetchAll(
            "FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name")
        return try tables.filter {
            !$0.name.hasPrefix("sqlite_") && $0.name != "schema_migration" && !Self.fleetingTables.contains($0.name)
        }
        .map { (table) throws(StoreError) in try shape(of: table.name, isWithoutRowID: table.isWithoutRowID) }
    }

    private func shape(of table: String, isWithoutRowID: Bool) throws(StoreError) -> TableShape {
        // In tables without row numbers, the key's columns are never NULL, although `notnull` doesn't say so.
        let columns: [ColumnEntry] = try fetchAll("FROM pragma_table_info(?) ORDER BY cid", table)
        let key = columns.filter { $0.key > 0 }.sorted { $0.key < $1.key }
        let ordered = isWithoutRowID ? key + columns.filter { $0.key == 0 } : columns
        return TableShape(
            name: table,
            columns: ordered.map { column in
                TableShape.Column(
                    name: column.name, type: column.type,
                    isNotNull: column.isNotNull || isWithoutRowID && column.key > 0,
                    isOptional: column.key == 0 && (column.hasDefault || !column.isNotNull),
                    isRowID: !isWithoutRowID && column.key > 0 && column.type == "INTEGER")
            }, keyLength: isWithoutRowID ? key.count : 0)
    }
}

/// A table as SQLite lists it.
private struct TableEntry: Row {
    static let columns = "name, wr"
    let name: String
    let isWithoutRowID: Bool

    init(_ row: Statement) throws(StoreError) {
        name = try row.next()
        isWithoutRowID = try row.next()
    }
}

/// A column as SQLite lists it.
private struct ColumnEntry: Row {
    static let columns = "name, type, \"notnull\", dflt_value IS NOT NULL, pk"
    let name: String
    let type: String
    let isNotNull: Bool
    let hasDefault: Bool
    /// The column's position in the key, from 1; 0 if it isn't part of the key.
    let key: Int

    init(_ row: Statement) throws(StoreError) {
        name = try row.next()
        type = try row.next()
        isNotNull = try row.next()
        hasDefault = try row.next()
        key = try row.next()
    }
}
