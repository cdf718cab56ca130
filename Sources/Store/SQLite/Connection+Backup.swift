import CSQLite
import Glibc
import SystemPackage

extension Connection {
    /// Copies the database as it is at one moment into a new file, while others go on reading and writing.
    ///
    /// The copy appears under its name when it is whole and synced. An existing file is refused.
    package func backup(to target: FilePath) throws(StoreError) {
        guard !DatabaseFile.exists(target) else {
            throw StoreError(.cantOpen, path: target.string, "there is a file of this name already: give another one for the backup")
        }
        let unfinished = FilePath(target.string + ".unfinished")
        try remove(unfinished)
        do throws(StoreError) {
            try copyPages(to: unfinished)
            guard rename(unfinished.string, target.string) == 0 else { throw systemFault("rename the finished backup", unfinished) }
            try syncFolder(of: target)
        } catch {
            // The error of the copy is the one that matters; what is left is named `.unfinished` and replaced by the next try.
            unlink(unfinished.string)
            throw error
        }
    }

    /// What is wrong with the database: empty when nothing is. `quick` leaves out that indexes match their tables.
    package func integrityFaults(quick: Bool = false) throws(StoreError) -> [String] {
        let found = try rows(quick ? "PRAGMA quick_check" : "PRAGMA integrity_check") { (row) throws(StoreError) in try row.next(String.self) }
        let orphans = try rows("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1") { (row) throws(StoreError) in
            let table: String = try row.next()
            return "\(try row.next(Int.self)) rows of \(table) belong to nothing"
        }
        return found.filter { $0 != "ok" } + orphans
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

    private func copyPages(to target: FilePath) throws(StoreError) {
        let copy = try DatabaseFile.open(target, create: true)
        // Every page was synced when the copy finished; closing has nothing left to do.
        defer { sqlite3_close_v2(copy) }
        guard let backup = sqlite3_backup_init(copy, "main", handle, "main") else {
            throw StoreError(sqlite: sqlite3_extended_errcode(copy), path: target.string, message: String(cString: sqlite3_errmsg(copy)))
        }
        // All pages in one step: it reads one snapshot, which in WAL mode stops no writer, and it is never begun again.
        let step = sqlite3_backup_step(backup, -1)
        let finish = sqlite3_backup_finish(backup)
        guard step == SQLITE_DONE, finish == SQLITE_OK else {
            let result = step == SQLITE_DONE ? finish : step
            throw StoreError(sqlite: result, path: target.string, message: String(cString: sqlite3_errstr(result)))
        }
    }

    private func syncFolder(of file: FilePath) throws(StoreError) {
        let name = file.removingLastComponent()
        let folder = name.isEmpty ? FilePath(".") : name
        let descriptor = Glibc.open(folder.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFault("open the folder of the backup", folder) }
        let synced = fsync(descriptor)
        let fault = synced == 0 ? nil : systemFault("sync the folder of the backup", folder)
        // Nothing was written through it.
        Glibc.close(descriptor)
        if let fault { throw fault }
    }

    private func remove(_ file: FilePath) throws(StoreError) {
        guard unlink(file.string) == 0 || errno == ENOENT else { throw systemFault("remove an unfinished backup", file) }
    }

    private func systemFault(_ action: String, _ path: FilePath) -> StoreError {
        StoreError(.io, path: path.string, "cannot \(action): \(String(cString: strerror(errno))): see that the folder exists and may be written")
    }
}
