import CSQLite
import Glibc
package import SystemPackage
import Torrent

extension Connection {
    /// Pages that a backup copies between two checks for cancellation.
    private static let pagesAtOnce: Int32 = 1024
    /// Instructions of SQLite's virtual machine between two checks for cancellation.
    private static let instructionsAtOnce: Int32 = 10_000

    /// Copies the database, as it is at one moment, into a new file while other connections keep reading and writing.
    ///
    /// The copy gets its name only when it is complete, checked and synced; a damaged database gives no copy. An
    /// existing file is not replaced. Throws ``StoreError/Code/cancelled`` soon after the task is cancelled.
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
            // The error of the copy is the one that matters. A remaining `.unfinished` file is replaced by the next
            // attempt.
            _ = unfinished.withPlatformString { unlink($0) }
            throw error
        }
    }

    /// Copies the log into the database and empties it. `false` when a reader still needs the log, which does no harm.
    @discardableResult
    package func checkpoint() throws(StoreError) -> Bool {
        switch sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil) {
        case SQLITE_OK: return true
        case SQLITE_BUSY, SQLITE_LOCKED: return false
        case let result: throw failure(result)
        }
    }

    /// Copies all pages into a new file, which is synced and checked.
    package func copy(to target: FilePath) throws(StoreError) {
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
            // Starts the read transaction: all steps copy this snapshot, so that no step has to start over. In WAL mode
            // it blocks no writer.
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

    /// Makes statements end with ``StoreError/Code/cancelled`` soon after their task is cancelled. Otherwise a long
    /// read would keep the log from being emptied, and delay the engine's stop.
    package func heedCancellation() {
        sqlite3_progress_handler(handle, Self.instructionsAtOnce, { _ in Task.isCancelled ? 1 : 0 }, nil)
    }
}
