import Torrent

/// Measures and fits text for a terminal.
extension String {
    /// The number of terminal columns that the text takes.
    package var columns: Int {
        if hasNone(where: { $0 > 0x7f }) { return utf8.count }
        return reduce(0) { $0 + $1.columns }
    }

    /// The longest prefix of whole characters that fits in `width` columns, with `…` at the end if the text is cut.
    package func fitted(_ width: Int) -> String {
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

    /// The text padded with spaces to `width`: after the text, or before it if `right` is true.
    func padded(_ width: Int, right: Bool = false) -> String {
        let spaces = String(repeating: " ", count: max(0, width - columns))
        return right ? spaces + self : self + spaces
    }
}

extension Character {
    /// The number of columns of the character. Wide characters of East Asian scripts and emoji take two columns
    /// (Unicode Standard Annex 11, main ranges).
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
