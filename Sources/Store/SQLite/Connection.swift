import CSQLite
import Glibc
import SystemPackage
import Torrent

/// One connection to the database, used by one thread at a time.
///
/// The queries are methods in the files of the folder `Queries`, a file a table. A command uses a connection of its
/// own; the engine reaches its one through ``Store``.
package final class Connection {
    /// How long a statement waits for another program's lock.
    package static let busyTimeout = Duration.seconds(5)
    /// Bytes that the write-ahead log keeps on the disk after a checkpoint.
    static let logSizeLimit = 64 << 20
    /// Statements that are kept prepared.
    private static let statementLimit = 256

    package enum Mode: Sendable {
        case readOnly
        case readWrite
        /// Makes a new database where there is no file, or an empty one.
        case readWriteCreate
    }

    package let path: FilePath
    package let mode: Mode
    let options: DatabaseOptions
    /// What the file lies on; it decides how changes are written.
    package let fileSystem: FileSystemKind
    let handle: OpaquePointer
    /// Transactions that are open, one inside the other.
    var transactionDepth = 0
    /// What `PRAGMA synchronous` says now.
    var durability = Durability.full
    /// Whether a claim was taken back whose claim the log still has: see ``settleLosses(_:)``.
    var owesCheckpoint = false
    /// Whether a sync failed since it was opened: see ``doubtLog()``.
    private(set) var doubtsLog = false
    /// The space that is kept for this connection's transactions; the engine's has one.
    var reserve: Reserve?
    private var statements: [String: Statement] = [:]
    private var rowFaults: [String] = []
    /// Faults of rows that are kept until somebody asks.
    private static let rowFaultLimit = 100

    /// Opens the file, refuses what is not a pieces database before anything is written, and sets up the connection;
    /// the schema is ``Migrator``'s.
    ///
    /// What kind of file system it lies on is asked of the kernel, unless the options say it.
    package init(_ path: FilePath, mode: Mode, options: DatabaseOptions = DatabaseOptions()) throws(StoreError) {
        self.path = path
        self.mode = mode
        self.options = options
        fileSystem = options.fileSystem ?? FileSystemKind(holding: path)
        self.handle =
            try mode == .readOnly
            ? DatabaseFile.openForReading(path, options: options)
            : DatabaseFile.open(path, create: mode == .readWriteCreate, isShared: fileSystem.isShared, options: options)
        try configure()
    }

    /// Takes over a database that was opened, as it is.
    init(adopting handle: OpaquePointer, _ path: FilePath, _ options: DatabaseOptions) throws(StoreError) {
        self.path = path
        self.handle = handle
        mode = .readWrite
        self.options = options
        fileSystem = .local
    }

    /// A database of its own in memory; `name` stands in messages.
    init(inMemory name: FilePath) throws(StoreError) {
        path = name
        mode = .readWriteCreate
        options = DatabaseOptions()
        fileSystem = .local
        handle = try DatabaseFile.openInMemory(name)
    }

    /// A database in memory with the whole schema, for work whose result decides whether anything is kept. Its
    /// torrents' numbers are those of no other database.
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
        // Closes when the last statement is gone. A failure loses nothing: what was committed is in the file or its
        // log.
        sqlite3_close_v2(handle)
    }

    /// The statement of this SQL, prepared once.
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

    /// Runs one statement that answers no rows; how many rows it changed.
    @discardableResult
    package func execute(_ sql: String, _ values: any SQLValue...) throws(StoreError) -> Int {
        if transactionDepth == 0 { try setDurability(.full) }
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
        return Int(sqlite3_changes64(handle))
    }

    /// All rows, each as `row` makes it of the statement's columns.
    package func rows<Row>(
        _ sql: String, _ values: any SQLValue..., row: (Statement) throws(StoreError) -> Row
    ) throws(StoreError) -> [Row] {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        var rows: [Row] = []
        while try statement.step() { rows.append(try row(statement)) }
        return rows
    }

    /// The first row, or `nil` where there is none.
    package func first<Row>(
        _ sql: String, _ values: any SQLValue..., row: (Statement) throws(StoreError) -> Row
    ) throws(StoreError) -> Row? {
        let statement = try prepare(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? try row(statement) : nil
    }

    /// Runs a text of statements, none of which has parameters.
    func executeScript(_ sql: String) throws(StoreError) {
        errno = 0
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw failure(result, sql: sql) }
    }

    func note(_ rowFault: String) {
        if rowFaults.count < Self.rowFaultLimit { rowFaults.append(rowFault) }
    }

    /// What was wrong with rows that were passed over since this was asked last, a sentence each.
    package func takeRowFaults() -> [String] {
        defer { rowFaults = [] }
        return rowFaults
    }

    /// Bytes of the file and its log.
    package var fileBytes: Int64 { sizes.file + sizes.log }

    /// The same, apart.
    package var sizes: (file: Int64, log: Int64) {
        (DatabaseFile.size(path) ?? 0, DatabaseFile.size(DatabaseFile.resolved(path).extended(by: "-wal")) ?? 0)
    }

    /// A number that changes when another connection has committed (sqlite.org/pragma.html#pragma_data_version).
    package func dataVersion() throws(StoreError) -> Int {
        try pragma("data_version")
    }

    /// The number that `PRAGMA name` answers.
    func pragma(_ name: String) throws(StoreError) -> Int {
        guard let value = try first("PRAGMA \(name)", row: { (row) throws(StoreError) in try row.next(Int.self) })
        else {
            throw fault(.other, "SQLite does not know PRAGMA \(name): a version of 3.37 or later is needed")
        }
        return value
    }

    /// The error that SQLite just reported.
    func failure(_ result: Int32, sql: String? = nil) -> StoreError {
        // SQLite remembers the system's answer for some of its calls alone; the last call that failed is mostly the
        // one.
        let system = errno
        let extended = sqlite3_extended_errcode(handle)
        // The connection speaks of its last call; where that was another one, the plain result is the truth.
        let matches = extended & 0xff == result & 0xff
        let message = matches ? String(cString: sqlite3_errmsg(handle)) : String(cString: sqlite3_errstr(result))
        let error = StoreError(
            sqlite: matches ? extended : result, system: system, path: path.text, sql: sql, message: message)
        if error.isOfSync { doubtLog() }
        return error
    }

    /// After a failed sync of the log: nobody knows any more what of it is on the disk, because its pages count as
    /// clean all the same (fsync(2)). It isn't copied into the database by this connection; ``Store`` begins a new one,
    /// and whoever opens the database next reads it with its checksums.
    func doubtLog() {
        guard !doubtsLog, !fileSystem.isShared, mode != .readOnly else { return }
        doubtsLog = true
        // Only a database that is closed could refuse it.
        _ = csqlite_set_flag(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    }

    /// An error that this room found.
    func fault(_ code: StoreError.Code, torrent: TorrentID? = nil, _ message: String) -> StoreError {
        StoreError(code, path: path.text, torrent: torrent, message)
    }
}
