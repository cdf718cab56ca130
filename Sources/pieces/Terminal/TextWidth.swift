import Torrent

/// How much room a text takes on a terminal.
extension String {
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
