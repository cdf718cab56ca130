extension StoreError {
    /// Whether SQLite could read a row that holds an invalid value. Such damage affects only one torrent.
    package var isOfRow: Bool { code == .corrupt && sqliteCode == 0 }
    /// Whether SQLite found the file itself damaged.
    package var isOfFile: Bool { (code == .corrupt || code == .notADatabase) && sqliteCode != 0 }
}
