/// Text from outside (names, comments, clients, errors of trackers) as a terminal may have it.
extension String {
    /// The text with everything that could steer a terminal or hide what is there as `.`: control characters, marks of
    /// reading direction, and what has no glyph. A byte of a name that isn't UTF-8 (``PathText``) is shown as `\xE9`.
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
    /// Whether no byte of the UTF-8 is such a one: most text is plain ASCII, and this is quick to see.
    @inlinable package func hasNone(where isOdd: (UInt8) -> Bool) -> Bool {
        // Looks at all of them, without a branch at each: the compiler takes many at a time.
        utf8.withContiguousStorageIfAvailable { bytes in
            var found: UInt8 = 0
            for byte in bytes { found |= isOdd(byte) ? 1 : 0 }
            return found == 0
        } ?? !utf8.contains(where: isOdd)
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
