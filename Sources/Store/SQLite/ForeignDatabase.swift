import CSQLite
package import SystemPackage
import Torrent

/// An SQLite database of another program, opened on a copy of its own: SQLite writes to it, to apply its log.
///
/// Nothing in it is trusted: its schema may call no functions with side effects, and each column may be missing or hold
/// any type.
package final class ForeignDatabase {
    /// A value of any type.
    package enum Value: SQLValue, Sendable, Equatable {
        case null
        case integer(Int64)
        case real(Double)
        case text(String)
        case blob([UInt8])

        package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
            switch self {
            case .null: sqlite3_bind_null(statement, parameter)
            case .integer(let value): value.bind(to: statement, at: parameter)
            case .real(let value): value.bind(to: statement, at: parameter)
            case .text(let value): value.bind(to: statement, at: parameter)
            case .blob(let value): value.bind(to: statement, at: parameter)
            }
        }

        package static func read(from column: OpaquePointer) -> Value? {
            if let value = Int64.read(from: column) { return .integer(value) }
            if let value = String.read(from: column) { return .text(value) }
            if let value = [UInt8].read(from: column) { return .blob(value) }
            if let value = Double.read(from: column) { return .real(value) }
            return .null
        }

        package var integer: Int64? {
            switch self {
            case .integer(let value): value
            case .text(let text): Int64(text)
            default: nil
            }
        }

        package var text: String? {
            switch self {
            case .text(let text): text
            case .blob(let bytes): String(decoding: bytes, as: UTF8.self)
            default: nil
            }
        }

        package var blob: [UInt8]? {
            switch self {
            case .blob(let bytes): bytes
            case .text(let text): Array(text.utf8)
            default: nil
            }
        }
    }

    private let connection: Connection

    /// Opens the copy.
    package init(copy path: FilePath) throws(StoreError) {
        let bytes = PathText.bytes(path.text).map { CChar(bitPattern: $0) } + [0]
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let result = sqlite3_open_v2(bytes, &handle, flags, nil)
        guard let handle else {
            throw StoreError(.cantOpen, path: path.text, "SQLite has no memory for the database")
        }
        connection = try Connection(adopting: handle, path, DatabaseOptions())
        guard result == SQLITE_OK else { throw connection.failure(result) }
        for (flag, value) in [
            (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), (SQLITE_DBCONFIG_ENABLE_TRIGGER, 0),
            (SQLITE_DBCONFIG_ENABLE_VIEW, 0),
        ] {
            let result = csqlite_set_flag(handle, flag, Int32(value))
            guard result == SQLITE_OK else { throw connection.failure(result) }
        }
        try connection.executeScript("PRAGMA cell_size_check=ON")
    }

    /// The names of the table's columns; empty if it doesn't exist.
    package func columns(of table: String) throws(StoreError) -> Set<String> {
        Set(try connection.values("SELECT name FROM pragma_table_info(?)", table))
    }

    /// All values of one column, in the order of another.
    package func values(_ column: String, of table: String, by order: String) throws(StoreError) -> [Value] {
        try connection.values("SELECT \(Self.quoted(column)) FROM \(Self.quoted(table)) ORDER BY \(Self.quoted(order))")
    }

    /// The named columns, which the table has, in the row whose `key` is `value`; `nil` if there is no such row.
    package func row(_ columns: [String], of table: String, where key: String, is value: Value) throws(StoreError)
        -> [String: Value]?
    {
        let names = columns.map(Self.quoted).joined(separator: ", ")
        let statement = try connection.prepare(
            "SELECT \(names) FROM \(Self.quoted(table)) WHERE \(Self.quoted(key)) = ? LIMIT 1")
        defer { statement.reset() }
        try statement.bind([value])
        guard try statement.step() else { return nil }
        var row: [String: Value] = [:]
        for column in columns { row[column] = try statement.next() }
        return row
    }

    private static func quoted(_ name: String) -> String { "\"\(name.split(separator: "\"").joined())\"" }
}
