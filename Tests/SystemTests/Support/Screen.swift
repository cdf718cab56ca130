import Foundation

/// What a terminal shows of the bytes that were written to it, as far as this program uses one (ECMA-48: CPL, EL, ED).
struct Screen {
    private(set) var lines: [String]
    /// Lines that left the screen at its top.
    private(set) var scrolled: [String] = []
    /// How often a part of the screen was erased that is more than a line.
    private(set) var erasures = 0
    /// What was written from one way up to the next.
    private(set) var drawings: [String] = []
    private var row = 0
    private var column = 0
    private let columns: Int

    init(_ text: String, columns: Int, rows: Int) {
        self.columns = columns
        lines = Array(repeating: "", count: rows)
        var rest = Substring(text)
        while let first = rest.unicodeScalars.first {
            if first == "\u{1b}", let match = rest.prefixMatch(of: /\u{1b}\[(\d*)([A-Z])/) {
                control(match.output.2, Int(match.output.1) ?? 1)
                rest = rest[match.range.upperBound...]
            } else {
                rest.unicodeScalars.removeFirst()
                write(first)
            }
        }
    }

    private mutating func control(_ kind: Substring, _ count: Int) {
        switch kind {
        case "F":
            row = max(0, row - count)
            column = 0
            drawings.append("")
        case "K": lines[row] = String(lines[row].prefix(column))
        default: erasures += 1
        }
    }

    private mutating func write(_ scalar: Unicode.Scalar) {
        if !drawings.isEmpty { drawings[drawings.count - 1].unicodeScalars.append(scalar) }
        switch scalar {
        case "\r": column = 0
        case "\n": next()
        default:
            if column == columns {
                column = 0
                next()
            }
            let line = lines[row].padding(toLength: max(column, lines[row].count), withPad: " ", startingAt: 0)
            lines[row] = line.prefix(column) + String(scalar) + line.dropFirst(column + 1)
            column += 1
        }
    }

    private mutating func next() {
        row += 1
        guard row == lines.count else { return }
        row -= 1
        scrolled.append(lines.removeFirst())
        lines.append("")
    }
}
