// Room: Store.
// Duty: the program's state in one SQLite database: tables with typed rows, one-transaction writes, migrations,
// integrity.
// Owns: the database file, its log and its lock file; the SQL of every query.
// Never: reads the payload; opens the database file outside SQLite; blocks the cooperative pool; ignores the result of
// COMMIT.
// Invariants: the facts of a durable transaction were true on the disk before it began, which its caller guarantees; no
// transaction touches a torrent that did not change; counters equal what they count; foreign files are never written.

package import SystemPackage
package import Torrent

/// The engine's connection, on a dedicated thread.
package actor Store {
    package nonisolated let path: FilePath
    private enum Access {
        case open(Connection)
        /// The log can't be trusted, and a new one could not be started yet.
        case unreliable(DatabaseOptions, Reserve?)
        case closed
    }

    private let executor: ThreadExecutor
    private var access = Access.closed
    private var damageWatcher: (@Sendable (String) -> Void)?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens the database, creates it if it is missing, and brings its schema up to date.
    package static func open(_ path: FilePath, options: DatabaseOptions = DatabaseOptions(), now: Timestamp)
        async throws(StoreError) -> Store
    {
        let store = try make(path)
        try await store.connect(options, now)
        return store
    }

    /// A store whose database is still closed, with its thread.
    package static func make(_ path: FilePath) throws(StoreError) -> Store {
        Store(path, try ThreadExecutor.start(for: path))
    }

    private init(_ path: FilePath, _ executor: ThreadExecutor) {
        self.path = path
        self.executor = executor
    }

    deinit { executor.stop() }

    /// Runs `body` on the store's thread. `body` makes its own transactions, and the database may change between two
    /// calls.
    package func perform<Value: Sendable>(_ body: @Sendable (Connection) throws(StoreError) -> Value)
        async throws(StoreError) -> Value
    {
        let connection = try usable()
        do throws(StoreError) {
            return try body(connection)
        } catch {
            if error.isOfFile { reportDamage(error.description) }
            throw error
        }
    }

    /// Registers `body` to be called once, on the store's thread, when SQLite finds the file damaged.
    package func onDamage(_ body: @escaping @Sendable (String) -> Void) {
        damageWatcher = body
    }

    /// Reports damage that was found here or by another connection.
    package func reportDamage(_ reason: String) {
        damageWatcher?(reason)
        damageWatcher = nil
    }

    /// Copies the log into the database and closes the database. Later calls throw.
    package func close() async throws(StoreError) {
        if case .closed = access { return }
        let connection = try usable()
        access = .closed
        try connection.checkpoint()
    }

    /// The connection, with a log that can be trusted.
    private func usable() throws(StoreError) -> Connection {
        if case .open(let connection) = access {
            guard connection.isLogUnreliable else { return connection }
            try connection.outdateFailedCommit()
            access = .unreliable(connection.options, connection.reserve)
        }
        guard case .unreliable(let options, let reserve) = access else {
            throw StoreError(.closed, path: path.text, "the database was closed: restart pieces")
        }
        try Connection.settleLog(path, options)
        let connection = try Connection(path, mode: .readWrite, options: options)
        connection.reserve = reserve
        try connection.keepLogsName()
        access = .open(connection)
        return connection
    }

    private func connect(_ options: DatabaseOptions, _ now: Timestamp) throws(StoreError) {
        try connect(options, now: now) { $0.settleFoundLog() }
    }

    /// Opens the closed database, and runs `begin`, the first work on it. If `begin` throws, the database is closed
    /// again.
    package func connect<Value>(
        _ options: DatabaseOptions, now: Timestamp, _ begin: (Connection) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        let connection = try openWithReserve(options, now)
        let value = try begin(connection)
        access = .open(connection)
        return value
    }

    private func openWithReserve(_ options: DatabaseOptions, _ now: Timestamp) throws(StoreError) -> Connection {
        let reserve = Reserve(database: path)
        let connection: Connection
        do {
            connection = try Connection.open(path, mode: .readWriteCreate, options: options, now: now)
        } catch {
            // Opening needs some space, too.
            guard error.mayBeForSpace, reserve.giveUp() else { throw error }
            connection = try Connection.open(path, mode: .readWriteCreate, options: options, now: now)
        }
        try connection.keepLogsName()
        connection.reserve = reserve
        // If there is no room for the reserve, the first write intent reports it.
        _ = reserve.take()
        return connection
    }
}

extension Connection {
    /// Opens the database with its schema up to date: a writer migrates an older schema, and a reader rejects it.
    ///
    /// The kernel reports the kind of file system, unless the options set it.
    package static func open(
        _ path: FilePath, mode: Mode, options: DatabaseOptions = DatabaseOptions(), now: Timestamp
    ) throws(StoreError) -> Connection {
        guard !Replacement.isUnderWay(path) else {
            throw StoreError(
                .corrupt, path: path.text,
                "its recovery was interrupted: run `pieces run` or `pieces database salvage` to finish it")
        }
        let connection = try Connection(path, mode: mode, options: options)
        if mode == .readOnly {
            try Migrator.requireCurrent(connection)
        } else {
            try Migrator.migrate(connection, now: now)
        }
        return connection
    }
}
