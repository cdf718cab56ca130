import CSQLite
import Glibc

/// A prepared statement and, while it is stepped, the row that it stands on.
package final class Statement {
    let sql: String
    /// Whether somebody steps it: the same SQL within its own rows gets a statement of its own.
    var isInUse = false

    private let handle: OpaquePointer
    private unowned let connection: Connection
    private let columnCount: Int32
    private var column: Int32 = 0

    /// `sql` is exactly one statement.
    init(_ sql: String, on connection: Connection) throws(StoreError) {
        var handle: OpaquePointer?
        errno = 0
        let result = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard result == SQLITE_OK else { throw connection.failure(result, sql: sql) }
        guard let handle else {
            throw connection.fault(
                .other, "an empty statement was prepared: this is a bug, please report it")
        }
        self.sql = sql
        self.handle = handle
        self.columnCount = sqlite3_column_count(handle)
        self.connection = connection
    }

    deinit {
        // Repeats the result of the last step, which was thrown then.
        sqlite3_finalize(handle)
    }

    /// Binds the parameters in order; there are exactly as many as the statement has.
    package func bind(_ values: [any SQLValue]) throws(StoreError) {
        precondition(values.count == Int(sqlite3_bind_parameter_count(handle)), "wrong number of parameters: \(sql)")
        var parameter: Int32 = 0
        for value in values {
            parameter += 1
            let result = value.bind(to: handle, at: parameter)
            guard result == SQLITE_OK else { throw connection.failure(result, sql: sql) }
        }
    }

    /// Goes to the next row; `false` behind the last.
    package func step() throws(StoreError) -> Bool {
        column = 0
        // What the system answers from here on is about this step: see `Connection.failure`.
        errno = 0
        let result = sqlite3_step(handle)
        guard result == SQLITE_ROW || result == SQLITE_DONE else { throw connection.failure(result, sql: sql) }
        // The row is in memory by now.
        try connection.requireCurrent()
        return result == SQLITE_ROW
    }

    /// Reads the row's next column, from the first on: rows are read in the order of the `SELECT`.
    package func next<Value: SQLValue>(_ type: Value.Type = Value.self) throws(StoreError) -> Value {
        precondition(column < columnCount, "more columns read than selected: \(sql)")
        column += 1
        guard let value = Value.read(from: handle, at: column - 1) else { throw impossible() }
        return value
    }

    /// Bytes that are believed, and bytes a second: sums of them don't overflow.
    private static let mostBytes: Int64 = 1 << 60
    /// Things that are counted one by one.
    private static let mostThings = 1 << 31

    /// Reads the next column as a count of bytes.
    func nextBytes() throws(StoreError) -> Int64 {
        let bytes: Int64 = try next()
        guard (0...Self.mostBytes).contains(bytes) else { throw impossible() }
        return bytes
    }

    /// Reads the next column as a count of things.
    func nextCount() throws(StoreError) -> Int {
        let count: Int = try next()
        guard (0...Self.mostThings).contains(count) else { throw impossible() }
        return count
    }

    /// Reads the next column as the path of a folder, whatever folder the process is in.
    func nextAbsolutePath() throws(StoreError) -> String {
        let path: String = try next()
        guard path.utf8.first == UInt8(ascii: "/") else { throw impossible() }
        return path
    }

    func nextCountIfAny() throws(StoreError) -> Int? {
        let count: Int? = try next()
        guard count.map({ (0...Self.mostThings).contains($0) }) ?? true else { throw impossible() }
        return count
    }

    /// What the column that was just read holds cannot be.
    private func impossible() -> StoreError {
        let name = sqlite3_column_name(handle, column - 1).map { String(cString: $0) } ?? "\(column - 1)"
        return connection.fault(.corrupt, "column “\(name)” holds an invalid value: \(StoreError.rowAdvice)")
    }

    /// What `read` makes of the row, or `nil` where a column holds what cannot be, which ``Connection/takeRowFaults()``
    /// then tells.
    func sound<Row>(_ read: (Statement) throws(StoreError) -> Row) throws(StoreError) -> Row? {
        do {
            return try read(self)
        } catch {
            guard error.isOfRow else { throw error }
            connection.note(error.message)
            return nil
        }
    }

    /// Makes the statement ready for its next use, and gives back its locks and the memory of its parameters.
    func reset() {
        // Repeats the result of the last step, which was thrown then.
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        isInUse = false
    }
}
