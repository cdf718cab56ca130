/// Decodes text of a .torrent that has no declared encoding and is only meant to be read. (File names are
/// ``PathText``.)
package enum LegacyText {
    /// Decodes the bytes as UTF-8 if they are valid UTF-8, and as Windows-1252 otherwise.
    ///
    /// Text in other code pages (GBK, Shift-JIS) is misread, but always in the same way, and different bytes give
    /// different text.
    package static func decode(_ bytes: some Collection<UInt8>) -> String {
        String(validating: bytes, as: UTF8.self) ?? windows1252(bytes)
    }

    /// Decodes bytes as Windows-1252.
    static func windows1252(_ bytes: some Collection<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        for byte in bytes {
            let isShifted = (0x80...0x9f).contains(byte)
            text.append(isShifted ? highControls[Int(byte - 0x80)] : Unicode.Scalar(byte))
        }
        return String(text)
    }

    /// Whether the bytes are valid UTF-8; creates no `String`, whatever the length.
    static func isUTF8(_ bytes: some Collection<UInt8>) -> Bool {
        var iterator = bytes.makeIterator()
        var decoder = UTF8()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }

    /// The first bytes of a text, without a truncated character at the end.
    static func beginning(of bytes: ArraySlice<UInt8>, bytes limit: Int) -> ArraySlice<UInt8> {
        guard bytes.count > limit else { return bytes }
        let isContinuation = { (byte: UInt8) in byte & 0xc0 == 0x80 }
        var end = bytes.startIndex + limit
        // A UTF-8 character has at most three bytes after its first.
        for _ in 0..<3 where end > bytes.startIndex && isContinuation(bytes[end]) { end -= 1 }
        return bytes[..<end]
    }

    /// The characters of Windows-1252 at 0x80...0x9f. Its five gaps hold the control characters of Latin-1
    /// (https://encoding.spec.whatwg.org/#windows-1252).
    private static let highControls = Array("€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ".unicodeScalars)
}
