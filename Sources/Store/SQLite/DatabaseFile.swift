import CSQLite
import Glibc
package import SystemPackage
import Torrent

/// Opens a database file and checks that it is ours before anything is written.
///
/// No descriptor of the file is ever opened outside SQLite, because closing it would drop all POSIX locks that this
/// process holds on the file (sqlite.org/howtocorrupt.html, section 2.2).
package enum DatabaseFile {
    /// Marks the file as ours in its header (sqlite.org/fileformat.html, section 1.3.15): `PIEC`.
    static let applicationID = 0x5049_4543

    /// Whether the number is ours, or ours with one damaged byte.
    package static func isNearly(_ number: Int) -> Bool {
        let difference = UInt32(truncatingIfNeeded: number) ^ UInt32(applicationID)
        return stride(from: 0, to: 32, by: 8).contains { difference & ~(0xff << UInt32($0)) == 0 }
    }

    /// With `isShared`, the connection keeps every lock and uses no shared memory (sqlite.org/wal.html, section 7)
    /// until its locking mode is changed.
    static func open(
        _ path: FilePath, create: Bool, isShared: Bool = false, options: DatabaseOptions = DatabaseOptions()
    ) throws(StoreError)
        -> OpaquePointer
    {
        try requireOwnJournal(path, options)
        if create { makePrivate(path, options) }
        prepareCompanions(path, options)
        let database = try open(path, flags: SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), options)
        do throws(StoreError) {
            if isShared {
                try check(sqlite3_exec(database, "PRAGMA locking_mode=EXCLUSIVE", nil, nil, nil), database, path)
            }
            // SQLite opens a file read-only if it may not write it (sqlite.org/c3ref/open.html), and would fail at the
            // first write.
            guard sqlite3_db_readonly(database, "main") == 0 else {
                let advice =
                    DatabaseSharing.otherOwner(of: path).map { "run the command as its owner, \($0)" }
                    ?? "give it write permission for the file and its folder"
                throw StoreError(.readOnly, path: path.text, "this user can't write the database: \(advice)")
            }
            try identify(database, path, mayBeNew: create)
            prepareCompanions(path, options, isOurs: true)
            return database
        } catch {
            close(database)
            throw error
        }
    }

    /// Opens for reading, even while an engine writes.
    ///
    /// A database in WAL mode needs its `-shm` file. If this user may neither open nor create that, the database is
    /// read without locks: see ``UnlockedRead``.
    ///
    /// An unfinished change of a killed program is first rolled back, if this user may: until then the file contains
    /// parts of it.
    static func openForReading(
        _ path: FilePath, options: DatabaseOptions = DatabaseOptions()
    ) throws(StoreError) -> (database: OpaquePointer, unlocked: UnlockedRead?) {
        prepareCompanions(path, options)
        do {
            let database = try openIdentified(path, options)
            prepareCompanions(path, options, isOurs: true)
            return (database, nil)
        } catch {
            if error.isOfRollback {
                try rollBack(path, options)
                return (try openIdentified(path, options), nil)
            }
            guard error.code == .cantOpen || error.code == .readOnly, !error.isOfOpenFiles, exists(path) else {
                throw error
            }
        }
        guard journalSize(path) == 0 else { throw unfinishedChange(path) }
        if exists(resolved(path).extended(by: "-wal")) {
            // Other obstacles are not worked around.
            guard !mayUseIndex(of: path) else { return (try openIdentified(path, options), nil) }
            guard options.vfs == nil, !FileSystemKind(holding: path).isShared else {
                // File systems of other machines report a file's time too late.
                throw StoreError(
                    .cantOpen, path: path.text,
                    "the last engine left a log (\(path.lastComponent?.text ?? "")-wal) and this user can't write the folder, so the newest changes "
                        + "cannot be read: copy both files to a folder of your own and read them there")
            }
        }
        return try openUnlocked(path, options)
    }

    /// Whether this user may open or create the log's index, with which SQLite reads as usual.
    private static func mayUseIndex(of path: FilePath) -> Bool {
        let index = resolved(path).extended(by: "-shm")
        let (file, rights) = exists(index) ? (index, R_OK | W_OK) : (Folder.folder(of: index), W_OK | X_OK)
        return file.withPlatformString { faccessat(AT_FDCWD, $0, rights, AT_EACCESS) } == 0
    }

    /// Attempts to open a database that is rewritten during each of them.
    private static let unlockedAttempts = 20

    /// Opens for reading without locks. What is read is valid only while the result's ``UnlockedRead/isCurrent`` holds.
    ///
    /// If there is a log, closing the connection drops all locks of this process on the database, so the process must
    /// have no other connection to it.
    static func openUnlocked(
        _ path: FilePath, _ options: DatabaseOptions = DatabaseOptions()
    ) throws(StoreError) -> (database: OpaquePointer, unlocked: UnlockedRead?) {
        var attempt = 1
        while true {
            let view = try UnlockedRead(path)
            do throws(StoreError) {
                let database = try openIdentified(path, options, immutable: !view.hasLog, isUnlocked: view.hasLog)
                if view.isCurrent { return (database, view) }
                close(database)
            } catch {
                if view.isCurrent { throw error }
            }
            guard attempt < unlockedAttempts else { throw view.rewritten }
            attempt += 1
        }
    }

    /// Creates nothing beside a file that isn't ours.
    private static func prepareCompanions(_ path: FilePath, _ options: DatabaseOptions, isOurs: Bool = false) {
        // Another VFS has its own files.
        guard options.vfs == nil, DatabaseSharing.readers(of: path) != .ownerAlone,
            isOurs || isIdentified(path, options)
        else { return }
        DatabaseSharing.prepareCompanions(of: path)
    }

    /// Whether the file, without its log, identifies itself as one of our databases.
    private static func isIdentified(_ path: FilePath, _ options: DatabaseOptions) -> Bool {
        do {
            close(try openIdentified(path, options, immutable: true))
            return true
        } catch {
            // The reason will show when the file is opened.
            return false
        }
    }

    private static func openIdentified(
        _ path: FilePath, _ options: DatabaseOptions, immutable: Bool = false, isUnlocked: Bool = false,
        mayBeNew: Bool = false
    ) throws(StoreError) -> OpaquePointer {
        var options = options
        // SQLite's own file access without locks (sqlite.org/vfs.html, section 2.1).
        if isUnlocked { options.vfs = "unix-none" }
        let database = try open(path, flags: SQLITE_OPEN_READONLY, options, immutable: immutable)
        do {
            // With the log's index in memory (sqlite.org/wal.html, section 7).
            if isUnlocked {
                try check(sqlite3_exec(database, "PRAGMA locking_mode=EXCLUSIVE", nil, nil, nil), database, path)
            }
            try identify(database, path, mayBeNew: mayBeNew)
            // A connection without locks must not checkpoint the log.
            if isUnlocked { try check(csqlite_set_flag(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1), database, path) }
            return database
        } catch {
            close(database)
            throw error
        }
    }

    // MARK: The rollback journal

    /// Rolls back the unfinished change of a killed program from the journal beside the file
    /// (sqlite.org/atomiccommit.html, section 4.0).
    private static func rollBack(_ path: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        try requireOwnJournal(path, options)
        let database: OpaquePointer
        do {
            database = try open(path, flags: SQLITE_OPEN_READWRITE, options)
        } catch {
            throw error.code == .cantOpen && !error.isOfOpenFiles ? unfinishedChange(path) : error
        }
        defer { close(database) }
        // The database may have a log by now, which must stay as it is.
        try check(csqlite_set_flag(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1), database, path)
        try check(
            sqlite3_busy_timeout(database, Int32(Connection.busyTimeout.components.seconds * 1000)), database, path)
        do {
            _ = try number("SELECT count(*) FROM sqlite_schema", database, path)
        } catch {
            throw error.code == .readOnly || error.code == .cantOpen && !error.isOfOpenFiles
                ? unfinishedChange(path) : error
        }
    }

    /// Throws if the journal belongs to another program's database, because SQLite would roll back that program's
    /// change as soon as the file is opened for writing.
    private static func requireOwnJournal(_ path: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        // A database that is just being created doesn't identify itself yet, and nothing of it can be lost.
        guard journalSize(path) > 0, journaledPages(path) != 0 else { return }
        do {
            close(try openIdentified(path, options, immutable: true, mayBeNew: true))
        } catch  where error.code == .foreignDatabase {
            throw error
        } catch {
            // The change left the first page damaged; rolling back repairs it.
        }
    }

    /// The number of pages that the database had before the change; `nil` if the journal can't be read
    /// (sqlite.org/fileformat.html, section 3).
    private static func journaledPages(_ path: FilePath) -> Int? {
        let descriptor = resolved(path).extended(by: "-journal").withPlatformString {
            Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        }
        guard descriptor >= 0 else { return nil }
        // SQLite has no lock on this file, and nothing was written through the descriptor.
        defer { Glibc.close(descriptor) }
        var header = [UInt8](repeating: 0, count: 20)
        guard pread(descriptor, &header, header.count, 0) == header.count else { return nil }
        return header[16...].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Bytes of the rollback journal; 0 if there is none.
    private static func journalSize(_ path: FilePath) -> Int64 { size(resolved(path).extended(by: "-journal")) ?? 0 }

    private static func unfinishedChange(_ path: FilePath) -> StoreError {
        StoreError(
            .cantOpen, path: path.text,
            "the last program that changed the database was killed during the change, and this user can't write the file and its folder, which is "
                + "needed to undo the change: run any command as the user who owns the database")
    }

    /// Creates a new file that only this user may read, because tracker addresses contain passwords. The files that
    /// SQLite creates beside it get the same permissions. If that fails, SQLite creates the file.
    private static func makePrivate(_ path: FilePath, _ options: DatabaseOptions) {
        // Another VFS has its own files.
        guard options.vfs == nil, !path.isEmpty, !exists(path) else { return }
        // Created without a descriptor of the file, as explained above.
        _ = resolved(path).withPlatformString { mknod($0, S_IFREG | S_IRUSR | S_IWUSR, 0) }
    }

    static func openInMemory(_ name: FilePath) throws(StoreError) -> OpaquePointer {
        var database: OpaquePointer?
        let result = sqlite3_open_v2(
            ":memory:", &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
        guard result == SQLITE_OK, let database else {
            sqlite3_close_v2(database)
            throw StoreError(sqlite: result, path: name.text, message: String(cString: sqlite3_errstr(result)))
        }
        return database
    }

    private static func open(_ path: FilePath, flags: Int32, _ options: DatabaseOptions, immutable: Bool = false)
        throws(StoreError) -> OpaquePointer
    {
        // These are names that SQLite wouldn't treat as a file: `:memory:`, `file:…`, and the empty one.
        guard !path.isEmpty else {
            throw StoreError(.cantOpen, path: "", "the path of the database is empty: give the path of a file")
        }
        let plain = PathText.bytes(path.isAbsolute ? path.text : "./" + path.text)
        let name = (immutable ? Array("file:".utf8) + percentEncoded(plain) + Array("?immutable=1".utf8) : plain) + [0]
        var database: OpaquePointer?
        let always = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let result = name.withUnsafeBytes {
            sqlite3_open_v2(
                $0.baseAddress?.assumingMemoryBound(to: CChar.self), &database,
                flags | always | (immutable ? SQLITE_OPEN_URI : 0), options.vfs)
        }
        guard let database else { throw StoreError(sqlite: SQLITE_NOMEM, path: path.text, message: "out of memory") }
        guard result == SQLITE_OK else {
            let system = sqlite3_system_errno(database)
            let error = StoreError(
                sqlite: result, system: system, path: path.text, message: String(cString: sqlite3_errmsg(database)))
            close(database)
            throw error
        }
        return database
    }

    /// Checks the header. Rejects every file that is neither a pieces database nor, with `mayBeNew`, an empty one.
    private static func identify(_ database: OpaquePointer, _ path: FilePath, mayBeNew: Bool) throws(StoreError) {
        // A rejected database keeps its log as it is: closing must not copy the log into the file.
        try check(csqlite_set_flag(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1), database, path)
        try check(
            sqlite3_busy_timeout(database, Int32(Connection.busyTimeout.components.seconds * 1000)), database, path)
        // SQLite treats a file of one byte as empty and would overwrite it.
        guard size(path) != 1 else {
            throw StoreError(
                .notADatabase, path: path.text,
                "the file is not a database: give the path of a pieces database; the file was not changed")
        }
        // All values are read in one transaction, because another program may be creating the database right now.
        try check(sqlite3_exec(database, "BEGIN", nil, nil, nil), database, path)
        // Nothing was written, so a failed rollback loses nothing. After some errors SQLite has already rolled back.
        defer { sqlite3_exec(database, "ROLLBACK", nil, nil, nil) }
        let application = try number("PRAGMA application_id", database, path)
        if application != applicationID {
            let objects = try number("SELECT count(*) FROM sqlite_schema", database, path)
            let version = try number("PRAGMA user_version", database, path)
            guard application == 0, objects == 0, version == 0 else {
                guard !isNearly(application) else {
                    throw StoreError(
                        .corrupt, path: path.text, "the header of the database is damaged: \(StoreError.recoveryAdvice)"
                    )
                }
                throw StoreError(
                    .foreignDatabase, path: path.text,
                    "this is the SQLite database of another program: give the path of a pieces database; the file was not changed"
                )
            }
            guard mayBeNew else {
                throw StoreError(
                    .notFound, path: path.text,
                    "the database is empty, probably because its creation was interrupted: run `pieces add`, `pieces download` or `pieces run` to finish it"
                )
            }
        }
        try check(csqlite_set_flag(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0), database, path)
    }

    private static func number(_ sql: String, _ database: OpaquePointer, _ path: FilePath) throws(StoreError) -> Int {
        var statement: OpaquePointer?
        try check(sqlite3_prepare_v2(database, sql, -1, &statement, nil), database, path)
        // This repeats the result of the step, which is thrown below.
        defer { sqlite3_finalize(statement) }
        let result = sqlite3_step(statement)
        guard result == SQLITE_ROW else {
            throw failure(result, database, path, sql)
        }
        return Int(sqlite3_column_int64(statement, 0))
    }

    private static func check(_ result: Int32, _ database: OpaquePointer, _ path: FilePath) throws(StoreError) {
        guard result == SQLITE_OK else { throw failure(result, database, path) }
    }

    private static func failure(_ result: Int32, _ database: OpaquePointer, _ path: FilePath, _ sql: String? = nil)
        -> StoreError
    {
        StoreError(
            sqlite: result, system: sqlite3_system_errno(database), path: path.text, sql: sql,
            message: String(cString: sqlite3_errmsg(database)))
    }

    private static func close(_ database: OpaquePointer) {
        // The caller throws the reason for closing. Nothing was written, so nothing is lost.
        sqlite3_close_v2(database)
    }

    /// The path with all symbolic links resolved, beside which SQLite keeps the log. The file itself may be missing.
    package static func resolved(_ path: FilePath) -> FilePath {
        if let resolved = realName(path) { return resolved }
        guard let name = path.lastComponent, let folder = realName(Folder.folder(of: path)) else { return path }
        return folder.appending(name)
    }

    private static func realName(_ path: FilePath) -> FilePath? {
        guard let resolved = path.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    package static func exists(_ path: FilePath) -> Bool { size(path) != nil }

    /// The size of the file; `nil` when it doesn't exist or can't be inspected.
    package static func size(_ path: FilePath) -> Int64? {
        var information = stat()
        return path.withPlatformString { stat($0, &information) } == 0 ? Int64(information.st_size) : nil
    }

    /// The path as used in a URI (sqlite.org/uri.html, section 3.1).
    private static func percentEncoded(_ path: [UInt8]) -> [UInt8] {
        path.flatMap { byte in
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"): Array("%\(String(byte, radix: 16))".utf8)
            default: [byte]
            }
        }
    }
}
