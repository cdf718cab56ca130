/// The SHA-1 of the raw bytes of the `info` dictionary, which identifies a v1 torrent (BEP 3).
package struct InfoHash: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let byteCount = 20

    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    /// Returns `nil` unless there are exactly 20 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount, let hash = Array(bytes).withUnsafeBytes({ Self(raw: $0) }) else {
            return nil
        }
        self = hash
    }

    /// Returns `nil` unless there are exactly 20 bytes; doesn't copy the buffer.
    package init?(raw bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        middle = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        low = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
    }

    /// Returns `nil` unless there are exactly 40 hexadecimal digits, in upper or lower case.
    package init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes)
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: high >> UInt64(shift)))
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: middle >> UInt64(shift)))
        }
        for shift in stride(from: 24, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: low >> UInt32(shift)))
        }
        return bytes
    }

    /// The hash as 40 lower-case hexadecimal digits.
    package var description: String {
        String(unsafeUninitializedCapacity: Self.byteCount * 2) { text in
            for n in 0..<16 {
                text[n] = Hex.digit(high >> UInt64(60 - n * 4))
                text[n + 16] = Hex.digit(middle >> UInt64(60 - n * 4))
            }
            for n in 0..<8 { text[n + 32] = Hex.digit(UInt64(low) >> UInt64(28 - n * 4)) }
            return Self.byteCount * 2
        }
    }

    package static func < (a: Self, b: Self) -> Bool { (a.high, a.middle, a.low) < (b.high, b.middle, b.low) }
}

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
    fileprivate static func digit(_ bits: UInt64) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits) & 15
        return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
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
