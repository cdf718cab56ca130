import CSQLite

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

    static func read(from statement: OpaquePointer, at column: Int32) -> RawValue? {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_NULL: .null
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, column))
        case SQLITE_FLOAT: .real(sqlite3_column_double(statement, column))
        case SQLITE_TEXT: String.read(from: statement, at: column).map { .text(Array($0.utf8)) }
        default: [UInt8].read(from: statement, at: column).map { .blob($0) }
        }
    }
}

/// A row as SQLite stores it (sqlite.org/fileformat.html, section 2.1).
enum RawRecord {
    /// The most columns of a row that are accepted: more than any table has.
    private static let columnLimit = 256

    /// The values for which there are bytes, and whether the bytes are exactly one record; `nil` when they are no
    /// record.
    ///
    /// A damaged length doesn't change the values, and SQLite reads them, too.
    static func decode(_ payload: [UInt8]) -> (values: [RawValue], isExact: Bool)? {
        var place = 0
        guard let length = Varint.read(payload, &place), length <= UInt64(payload.count) else { return nil }
        let headerEnd = Int(length)
        var types: [UInt64] = []
        while place < headerEnd {
            guard types.count < columnLimit, let type = Varint.read(payload, &place), place <= headerEnd else {
                return nil
            }
            types.append(type)
        }
        guard place == headerEnd else { return nil }
        var values: [RawValue] = []
        for type in types {
            guard let value = value(type, payload, &place) else { return (values, false) }
            values.append(value)
        }
        return (values, place == payload.count)
    }

    private static func value(_ type: UInt64, _ payload: [UInt8], _ place: inout Int) -> RawValue? {
        switch type {
        case 0: return .null
        case 8: return .integer(0)
        case 9: return .integer(1)
        case 1...6: return integer(bytes: [1, 2, 3, 4, 6, 8][Int(type) - 1], payload, &place).map { .integer($0) }
        case 7: return integer(bytes: 8, payload, &place).map { .real(Double(bitPattern: UInt64(bitPattern: $0))) }
        case 10, 11: return nil
        default:
            let length = (type - 12) / 2
            guard length <= UInt64(payload.count - place) else { return nil }
            let bytes = Array(payload[place..<place + Int(length)])
            place += Int(length)
            return type % 2 == 0 ? .blob(bytes) : .text(bytes)
        }
    }

    /// Big-endian, in two's complement.
    private static func integer(bytes count: Int, _ payload: [UInt8], _ place: inout Int) -> Int64? {
        guard place + count <= payload.count else { return nil }
        var value: Int64 = payload[place] < 0x80 ? 0 : -1
        for byte in payload[place..<place + count] { value = value << 8 | Int64(byte) }
        place += count
        return value
    }
}

/// SQLite's integers of one to nine bytes (sqlite.org/fileformat.html, section 1.6).
enum Varint {
    /// Reads an integer and advances `place` past it; `nil` when the bytes end first.
    static func read(_ bytes: [UInt8], _ place: inout Int) -> UInt64? {
        var value: UInt64 = 0
        for n in 0..<9 {
            guard place < bytes.count else { return nil }
            let byte = bytes[place]
            place += 1
            if n == 8 { return value << 8 | UInt64(byte) }
            value = value << 7 | UInt64(byte & 0x7f)
            if byte < 0x80 { return value }
        }
        return value
    }
}
