// Room: Store.
// Duty: the memory of the program: one SQLite database; typed reads, one-transaction writes, migrations, backup, integrity.
// Owns: the database file, its log and its lock file; the SQL of every query.
// Never: looks at the payload; opens the database file outside SQLite; blocks the cooperative pool; ignores what COMMIT answers.
// Invariants: what a durable transaction says was true on the disk before it began, and that is its caller's promise; no transaction touches a
//   torrent that did not change; counters equal what they count; a file that is not ours is never written.

import Glibc
import SystemPackage

/// The engine's connection, on a thread of its own.
package actor Store {
    package nonisolated let path: FilePath
    private let executor: ThreadExecutor
    private var connection: Connection?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens the database, makes it where it is missing, and brings its schema up to date.
    package static func open(_ path: FilePath, options: DatabaseOptions = DatabaseOptions(), now: Timestamp) async throws(StoreError) -> Store {
        switch ThreadExecutor.start() {
        case .success(let executor):
            let store = Store(path, executor)
            try await store.connect(options, now)
            return store
        case .failure(let error):
            throw StoreError(
                .other, path: path.string, "cannot start a thread: \(String(cString: strerror(error.number))): stop other programs and try again")
        }
    }

    private init(_ path: FilePath, _ executor: ThreadExecutor) {
        self.path = path
        self.executor = executor
    }

    deinit { executor.stop() }

    /// Runs `body` on the store's thread. Transactions are `body`'s own: two calls are two moments.
    package func perform<Value: Sendable>(_ body: @Sendable (Connection) throws(StoreError) -> Value) async throws(StoreError) -> Value {
        guard let connection else { throw StoreError(.closed, path: path.string, "the database was closed: start the program again") }
        return try body(connection)
    }

    /// Copies the log into the database and closes it; what comes later is refused.
    package func close() async throws(StoreError) {
        guard let connection else { return }
        self.connection = nil
        try connection.checkpoint()
    }

    private func connect(_ options: DatabaseOptions, _ now: Timestamp) throws(StoreError) {
        let reserve = Reserve(database: path)
        let connection: Connection
        do {
            connection = try Connection.open(path, mode: .readWriteCreate, options: options, now: now)
        } catch {
            // To open it takes some space, too.
            guard error.mayBeForSpace, reserve.giveUp() else { throw error }
            connection = try Connection.open(path, mode: .readWriteCreate, options: options, now: now)
        }
        connection.reserve = reserve
        // Where there is no room for it, the first note ahead of a write says so.
        _ = reserve.take()
        self.connection = connection
    }
}

extension Connection {
    /// Opens the database with its schema up to date: a writer brings it there, a reader refuses an older one.
    package static func open(
        _ path: FilePath, mode: Mode, options: DatabaseOptions = DatabaseOptions(), now: Timestamp
    ) throws(StoreError) -> Connection {
        let connection = try Connection(path, mode: mode, options: options)
        if mode == .readOnly {
            try Migrator.requireCurrent(connection)
        } else {
            try Migrator.migrate(connection, now: now)
        }
        return connection
    }
}
