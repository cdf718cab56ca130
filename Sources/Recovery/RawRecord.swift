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
