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
