import CSQLite
import Glibc
package import SystemPackage
package import Torrent

/// One connection to the database, used by one thread at a time.
///
/// The queries are methods of the tables in the folder `Tables`: `connection.trackers.rows(of: id)`. Each command has
/// its own connection; the engine uses one through ``Store``.
package final class Connection {
    /// How long a statement waits for another program's lock.
    package static let busyTimeout = Duration.seconds(5)
    /// Bytes to which a checkpoint truncates the write-ahead log.
    static let logSizeLimit = 64 << 20
    /// Statements that are kept prepared.
    private static let statementLimit = 256

    package enum Mode: Sendable {
        case readOnly
        case readWrite
        /// Creates a new database if the file is missing or empty.
        case readWriteCreate
    }

    package let path: FilePath
    package let mode: Mode
    package let options: DatabaseOptions
    /// The file system of the database, which decides how changes are written.
    package let fileSystem: FileSystemKind
    let handle: OpaquePointer
    /// Detects changes of the files under a reader without locks; `nil` for all other connections.
    private let unlocked: UnlockedRead?
    /// The number of open transactions, one inside the other.
    var transactionDepth = 0
    /// The current level of `PRAGMA synchronous`.
    var durability = Durability.full
    /// Whether pieces were withdrawn that the log still records: see ``settleLosses(_:)``.
    var owesCheckpoint = false
    /// Whether a sync failed since the connection was opened: see ``markLogUnreliable()``.
    private(set) var isLogUnreliable = false
    /// The space reserved for this connection's transactions. Only the engine's connection has one.
    package var reserve: Reserve?
    private var statements: [String: Statement] = [:]
    private var rowFaults: [String] = []
    /// The most faults of rows that are kept until they are taken.
    private static let rowFaultLimit = 100

    /// Opens the file, rejects anything that is not a pieces database before writing anything, and configures the
    /// connection. The schema is left to ``Migrator``.
    ///
    /// The kernel reports the kind of file system, unless the options set it.
    package init(_ path: FilePath, mode: Mode, options: DatabaseOptions = DatabaseOptions()) throws(StoreError) {
        self.path = path
        self.mode = mode
        self.options = options
        fileSystem = options.fileSystem ?? FileSystemKind(holding: path)
        (handle, unlocked) =
            try mode == .readOnly
            ? DatabaseFile.openForReading(path, options: options)
            : (
                DatabaseFile.open(
                    path, create: mode == .readWriteCreate, isShared: fileSystem.isShared, options: options), nil
            )
        try configure()
    }

    /// Opens a database like a user who may read the database but not its locks.
    package init(withoutLocks path: FilePath) throws(StoreError) {
        self.path = path
        mode = .readOnly
        options = DatabaseOptions()
        fileSystem = .local
        (handle, unlocked) = try DatabaseFile.openUnlocked(path)
        try configure()
    }

    /// Takes over an open database, without configuring it.
    init(adopting handle: OpaquePointer, _ path: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        self.path = path
        self.handle = handle
        unlocked = nil
        mode = .readWrite
        self.options = options
        fileSystem = .local
    }

    /// Opens a new database in memory; messages show `name`.
    package init(inMemory name: FilePath) throws(StoreError) {
        path = name
        mode = .readWriteCreate
        options = DatabaseOptions()
        fileSystem = .local
        unlocked = nil
        handle = try DatabaseFile.openInMemory(name)
    }

    /// A database in memory with the whole schema, for work whose result decides whether anything is kept. Its torrents
    /// have numbers that no other database uses.
    package static func scratch(now: Timestamp) throws(StoreError) -> Connection {
        let connection = try Connection(inMemory: "a scratch database")
        try Migrator.migrate(connection, now: now)
        try connection.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('torrent', ?)",
            TorrentID.scratchNumbers + Int64(getpid()) << 20)
        return connection
    }

    deinit {
        statements.removeAll()
        watchLog(false)
        // The handle closes when the last statement is freed. A failure loses nothing, because commits are in the file
        // or its log.
        sqlite3_close_v2(handle)
    }

    /// The statement of this SQL, which is prepared only once.
    package func prepare(_ sql: String) throws(StoreError) -> Statement {
        if let known = statements[sql], !known.isInUse {
            known.isInUse = true
            return known
        }
        let statement = try Statement(sql, on: self)
        statement.isInUse = true
        if statements[sql] == nil {
            if statements.count >= Self.statementLimit { statements = statements.filter { $0.value.isInUse } }
            statements[sql] = statement
        }
        return statement
    }

    /// Runs one statement that returns no rows. Returns the number of rows that it changed.
    @discardableResult
    package func execute(_ sql: String, _ values: any SQLValue...) throws(StoreError) -> Int {
        try execute(sql, all: values)
    }

    /// The same, for values whose number is known only at run time.
    func execute(_ sql: String, all values: [any SQLValue]) throws(StoreError) -> Int {
        if transactionDepth == 0 { try setDurability(.full) }
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
        return Int(sqlite3_changes64(handle))
    }

    /// Runs a script of statements without parameters.
    package func executeScript(_ sql: String) throws(StoreError) {
        errno = 0
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw failure(result, sql: sql) }
    }

    func note(_ rowFault: String) {
        if rowFaults.count < Self.rowFaultLimit { rowFaults.append(rowFault) }
    }

    /// The faults of rows that were skipped since the last call, one sentence each.
    package func takeRowFaults() -> [String] {
        defer { rowFaults = [] }
        return rowFaults
    }

    /// Bytes of the file and its log together.
    package var fileBytes: Int64 { sizes.file + sizes.log }

    /// Bytes of the file and of its log.
    package var sizes: (file: Int64, log: Int64) {
        (DatabaseFile.size(path) ?? 0, DatabaseFile.size(DatabaseFile.resolved(path).extended(by: "-wal")) ?? 0)
    }

    /// A number that changes when another connection has committed (sqlite.org/pragma.html#pragma_data_version).
    package func dataVersion() throws(StoreError) -> Int {
        try pragma("data_version")
    }

    /// The version of SQLite that the program runs with.
    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// The version number of the schema (sqlite.org/pragma.html#pragma_user_version).
    package func schemaVersion() throws(StoreError) -> Int { try pragma("user_version") }

    /// The number that `PRAGMA name` returns.
    package func pragma(_ name: String) throws(StoreError) -> Int {
        guard let value: Int = try value("PRAGMA \(name)") else {
            throw fault(.other, "SQLite does not know PRAGMA \(name): a version of 3.37 or later is needed")
        }
        return value
    }

    /// Throws ``StoreError/Code/rewritten`` if what was just read may mix several states of the database.
    func requireCurrent() throws(StoreError) {
        if let unlocked, !unlocked.isCurrent { throw unlocked.rewritten }
    }

    /// Whether SQLite's locks protect what the connection reads.
    var isLocked: Bool { unlocked == nil }

    /// The error that SQLite just reported.
    func failure(_ result: Int32, sql: String? = nil) -> StoreError {
        // SQLite keeps the system's error for only some of its calls. errno is usually that of the failed call.
        let system = errno
        if let unlocked, !unlocked.isCurrent { return unlocked.rewritten }
        let extended = sqlite3_extended_errcode(handle)
        // The connection remembers only its latest call. If that was another one, the plain result is right.
        let matches = extended & 0xff == result & 0xff
        let message = matches ? String(cString: sqlite3_errmsg(handle)) : String(cString: sqlite3_errstr(result))
        let error = StoreError(
            sqlite: matches ? extended : result, system: system, path: path.text, sql: sql, message: message)
        if error.isOfSync { markLogUnreliable() }
        return error
    }

    /// Marks the log as untrustworthy after a failed sync: its pages count as clean although they may not be on the
    /// disk (fsync(2)). This connection no longer copies the log into the database. ``Store`` starts a new log, and the
    /// next program that opens the database reads the old one with its checksums.
    func markLogUnreliable() {
        guard !isLogUnreliable, !fileSystem.isShared, mode != .readOnly else { return }
        isLogUnreliable = true
        // Only a closed database could reject the flag.
        _ = csqlite_set_flag(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    }

    /// The error for a torrent that doesn't exist.
    package func noTorrent(_ id: TorrentID) -> StoreError {
        fault(.notFound, torrent: id, "there is no torrent \(id); see `pieces status`")
    }

    /// An error that this room detected.
    package func fault(_ code: StoreError.Code, torrent: TorrentID? = nil, _ message: String) -> StoreError {
        StoreError(code, path: path.text, torrent: torrent, message)
    }
}
