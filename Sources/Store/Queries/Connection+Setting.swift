extension Connection {
    /// The value; `nil` when it was never set.
    package func setting(_ key: String) throws(StoreError) -> String? {
        try first("SELECT value FROM setting WHERE key = ?", key) { (row) throws(StoreError) in try row.next() }
    }

    /// All settings, ordered by key.
    package func settings() throws(StoreError) -> [(key: String, value: String)] {
        try rows("SELECT key, value FROM setting ORDER BY key") { (row) throws(StoreError) in
            (key: try row.next(), value: try row.next())
        }
    }

    /// Sets the value; `nil` deletes the setting.
    package func set(_ key: String, _ value: String?) throws(StoreError) {
        try transaction { () throws(StoreError) in
            if let value {
                try execute(
                    "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    key, value)
            } else {
                try execute("DELETE FROM setting WHERE key = ?", key)
            }
        }
    }
}
