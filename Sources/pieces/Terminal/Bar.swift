package import Torrent

/// Draws progress as a line of characters.
package enum Bar {
    /// A bar that is `width` columns wide.
    package static func text(_ part: Int64, of whole: Int64, width: Int, unicode: Bool = Terminal.shared.speaksUnicode)
        -> String
    {
        let share = whole > 0 ? min(max(Double(part) / Double(whole), 0), 1) : 1
        let halves = Int(share * Double(width * 2))
        let full = halves / 2
        let rest = width - full
        if unicode {
            guard rest > 0 else { return String(repeating: "━", count: width) }
            return String(repeating: "━", count: full) + (halves % 2 == 1 ? "╸" : "─")
                + String(repeating: "─", count: rest - 1)
        }
        guard rest > 0 else { return String(repeating: "=", count: width) }
        return String(repeating: "=", count: full) + (halves > 0 ? ">" : ".") + String(repeating: ".", count: rest - 1)
    }
}

/// Draws the pieces that are present as a line of characters.
package enum PieceMap {
    private static let shades: (unicode: [Character], ascii: [Character]) = (
        [" ", "░", "▒", "▓", "█"], [" ", ".", ":", "+", "#"]
    )

    /// At most `width` characters, each for a range of pieces: blank if none is present, full if all are.
    package static func text(_ have: Bitfield, width: Int, unicode: Bool = Terminal.shared.speaksUnicode) -> String {
        guard have.count > 0, width > 0 else { return "" }
        let cells = min(width, have.count)
        var counts = [Int](repeating: 0, count: cells)
        for piece in have.pieces { counts[piece.value * cells / have.count] += 1 }
        let shades = unicode ? shades.unicode : shades.ascii
        var text = ""
        for cell in 0..<cells {
            // This cell stands for the pieces n with n * cells / count == cell.
            let first = (cell * have.count + cells - 1) / cells
            let end = ((cell + 1) * have.count + cells - 1) / cells
            let size = end - first
            let shade = counts[cell] == 0 ? 0 : counts[cell] == size ? 4 : 1 + counts[cell] * 3 / (size + 1)
            text.append(shades[shade])
        }
        return text
    }
}
