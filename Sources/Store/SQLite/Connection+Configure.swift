import CSQLite
import Glibc

extension Connection {
    /// Attempts to switch to WAL, and milliseconds between them. SQLite reports "busy" at once when another program is
    /// creating the same database.
    private static let walAttempts = 50
    private static let walPause: UInt32 = 100

    /// Configures every connection: checked foreign keys, WAL, full durability, an untrusted schema.
    func configure() throws(StoreError) {
        let flags = [
            (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), (SQLITE_DBCONFIG_DQS_DML, 0),
            (SQLITE_DBCONFIG_DQS_DDL, 0),
            (SQLITE_DBCONFIG_ENABLE_FKEY, 1),
        ]
        for (option, on) in flags {
            let result = csqlite_set_flag(handle, option, Int32(on))
            guard result == SQLITE_OK else { throw failure(result) }
        }
        // Damage is found when a page is read, before its content is used.
        try executeScript("PRAGMA cell_size_check=ON")
        guard mode != .readOnly else { return }
        if fileSystem.isShared {
            try switchToRollback()
        } else {
            try switchToWAL()
            try executeScript("PRAGMA journal_size_limit=\(Self.logSizeLimit)")
            watchLog(true)
        }
        try executeScript("PRAGMA synchronous=\(synchronous(.full))")
    }

    /// The level of `PRAGMA synchronous` that gives this durability (sqlite.org/pragma.html#pragma_synchronous). A
    /// rollback journal needs the highest level: a deletion of the journal that isn't synced would undo a commit, and a
    /// journal written lazily may leave a damaged database.
    func synchronous(_ durability: Durability) -> Int { fileSystem.isShared ? 3 : durability.rawValue }

    /// A rollback journal needs no shared memory: it works with file locks, which network file systems have.
    private func switchToRollback() throws(StoreError) {
        try untilFree { () throws(StoreError) in
            let mode: String? = try value("PRAGMA journal_mode=DELETE")
            guard mode == "delete" else {
                throw fault(
                    .busy,
                    "another program has the database open and keeps it in WAL mode, which is for local disks: stop that program and try again"
                )
            }
        }
        // The locks that were held until now are released by the next statement that reads.
        try executeScript("PRAGMA locking_mode=NORMAL; SELECT 1 FROM sqlite_schema LIMIT 1")
    }

    private func switchToWAL() throws(StoreError) {
        try untilFree { () throws(StoreError) in
            let mode: String? = try value("PRAGMA journal_mode=WAL")
            guard mode == "wal" else {
                throw fault(
                    .cantOpen,
                    "the file system has no shared memory for SQLite's WAL mode: keep the database on a local disk")
            }
        }
    }

    private func untilFree(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        for attempt in 1... {
            do throws(StoreError) {
                return try body()
            } catch {
                guard error.code == .busy, attempt < Self.walAttempts else { throw error }
                usleep(Self.walPause * 1000)
            }
        }
    }
}
