/// Encodes and decodes hexadecimal digits.
package enum Hex {
    /// Encodes each byte as two lower-case digits.
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            for (n, byte) in bytes.enumerated() {
                text[n * 2] = digit(UInt64(byte >> 4))
                text[n * 2 + 1] = digit(UInt64(byte))
            }
            return bytes.count * 2
        }
    }

    /// The lower-case digit of the lowest four bits.
    static func digit(_ bits: UInt64) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits) & 15
        return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }

    /// The eight digits of the lowest 32 bits, as they lie in memory. The bits are spread until each byte has four, and
    /// all digits are made at once.
    static func digits(_ bits: UInt64) -> UInt64 {
        var bits = bits
        bits = (bits & 0xffff_0000) << 16 | bits & 0xffff
        bits = (bits & 0x0000_ff00_0000_ff00) << 8 | bits & 0x0000_00ff_0000_00ff
        bits = (bits & 0x00f0_00f0_00f0_00f0) << 4 | bits & 0x000f_000f_000f_000f
        let ones: UInt64 = 0x0101_0101_0101_0101
        let letters = (bits &+ ones &* 6) >> 4 & ones
        let toLetter = UInt64(UInt8(ascii: "a") - 10 - UInt8(ascii: "0"))
        return (bits &+ ones &* UInt64(UInt8(ascii: "0")) &+ letters &* toLetter).bigEndian
    }

    /// Returns `nil` unless `text` is an even number of hexadecimal digits.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var half: UInt8?
        for character in text.utf8 {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = character - UInt8(ascii: "A") + 10
            default: return nil
            }
            if let first = half {
                bytes.append(first << 4 | digit)
                half = nil
            } else {
                half = digit
            }
        }
        return half == nil ? bytes : nil
    }
}
