import CSQLite
import Glibc
import SystemPackage
import Torrent

extension Connection {
    /// Pages that a backup copies before it looks whether it is still wanted.
    private static let pagesAtOnce: Int32 = 1024
    /// Instructions of SQLite's machine before a statement looks.
    private static let instructionsAtOnce: Int32 = 10_000

    /// Copies the database as it is at one moment into a new file, while others go on reading and writing.
    ///
    /// The copy appears under its name when it is whole, checked and synced; of a damaged database there is none. An
    /// existing file is refused. A task that is cancelled meanwhile gets ``StoreError/Code/cancelled`` soon.
    package func backup(to target: FilePath) throws(StoreError) {
        guard !DatabaseFile.exists(target) else {
            throw StoreError(
                .cantOpen, path: target.text, "a file of this name already exists: give another one for the backup")
        }
        let unfinished = target.extended(by: ".unfinished")
        try options.folder.remove(unfinished)
        do throws(StoreError) {
            try copy(to: unfinished)
            try options.folder.rename(unfinished, to: target)
        } catch {
            // The error of the copy is the one that matters; what is left is named `.unfinished` and replaced by the
            // next try.
            _ = unfinished.withPlatformString { unlink($0) }
            throw error
        }
    }

    /// Copies the log into the database and empties it; `false` when a reader still needs it, which harms nothing.
    @discardableResult
    package func checkpoint() throws(StoreError) -> Bool {
        switch sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil) {
        case SQLITE_OK: return true
        case SQLITE_BUSY, SQLITE_LOCKED: return false
        case let result: throw failure(result)
        }
    }

    /// Copies all pages into a new file, which is synced and checked.
    func copy(to target: FilePath) throws(StoreError) {
        let copy = try Connection(
            adopting: try DatabaseFile.open(target, create: true, options: options), target, options)
        copy.heedCancellation()
        try copyPages(to: copy.handle, target)
        let faults = try copy.integrityFaults(.structure)
        guard faults.isEmpty else {
            throw fault(
                .corrupt,
                "the database is damaged (\(faults[0])): repair it with `pieces run` or `pieces database salvage`")
        }
    }

    private func copyPages(to copy: OpaquePointer, _ target: FilePath) throws(StoreError) {
        try transaction(.deferred) { () throws(StoreError) in
            // Begins to read: all steps copy this snapshot, which in WAL mode stops no writer, and none has to begin
            // again.
            _ = try pragma("schema_version")
            guard let backup = sqlite3_backup_init(copy, "main", handle, "main") else {
                throw StoreError(
                    sqlite: sqlite3_extended_errcode(copy), path: target.text,
                    message: String(cString: sqlite3_errmsg(copy)))
            }
            var step = SQLITE_OK
            while step == SQLITE_OK {
                step = Task.isCancelled ? SQLITE_INTERRUPT : sqlite3_backup_step(backup, Self.pagesAtOnce)
            }
            let finish = sqlite3_backup_finish(backup)
            try requireCurrent()
            guard step == SQLITE_DONE, finish == SQLITE_OK else {
                let result = step == SQLITE_DONE ? finish : step
                throw StoreError(sqlite: result, path: target.text, message: String(cString: sqlite3_errstr(result)))
            }
        }
    }

    /// From now on a statement ends with ``StoreError/Code/cancelled`` soon after the task that runs it is cancelled: a
    /// reader keeps the log from being emptied, and whoever stops the engine waits for that.
    func heedCancellation() {
        sqlite3_progress_handler(handle, Self.instructionsAtOnce, { _ in Task.isCancelled ? 1 : 0 }, nil)
    }
}
