import CSQLite
import Glibc
package import SystemPackage
package import Torrent

/// A value that SQLite can store.
package protocol SQLValue {
    /// Binds the value to a parameter, counted from 1. Returns SQLite's result code.
    func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32
    /// The value of a column of the current row; `nil` when the column holds a different type. `column` is what
    /// `sqlite3_column_value` returns. It must not be shared between threads (sqlite.org/c3ref/column_blob.html), and a
    /// connection isn't. Reading a value from it takes half the calls that reading from the statement takes.
    static func read(from column: OpaquePointer) -> Self?
}

extension Int64: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        sqlite3_bind_int64(statement, parameter, self)
    }

    package static func read(from column: OpaquePointer) -> Int64? {
        sqlite3_value_type(column) == SQLITE_INTEGER ? sqlite3_value_int64(column) : nil
    }
}

/// Stored as the signed number with the same bits.
extension UInt64: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        sqlite3_bind_int64(statement, parameter, Int64(bitPattern: self))
    }

    package static func read(from column: OpaquePointer) -> UInt64? {
        Int64.read(from: column).map { UInt64(bitPattern: $0) }
    }
}

extension Int: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        sqlite3_bind_int64(statement, parameter, Int64(self))
    }
    package static func read(from column: OpaquePointer) -> Int? {
        Int64.read(from: column).flatMap(Int.init(exactly:))
    }
}

extension Int32: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        sqlite3_bind_int64(statement, parameter, Int64(self))
    }
    package static func read(from column: OpaquePointer) -> Int32? {
        Int64.read(from: column).flatMap(Int32.init(exactly:))
    }
}

/// 0 or 1; any other number is not a `Bool`.
extension Bool: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        sqlite3_bind_int64(statement, parameter, self ? 1 : 0)
    }

    package static func read(from column: OpaquePointer) -> Bool? {
        switch Int64.read(from: column) {
        case 0: false
        case 1: true
        default: nil
        }
    }
}

/// An integer column can be read as a `Double`. SQLite binds a NaN as NULL.
extension Double: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        sqlite3_bind_double(statement, parameter, self)
    }

    package static func read(from column: OpaquePointer) -> Double? {
        switch sqlite3_value_type(column) {
        case SQLITE_FLOAT, SQLITE_INTEGER: sqlite3_value_double(column)
        default: nil
        }
    }
}

extension String: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        var text = self
        return text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                // The empty string may have no address, and SQLite would bind a null pointer as NULL.
                guard let start = characters.baseAddress else { return csqlite_bind_text(statement, parameter, "", 0) }
                return csqlite_bind_text(statement, parameter, start, UInt64(characters.count))
            }
        }
    }

    /// Bytes that are not valid UTF-8 are read as U+FFFD.
    package static func read(from column: OpaquePointer) -> String? {
        utf8(of: column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// `last` itself, if the column holds the same bytes.
    static func read(from column: OpaquePointer, sameAs last: String) -> String? {
        guard let bytes = utf8(of: column) else { return nil }
        return last.isSame(bytes) ? last : String(decoding: bytes, as: UTF8.self)
    }

    private static func utf8(of column: OpaquePointer) -> UnsafeBufferPointer<UInt8>? {
        guard sqlite3_value_type(column) == SQLITE_TEXT, let text = sqlite3_value_text(column) else { return nil }
        return UnsafeBufferPointer(start: text, count: Int(sqlite3_value_bytes(column)))
    }

    private func isSame(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        utf8.withContiguousStorageIfAvailable { own in
            guard own.count == bytes.count, let one = own.baseAddress, let other = bytes.baseAddress else {
                return false
            }
            return memcmp(one, other, own.count) == 0
        } == true
    }
}

/// A path for SQLite to open, as the path's own bytes. Tables store paths as ``PathText``.
package struct OpenedPath: SQLValue {
    private let bytes: [UInt8]

    package init(_ path: FilePath) { bytes = PathText.bytes(path.text) }

    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        bytes.withUnsafeBytes {
            csqlite_bind_text(
                statement, parameter, $0.baseAddress?.assumingMemoryBound(to: CChar.self), UInt64($0.count))
        }
    }

    /// No column holds such a value.
    package static func read(from column: OpaquePointer) -> OpenedPath? { nil }
}

extension [UInt8]: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, !bytes.isEmpty else {
                return sqlite3_bind_zeroblob(statement, parameter, 0)
            }
            return csqlite_bind_blob(statement, parameter, start, UInt64(bytes.count))
        }
    }

    package static func read(from column: OpaquePointer) -> [UInt8]? {
        guard sqlite3_value_type(column) == SQLITE_BLOB else { return nil }
        // An empty blob has no address.
        guard let start = sqlite3_value_blob(column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(column))))
    }
}

extension Optional: SQLValue where Wrapped: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        self?.bind(to: statement, at: parameter) ?? sqlite3_bind_null(statement, parameter)
    }

    package static func read(from column: OpaquePointer) -> Wrapped?? {
        if sqlite3_value_type(column) == SQLITE_NULL { return .some(nil) }
        guard let value = Wrapped.read(from: column) else { return nil }
        return .some(value)
    }
}

/// Enumerations and identifiers are stored as their raw value.
extension SQLValue where Self: RawRepresentable, RawValue: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        rawValue.bind(to: statement, at: parameter)
    }

    package static func read(from column: OpaquePointer) -> Self? {
        RawValue.read(from: column).flatMap(Self.init(rawValue:))
    }
}

extension PieceIndex: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        value.bind(to: statement, at: parameter)
    }
    package static func read(from column: OpaquePointer) -> PieceIndex? {
        Int.read(from: column).map { PieceIndex($0) }
    }
}

extension InfoHash: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        bytes.bind(to: statement, at: parameter)
    }
    package static func read(from column: OpaquePointer) -> InfoHash? {
        guard sqlite3_value_type(column) == SQLITE_BLOB, let start = sqlite3_value_blob(column)
        else { return nil }
        return InfoHash(raw: UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(column))))
    }
}

/// Stored as its 32 bytes.
extension SHA256Digest: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        Array(self).bind(to: statement, at: parameter)
    }
    package static func read(from column: OpaquePointer) -> SHA256Digest? {
        [UInt8].read(from: column).flatMap { SHA256Digest($0) }
    }
}

/// Stored as the text that ``PeerAddress/description`` returns.
extension PeerAddress: SQLValue {
    package func bind(to statement: OpaquePointer, at parameter: Int32) -> Int32 {
        description.bind(to: statement, at: parameter)
    }
    package static func read(from column: OpaquePointer) -> PeerAddress? {
        String.read(from: column).flatMap { PeerAddress($0) }
    }
}
