import Torrent

/// Text from outside (names, comments, clients, errors of trackers) as a terminal may have it.
extension String {
    /// The text with everything that could steer a terminal or hide what is there as `.`: control characters, marks of
    /// reading direction, and what has no glyph. A byte of a name that isn't UTF-8 (``PathText``) is shown as `\xE9`.
    var printable: String {
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

    /// Columns of a terminal that the text takes.
    var columns: Int {
        if hasNone(where: { $0 > 0x7f }) { return utf8.count }
        return reduce(0) { $0 + $1.columns }
    }

    /// As many whole characters as fit, the last of them `…` when not all do.
    func fitted(_ width: Int) -> String {
        guard columns > width else { return self }
        guard width > 0 else { return "" }
        var text = ""
        var used = 1
        for character in self {
            used += character.columns
            if used > width { break }
            text.append(character)
        }
        return text + "…"
    }

    /// The text with spaces behind it, or before it, up to the width.
    func padded(_ width: Int, right: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - columns))
        return right ? spaces + self : self + spaces
    }
}

extension String {
    /// Whether no byte of the UTF-8 is such a one: most text is plain ASCII, and this is quick to see.
    func hasNone(where isOdd: (UInt8) -> Bool) -> Bool {
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

extension Character {
    /// Wide characters of East Asian scripts and emoji take two columns (Unicode Standard Annex 11, in its main
    /// ranges).
    fileprivate var columns: Int {
        guard let first = unicodeScalars.first else { return 0 }
        switch first.value {
        case 0..<0x300: return 1
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
            0xff00...0xff60, 0xffe0...0xffe6,
            0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
            return 2
        default:
            return first.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }
}
