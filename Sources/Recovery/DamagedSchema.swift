import Migrations
import Store

/// What is still readable of a damaged database's schema: its version, and the root pages of its tables.
struct DamagedSchema {
    /// The root page of each table and index whose schema row is readable.
    private(set) var roots: [String: Int] = [:]
    /// The names in ``roots`` that are indexes.
    private(set) var indexes: Set<String> = []
    /// The number of the last migration, or of the newest known migration when the file doesn't show it.
    let version: Int
    /// Whether anything shows that the file was a database of this program.
    let isOurs: Bool

    init(_ pages: DamagedPages, _ tree: inout DamagedTree) throws(StoreError) {
        var roots: [String: Int] = [:]
        var indexes: Set<String> = []
        // The rows of sqlite_schema: type, name, tbl_name, rootpage, sql (sqlite.org/schematab.html).
        try tree.walk(root: 1, isTable: true) { row throws(StoreError) in
            guard row.values.count == 5, case .text(let type) = row.values[0], case .text(let name) = row.values[1],
                case .integer(let root) = row.values[3], root > 0, let page = Int(exactly: root)
            else { return }
            let text = String(decoding: name, as: UTF8.self)
            roots[text] = page
            if type == Array("index".utf8) { indexes.insert(text) }
        }
        var migrations = 0
        if let root = roots["schema_migration"] {
            try tree.walk(root: root, isTable: true) { row throws(StoreError) in
                if let id = row.rowID, (1...Int64(Migration.all.count)).contains(id) {
                    migrations = max(migrations, Int(id))
                }
            }
        }
        let header = pages[1] ?? []
        let said = DamagedTreePage.number(header, 60) ?? 0
        // If they differ, the newer one is used: rows of an older schema fit a newer one, like rows from before a
        // column was added.
        let highest = max(migrations, (1...Migration.all.count).contains(said) ? said : 0)
        version = highest > 0 ? highest : Migration.all.count
        isOurs =
            DatabaseFile.isNearly(DamagedTreePage.number(header, 68) ?? 0)
            || roots["schema_migration"] != nil && roots["metainfo"] != nil
        self.roots = roots
        self.indexes = indexes
    }
}
