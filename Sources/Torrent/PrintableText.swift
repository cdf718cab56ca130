/// Makes text from outside (names, comments, client names, tracker errors) safe for a terminal.
extension String {
    /// The text with `.` in place of every character that could control a terminal or hide text: control characters,
    /// marks of reading direction, and characters without a glyph. A byte of a name that isn't UTF-8 (``PathText``)
    /// becomes `\xE9`.
    package var printable: String {
        if hasNone(where: { $0 < 0x20 || $0 > 0x7e }) { return self }
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if let byte = PathText.byte(of: scalar) {
                text.append(contentsOf: "\\x\(String(byte, radix: 16, uppercase: true))".unicodeScalars)
            } else {
                text.append(scalar.isPrintable ? scalar : ".")
            }
        }
        return String(text)
    }
}

extension String {
    /// Whether no UTF-8 byte satisfies the condition. Most text is plain ASCII, and this check is fast.
    @inlinable package func hasNone(where isOdd: (UInt8) -> Bool) -> Bool {
        utf8.withContiguousStorageIfAvailable { $0.hasNone(where: isOdd) } ?? !utf8.contains(where: isOdd)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether no byte satisfies the condition.
    @inlinable package func hasNone(where isOdd: (UInt8) -> Bool) -> Bool {
        // The loop checks all bytes without a branch for each, so that the compiler can vectorize it.
        var found: UInt8 = 0
        for byte in self { found |= isOdd(byte) ? 1 : 0 }
        return found == 0
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
