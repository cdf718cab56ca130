/// Text of a .torrent whose encoding nobody can know, to be read by people. (Names of files are ``PathText``.)
enum LegacyText {
    /// UTF-8 when the bytes are valid UTF-8, and Windows-1252 otherwise.
    ///
    /// Other code pages (GBK, Shift-JIS) come out misread, but always in the same way, and different bytes as different
    /// text.
    static func decode(_ bytes: some Collection<UInt8>) -> String {
        String(validating: bytes, as: UTF8.self) ?? windows1252(bytes)
    }

    /// The text of bytes that aren't UTF-8.
    static func windows1252(_ bytes: some Collection<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        for byte in bytes {
            let isShifted = (0x80...0x9f).contains(byte)
            text.append(isShifted ? highControls[Int(byte - 0x80)] : Unicode.Scalar(byte))
        }
        return String(text)
    }

    /// Whether the bytes are valid UTF-8: no text is made of them, however many they are.
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

    /// The first bytes of a text, without a part of a character at their end.
    static func beginning(of bytes: ArraySlice<UInt8>, bytes limit: Int) -> ArraySlice<UInt8> {
        guard bytes.count > limit else { return bytes }
        let isContinuation = { (byte: UInt8) in byte & 0xc0 == 0x80 }
        var end = bytes.startIndex + limit
        // A character of UTF-8 has at most three more bytes behind its first.
        for _ in 0..<3 where end > bytes.startIndex && isContinuation(bytes[end]) { end -= 1 }
        return bytes[..<end]
    }

    /// What Windows-1252 has at 0x80...0x9f; its five gaps are the control characters of Latin-1
    /// (https://encoding.spec.whatwg.org/#windows-1252).
    private static let highControls = Array("€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ".unicodeScalars)
}
