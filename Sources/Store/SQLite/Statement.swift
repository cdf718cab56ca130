import CSQLite
import Glibc

/// A prepared statement and, while it is stepped, its current row.
package final class Statement {
    let sql: String
    /// Whether the statement is being stepped. The same SQL, run while its rows are read, gets another statement.
    var isInUse = false

    private let handle: OpaquePointer
    private unowned let connection: Connection
    private let columnCount: Int32
    private var column: Int32 = 0
    /// Whether a column of the current row held an invalid value.
    private var hasInvalidValue = false

    /// `sql` must be exactly one statement.
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
        // This repeats the result of the last step, which was already thrown.
        sqlite3_finalize(handle)
    }

    /// Binds all parameters in order; the number of values must match.
    package func bind(_ values: [any SQLValue]) throws(StoreError) {
        precondition(values.count == Int(sqlite3_bind_parameter_count(handle)), "wrong number of parameters: \(sql)")
        var parameter: Int32 = 0
        for value in values {
            parameter += 1
            let result = value.bind(to: handle, at: parameter)
            guard result == SQLITE_OK else { throw connection.failure(result, sql: sql) }
        }
    }

    /// Advances to the next row; `false` after the last one.
    package func step() throws(StoreError) -> Bool {
        column = 0
        hasInvalidValue = false
        // From here on errno belongs to this step: see `Connection.failure`.
        errno = 0
        let result = sqlite3_step(handle)
        guard result == SQLITE_ROW || result == SQLITE_DONE else { throw connection.failure(result, sql: sql) }
        // The row is in memory now.
        try connection.requireCurrent()
        return result == SQLITE_ROW
    }

    /// Reads the row's next column, beginning with the first: rows are read in the order of the `SELECT`.
    package func next<Value: SQLValue>(_ type: Value.Type = Value.self) throws(StoreError) -> Value {
        precondition(column < columnCount, "more columns read than selected: \(sql)")
        column += 1
        guard let value = Value.read(from: sqlite3_column_value(handle, column - 1)) else { throw impossible() }
        return value
    }

    /// Whether all columns of the row were read, or one of them holds an invalid value: then the rest may be skipped.
    var isRead: Bool { column == columnCount || hasInvalidValue }

    /// The highest valid number of bytes or bytes per second, so that sums can't overflow.
    private static let mostBytes: Int64 = 1 << 60
    /// The highest valid count.
    private static let mostThings = 1 << 31

    /// Reads the next column as a number of bytes.
    func nextBytes() throws(StoreError) -> Int64 {
        let bytes: Int64 = try next()
        guard (0...Self.mostBytes).contains(bytes) else { throw impossible() }
        return bytes
    }

    /// Reads the next column as text. If it is the same as `last`, no other copy of it is made; else it is `last` now.
    func next(sameAs last: inout String) throws(StoreError) -> String {
        precondition(column < columnCount, "more columns read than selected: \(sql)")
        column += 1
        let value = sqlite3_column_value(handle, column - 1)
        guard let text = value.flatMap({ String.read(from: $0, sameAs: last) }) else { throw impossible() }
        last = text
        return text
    }

    /// Reads the next column as a count.
    func nextCount() throws(StoreError) -> Int {
        let count: Int = try next()
        guard (0...Self.mostThings).contains(count) else { throw impossible() }
        return count
    }

    /// Reads the next column as an absolute folder path.
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

    /// The error for an invalid value in the column that was just read.
    private func impossible() -> StoreError {
        hasInvalidValue = true
        let name = sqlite3_column_name(handle, column - 1).map { String(cString: $0) } ?? "\(column - 1)"
        return connection.fault(.corrupt, "column “\(name)” holds an invalid value: \(StoreError.rowAdvice)")
    }

    /// The result of `read`, or `nil` when a column holds an invalid value. ``Connection/takeRowFaults()`` then reports
    /// the fault.
    func sound<Row>(_ read: (Statement) throws(StoreError) -> Row) throws(StoreError) -> Row? {
        do {
            return try read(self)
        } catch {
            guard error.isOfRow else { throw error }
            connection.note(error.message)
            return nil
        }
    }

    /// Makes the statement ready for its next use, and releases its locks and the memory of its parameters.
    package func reset() {
        // This repeats the result of the last step, which was already thrown.
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        isInUse = false
    }
}
