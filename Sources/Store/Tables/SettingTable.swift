/// The table `setting`.
package struct SettingTable {
    let db: Connection

    /// A key and its value.
    package struct Setting: Row, Sendable, Hashable {
        package static let columns = "key, value"
        package let key: String
        package let value: String

        package init(_ row: Statement) throws(StoreError) {
            key = try row.next()
            value = try row.next()
        }
    }

    /// The value; `nil` when it was never set.
    package func value(_ key: String) throws(StoreError) -> String? {
        try db.value("SELECT value FROM setting WHERE key = ?", key)
    }

    /// All settings, ordered by key.
    package func rows() throws(StoreError) -> [Setting] { try db.fetchAll("FROM setting ORDER BY key") }

    /// Sets the value; `nil` deletes the setting.
    package func set(_ key: String, _ value: String?) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            if let value {
                try db.execute(
                    "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    key, value)
            } else {
                try db.execute("DELETE FROM setting WHERE key = ?", key)
            }
        }
    }
}
