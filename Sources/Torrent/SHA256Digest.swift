/// A SHA-256 digest, stored inline; a collection of its 32 bytes.
package struct SHA256Digest: Hashable, Sendable, RandomAccessCollection {
    package static let byteCount = 32

    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Returns `nil` unless there are exactly 32 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words: [UInt64] = [0, 0, 0, 0]
        for (n, byte) in bytes.enumerated() { words[n / 8] = words[n / 8] << 8 | UInt64(byte) }
        self.words = (words[0], words[1], words[2], words[3])
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { Self.byteCount }

    package subscript(n: Int) -> UInt8 {
        let word =
            switch n {
            case 0..<8: words.0
            case 8..<16: words.1
            case 16..<24: words.2
            case 24..<32: words.3
            default: preconditionFailure("a SHA-256 digest has 32 bytes")
            }
        return UInt8(truncatingIfNeeded: word >> UInt64(56 - n % 8 * 8))
    }

    package static func == (a: Self, b: Self) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}
