/// Text of a .torrent whose encoding nobody can know, to be read by people. (Names of files are ``PathText``.)
enum LegacyText {
    /// UTF-8 when the bytes are valid UTF-8, and Windows-1252 otherwise.
    ///
    /// Other code pages (GBK, Shift-JIS) come out misread, but always in the same way, and different bytes as different text.
    static func decode(_ bytes: some Collection<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = String.UnicodeScalarView()
        for byte in bytes {
            let isShifted = (0x80...0x9f).contains(byte)
            text.append(isShifted ? windows1252[Int(byte - 0x80)] : Unicode.Scalar(byte))
        }
        return String(text)
    }

    /// What Windows-1252 has at 0x80...0x9f; its five gaps are the control characters of Latin-1
    /// (https://encoding.spec.whatwg.org/#windows-1252).
    private static let windows1252 = Array("€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ".unicodeScalars)
}
