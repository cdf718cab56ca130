import CSQLite
import Torrent

/// Changes of a table's constraints that need no change of its rows.
extension Connection {
    /// What schema 10 changes in the definition of the table `torrent`.
    private static let loosened: [(before: String, after: String)] = [
        ("'paused', 'offline', 'error')", "'paused', 'offline', 'error', 'metadata')"),
        ("total_bytes      INTEGER NOT NULL CHECK", "total_bytes      INTEGER CHECK"),
        ("piece_length     INTEGER NOT NULL CHECK", "piece_length     INTEGER CHECK"),
        ("piece_count      INTEGER NOT NULL CHECK", "piece_count      INTEGER CHECK"),
        ("wanted_bytes     INTEGER NOT NULL CHECK", "wanted_bytes     INTEGER CHECK"),
        (
            "CHECK ((seed_goal = 'ratio') = (seed_ratio IS NOT NULL)),",
            """
            CHECK ((total_bytes IS NULL) = (piece_length IS NULL) AND (total_bytes IS NULL) = (piece_count IS NULL)
                   AND (total_bytes IS NULL) = (wanted_bytes IS NULL)),
                CHECK ((seed_goal = 'ratio') = (seed_ratio IS NOT NULL)),
            """
        ),
    ]

    /// Allows torrents whose metadata isn't known: the state `metadata`, and a geometry that is NULL.
    ///
    /// SQLite can't drop a constraint, but every row that satisfies the old ones satisfies the new ones. So only the
    /// text of the table's definition is replaced, as sqlite.org/lang_altertable.html describes for such changes.
    /// Nothing is copied: a database of 100,000 torrents is upgraded at once, and numbers, indexes and references stay.
    func allowTorrentsWithoutMetadata() throws(StoreError) { try loosen(Self.loosened) }

    /// Allows the state `no_space`, in the same way.
    func allowTorrentsWithoutSpace() throws(StoreError) {
        try loosen([("'offline', 'error', 'metadata')", "'offline', 'error', 'metadata', 'no_space')")])
    }

    private func loosen(_ changes: [(before: String, after: String)]) throws(StoreError) {
        guard let old: String = try value("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'torrent'")
        else { throw fault(.corrupt, "the table torrent is missing: \(StoreError.recoveryAdvice)") }
        var definition = old
        for (before, after) in changes {
            guard let place = definition.firstRange(ofText: before) else {
                throw fault(.corrupt, "the definition of the table torrent is damaged: \(StoreError.recoveryAdvice)")
            }
            definition.replaceSubrange(place, with: after)
        }
        try setDefensive(false)
        do throws(StoreError) {
            try executeScript("PRAGMA writable_schema=ON")
            try execute("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = 'torrent'", definition)
            // This also reads the schema again.
            try executeScript("PRAGMA writable_schema=RESET")
        } catch {
            try setDefensive(true)
            throw error
        }
        try setDefensive(true)
    }

    /// Whether SQLite refuses to change the schema's own table.
    private func setDefensive(_ isDefensive: Bool) throws(StoreError) {
        let result = csqlite_set_flag(handle, SQLITE_DBCONFIG_DEFENSIVE, isDefensive ? 1 : 0)
        guard result == SQLITE_OK else { throw failure(result) }
    }
}
