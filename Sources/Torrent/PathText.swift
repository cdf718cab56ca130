/// Converts between the bytes of a path and its text.
///
/// On Linux a path is bytes. They are mostly UTF-8, but not always, and a file is found under exactly these bytes.
///
/// The text of a path is its UTF-8. A byte that isn't part of valid UTF-8 becomes the scalar U+10FE00 plus the byte,
/// from a private-use plane that names don't use: 0xE9 becomes U+10FEE9. Where the path itself has such a scalar, the
/// four bytes of the scalar are escaped in the same way. So every path has exactly one text, every text is valid UTF-8,
/// and
/// ``bytes(_:)`` returns the bytes that the text was made of.
///
/// The program works with text; bytes become text where they come in, and text becomes bytes in the system call.
package enum PathText {
    /// The escapes of the bytes 0x80 to 0xFF.
    package static let escapes: ClosedRange<Unicode.Scalar> = "\u{10fe80}"..."\u{10feff}"

    /// The first two bytes of an escape's UTF-8; the third is one of ``thirds``, and the fourth has the last six bits.
    private static let lead: (UInt8, UInt8) = (0xf4, 0x8f)
    /// For bytes below 0xC0, and for the others.
    private static let thirds: (UInt8, UInt8) = (0xba, 0xbb)
    private static let escapeLength = 4

    /// The text of a path's bytes.
    package static func text(_ bytes: some Collection<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !isEscaped(text) { return text }
        let bytes = Array(bytes)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * escapeLength)
        var at = 0
        while at < bytes.count {
            let scalar = scalar(in: bytes, at: at)
            if let scalar, !isEscape(scalar, at: scalar.startIndex) {
                text += scalar
            } else {
                for byte in scalar ?? bytes[at...at] { append(escapeOf: byte, to: &text) }
            }
            at += scalar?.count ?? 1
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of the path that has this text.
    package static func bytes(_ text: String) -> [UInt8] {
        let text = Array(text.utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var at = 0
        while at < text.count {
            let isEscape = isEscape(text[...], at: at)
            bytes.append(isEscape ? byte(ofEscape: text, at: at) : text[at])
            at += isEscape ? escapeLength : 1
        }
        return bytes
    }

    /// How many bytes ``bytes(_:)`` gives.
    package static func byteCount(_ text: some StringProtocol) -> Int {
        text.utf8.count - (escapeLength - 1) * text.unicodeScalars.count { escapes.contains($0) }
    }

    /// Whether the text has escapes, so that it differs from the path's bytes.
    package static func isEscaped(_ text: String) -> Bool {
        // Hardly any name has the first byte of a plane that is for private use.
        text.utf8.contains(lead.0) && text.unicodeScalars.contains { escapes.contains($0) }
    }

    /// The byte of an escape; `nil` for every other scalar.
    package static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        escapes.contains(scalar) ? UInt8(truncatingIfNeeded: scalar.value) : nil
    }

    /// Calls `body` with the path's bytes and a zero behind them, as system calls take them. A zero in the text ends
    /// the path.
    package static func withCString<Result>(_ text: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        guard isEscaped(text) else { return text.withCString(body) }
        return (bytes(text) + [0]).withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }

    /// The text of bytes that end with a zero, as the C library gives them.
    package static func text(cString: UnsafePointer<CChar>) -> String {
        var length = 0
        while cString[length] != 0 { length += 1 }
        return text(UnsafeRawBufferPointer(start: cString, count: length))
    }

    /// Whether both are texts of the same path. (`==` takes different ways to write the same characters for equal.)
    package static func isSame(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }

    /// The bytes of the one scalar whose UTF-8 begins there; `nil` when none does.
    private static func scalar(in bytes: [UInt8], at start: Int) -> ArraySlice<UInt8>? {
        let length =
            switch bytes[start] {
            case 0..<0x80: 1
            case 0xc2..<0xe0: 2
            case 0xe0..<0xf0: 3
            case 0xf0..<0xf5: 4
            default: 0
            }
        let scalar = bytes[start...].prefix(length)
        return scalar.count == length && length > 0 && String(validating: scalar, as: UTF8.self) != nil ? scalar : nil
    }

    private static func isEscape(_ text: ArraySlice<UInt8>, at start: Int) -> Bool {
        guard start + escapeLength <= text.endIndex else { return false }
        guard text[start] == lead.0, text[start + 1] == lead.1 else { return false }
        return text[start + 2] == thirds.0 || text[start + 2] == thirds.1
    }

    private static func byte(ofEscape text: [UInt8], at start: Int) -> UInt8 {
        (text[start + 2] == thirds.0 ? 0x80 : 0xc0) | (text[start + 3] & 0x3f)
    }

    private static func append(escapeOf byte: UInt8, to text: inout [UInt8]) {
        text.append(lead.0)
        text.append(lead.1)
        text.append(byte < 0xc0 ? thirds.0 : thirds.1)
        text.append(0x80 | (byte & 0x3f))
    }
}

/// The name of a file or a folder, or a path. Two names are equal when their bytes are; two strings are equal when they
/// are different ways to write the same characters, too (Unicode normalization).
package struct FileName: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: FileName, other: FileName) -> Bool { PathText.isSame(one.text, other.text) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No UTF-8 has this byte: it ends the name.
        hasher.combine(UInt8.max)
    }
}
