/// A SHA-1 digest, stored inline; a collection of its 20 bytes.
package struct SHA1Digest: Hashable, Comparable, Sendable, RandomAccessCollection {
    package static let byteCount = 20

    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    /// Returns `nil` unless there are exactly 20 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount, let digest = Array(bytes).withUnsafeBytes({ Self(raw: $0) }) else {
            return nil
        }
        self = digest
    }

    /// Returns `nil` unless there are exactly 20 bytes; doesn't copy the buffer.
    package init?(raw bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        middle = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        low = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { Self.byteCount }

    package subscript(n: Int) -> UInt8 {
        switch n {
        case 0..<8: UInt8(truncatingIfNeeded: high >> UInt64(56 - n * 8))
        case 8..<16: UInt8(truncatingIfNeeded: middle >> UInt64(120 - n * 8))
        case 16..<20: UInt8(truncatingIfNeeded: low >> UInt32(152 - n * 8))
        default: preconditionFailure("a SHA-1 digest has 20 bytes")
        }
    }

    package static func < (a: Self, b: Self) -> Bool { (a.high, a.middle, a.low) < (b.high, b.middle, b.low) }

    /// The digest as 40 lower-case hexadecimal digits.
    var hex: String {
        String(unsafeUninitializedCapacity: Self.byteCount * 2) { text in
            if let start = text.baseAddress { writeHex(to: start) }
            return Self.byteCount * 2
        }
    }

    /// Writes the 40 digits of ``hex``.
    func writeHex(to start: UnsafeMutablePointer<UInt8>) {
        let place = UnsafeMutableRawPointer(start)
        let parts = (high >> 32, high & 0xffff_ffff, middle >> 32, middle & 0xffff_ffff, UInt64(low))
        place.storeBytes(of: Hex.digits(parts.0), as: UInt64.self)
        place.storeBytes(of: Hex.digits(parts.1), toByteOffset: 8, as: UInt64.self)
        place.storeBytes(of: Hex.digits(parts.2), toByteOffset: 16, as: UInt64.self)
        place.storeBytes(of: Hex.digits(parts.3), toByteOffset: 24, as: UInt64.self)
        place.storeBytes(of: Hex.digits(parts.4), toByteOffset: 32, as: UInt64.self)
    }
}
