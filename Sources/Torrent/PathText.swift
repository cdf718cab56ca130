/// Converts between the bytes of a path and its text.
///
/// On Linux, a path is a sequence of bytes that is usually but not always UTF-8, and a file is found only under exactly
/// these bytes.
///
/// The text of a path is its UTF-8. A byte that isn't part of valid UTF-8 becomes the scalar U+10FE00 plus the byte,
/// from a private-use plane that names don't use: 0xE9 becomes U+10FEE9. If the path itself contains such a scalar, the
/// scalar's four bytes are escaped in the same way. So every path has exactly one text, every text is valid UTF-8, and
/// ``bytes(_:)`` returns the original bytes.
///
/// The program works with text. Bytes are converted to text on input, and text is converted to bytes in the system
/// call.
package enum PathText {
    /// The escapes of the bytes 0x80 to 0xFF.
    package static let escapes: ClosedRange<Unicode.Scalar> = "\u{10fe80}"..."\u{10feff}"

    /// The first two bytes of an escape's UTF-8. The third byte is one of ``thirds``, and the fourth has the last six
    /// bits.
    private static let lead: (UInt8, UInt8) = (0xf4, 0x8f)
    /// The third byte of the escape: first for bytes below 0xC0, then for the others.
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

    /// The number of bytes that ``bytes(_:)`` returns.
    package static func byteCount(_ text: some StringProtocol) -> Int {
        text.utf8.count - (escapeLength - 1) * text.unicodeScalars.count { escapes.contains($0) }
    }

    /// Whether the text contains escapes, so that it differs from the path's bytes.
    package static func isEscaped(_ text: String) -> Bool {
        // This first check is fast: hardly any name contains the first byte of a private-use plane.
        !text.hasNone { $0 == lead.0 } && text.unicodeScalars.contains { escapes.contains($0) }
    }

    /// The byte that an escape stands for; `nil` for every other scalar.
    package static func byte(of scalar: Unicode.Scalar) -> UInt8? {
        escapes.contains(scalar) ? UInt8(truncatingIfNeeded: scalar.value) : nil
    }

    /// Calls `body` with the path's bytes and a terminating zero, as system calls expect. A zero in the text ends the
    /// path.
    package static func withCString<Result>(_ text: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        guard isEscaped(text) else { return text.withCString(body) }
        return (bytes(text) + [0]).withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }

    /// The text of zero-terminated bytes from the C library.
    package static func text(cString: UnsafePointer<CChar>) -> String {
        var length = 0
        while cString[length] != 0 { length += 1 }
        return text(UnsafeRawBufferPointer(start: cString, count: length))
    }

    /// Whether both texts name the same path. (`==` also accepts canonically equivalent characters.)
    package static func isSame(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }

    /// The bytes of the scalar whose UTF-8 begins at `start`; `nil` if there is none.
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

/// The name of a file or folder, or a path. Two names are equal if their bytes are equal, whereas two strings are also
/// equal if they are canonically equivalent (Unicode normalization).
package struct FileName: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: FileName, other: FileName) -> Bool { PathText.isSame(one.text, other.text) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // This byte never occurs in UTF-8, so it marks the end of the name.
        hasher.combine(UInt8.max)
    }
}
