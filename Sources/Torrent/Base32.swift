/// Decodes base32 (RFC 4648), in which old magnet links write info hashes.
enum Base32 {
    /// Returns `nil` unless `digits` are whole groups of eight base32 digits, in upper or lower case and without
    /// padding.
    static func decode(_ digits: some Collection<UInt8>) -> [UInt8]? {
        guard digits.count.isMultiple(of: 8) else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt64 = 0
        for (n, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = digit - UInt8(ascii: "a")
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = digit - UInt8(ascii: "A")
            case UInt8(ascii: "2")...UInt8(ascii: "7"): value = digit - UInt8(ascii: "2") + 26
            default: return nil
            }
            bits = bits << 5 | UInt64(value)
            guard n % 8 == 7 else { continue }
            for shift in stride(from: 32, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
            }
        }
        return bytes
    }
}
