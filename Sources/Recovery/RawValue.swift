import CSQLite
import Store

/// A value of a row that was read without SQLite.
enum RawValue: Hashable, Sendable, SQLValue {
    case null
    case integer(Int64)
    case real(Double)
    case text([UInt8])
    case blob([UInt8])

    var isNull: Bool { self == .null }

    func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        switch self {
        case .null: sqlite3_bind_null(statement, parameter)
        case .integer(let number): sqlite3_bind_int64(statement, parameter, number)
        case .real(let number): sqlite3_bind_double(statement, parameter, number)
        // Invalid UTF-8 is replaced, so that unreadable text doesn't come back as it was.
        case .text(let bytes): String(decoding: bytes, as: UTF8.self).bind(to: statement, at: parameter)
        case .blob(let bytes): bytes.bind(to: statement, at: parameter)
        }
    }

    static func read(from column: OpaquePointer) -> RawValue? {
        switch sqlite3_value_type(column) {
        case SQLITE_NULL: .null
        case SQLITE_INTEGER: .integer(sqlite3_value_int64(column))
        case SQLITE_FLOAT: .real(sqlite3_value_double(column))
        case SQLITE_TEXT: String.read(from: column).map { .text(Array($0.utf8)) }
        default: [UInt8].read(from: column).map { .blob($0) }
        }
    }
}
