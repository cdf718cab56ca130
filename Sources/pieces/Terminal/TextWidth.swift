import Torrent

/// Measures and fits text for a terminal.
extension String {
    /// The number of terminal columns that the text takes. Colours (``Colour``) take none.
    package var columns: Int {
        if hasNone(where: { $0 > 0x7f || $0 == 0x1b }) { return utf8.count }
        if unicodeScalars.allSatisfy(\.isSimple) { return unicodeScalars.count }
        var total = 0
        forEachCharacter { character, isColour in total += isColour ? 0 : character.columns }
        return total
    }

    /// The longest prefix of whole characters that fits in `width` columns, with `…` at the end if the text is cut.
    package func fitted(_ width: Int) -> String {
        guard columns > width else { return self }
        guard width > 0 else { return "" }
        var text = ""
        var used = 1
        // The colours after the cut are kept, because the last of them ends the colour.
        forEachCharacter { character, isColour in
            if !isColour { used += character.columns }
            if isColour || used <= width { text.append(character) }
        }
        return text + "…"
    }

    private func forEachCharacter(_ body: (Character, _ isColour: Bool) -> Void) {
        var isColour = false
        for character in self {
            if character == "\u{1b}" { isColour = true }
            body(character, isColour)
            if isColour, character == "m" { isColour = false }
        }
    }

    /// The text in lines of at most `width` columns, broken at spaces. Lines after the first begin with `indent`
    /// spaces. A longer word has a line of its own, so that a path can be copied.
    package func wrapped(_ width: Int, indent: Int) -> String {
        guard columns > width else { return self }
        let indent = String(repeating: " ", count: indent * 2 < width ? indent : min(indent, 2))
        return split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var lines: [String] = []
            var current = ""
            // Spaces at the beginning belong to the first word.
            let margin = line.prefix { $0 == " " }
            for (number, word) in line.dropFirst(margin.count).split(separator: " ", omittingEmptySubsequences: false)
                .enumerated()
            {
                let longer = number == 0 ? margin + word : "\(current) \(word)"
                if number == 0 || word.isEmpty || String(longer).columns <= width {
                    current = String(longer)
                } else {
                    lines.append(current)
                    current = indent + word
                }
            }
            return (lines + [current]).map { $0.trimmingSpaces }.joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private var trimmingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
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
