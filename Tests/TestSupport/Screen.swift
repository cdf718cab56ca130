/// What a terminal shows of the bytes that were written to it: a small emulator of the functions that this program uses
/// (ECMA-48: CUU, CUD, CNL, CPL, CHA, CUP, EL, ED, SGR).
package struct Screen {
    /// A row's cells; the second cell of a wide character is empty.
    private var cells: [[String]]
    /// Lines that left the screen at its top.
    package private(set) var scrolled: [String] = []
    /// How often a part of the screen was erased that is more than a line.
    package private(set) var erasures = 0
    /// Sequences that the emulator doesn't know.
    package private(set) var unknown: [String] = []
    /// What was written from one way up to the next.
    package private(set) var drawings: [String] = []
    /// How often a colour was switched on, and whether one is on.
    package private(set) var colours = 0
    package private(set) var isColoured = false
    /// The cursor's place.
    package private(set) var row = 0
    package private(set) var column = 0
    private let columns: Int

    package init(_ text: String = "", columns: Int, rows: Int) {
        self.columns = columns
        cells = Array(repeating: [], count: rows)
        feed(text)
    }

    /// The lines without the spaces at their ends.
    package var lines: [String] { cells.map(Self.text) }

    /// The lines up to the last one with text.
    package var shown: [String] {
        let lines = lines
        return Array(lines[..<((lines.lastIndex { !$0.isEmpty } ?? -1) + 1)])
    }

    package mutating func feed(_ text: String) {
        var rest = Substring(text)
        while let first = rest.unicodeScalars.first {
            if first == "\u{1b}" {
                guard let match = rest.prefixMatch(of: /\u{1b}\[([0-9;?]*)([A-Za-z])/) else {
                    unknown.append(String(rest.prefix(4)))
                    rest.unicodeScalars.removeFirst()
                    continue
                }
                control(match.output.2, String(match.output.1))
                rest = rest[match.range.upperBound...]
            } else {
                rest.unicodeScalars.removeFirst()
                write(first)
            }
        }
    }

    private mutating func control(_ kind: Substring, _ parameter: String) {
        let count = Int(parameter) ?? 1
        switch kind {
        case "A": row = max(0, row - count)
        case "B": row = min(cells.count - 1, row + count)
        case "E": (row, column) = (min(cells.count - 1, row + count), 0)
        case "F":
            (row, column) = (max(0, row - count), 0)
            drawings.append("")
        case "G": column = count - 1
        case "H": (row, column) = (0, 0)
        case "K" where parameter.isEmpty || parameter == "0":
            cells[row] = Array(cells[row].prefix(column))
        case "J": erasures += 1
        case "m":
            isColoured = !parameter.isEmpty && parameter != "0"
            if isColoured { colours += 1 }
        default: unknown.append("\(parameter)\(kind)")
        }
    }

    private mutating func write(_ scalar: Unicode.Scalar) {
        if !drawings.isEmpty { drawings[drawings.count - 1].unicodeScalars.append(scalar) }
        switch scalar {
        case "\r": column = 0
        case "\n":
            // The terminal's driver writes a carriage return with it (termios(3): ONLCR).
            column = 0
            next()
        default: put(scalar)
        }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        let width = Self.width(scalar)
        guard width > 0 else {
            if column > 0, column <= cells[row].count { cells[row][column - 1] += String(scalar) }
            return
        }
        // A full row wraps with the next character.
        if column + width > columns {
            column = 0
            next()
        }
        while cells[row].count < column + width { cells[row].append(" ") }
        cells[row][column] = String(scalar)
        if width == 2 { cells[row][column + 1] = "" }
        column += width
    }

    private mutating func next() {
        row += 1
        guard row == cells.count else { return }
        row -= 1
        scrolled.append(Self.text(cells.removeFirst()))
        cells.append([])
    }

    private static func text(_ cells: [String]) -> String {
        var text = cells.joined()
        while text.last == " " { text.removeLast() }
        return text
    }

    /// The columns of a character: two for the wide ones that tests write.
    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xff00...0xff60, 0x1f300...0x1f64f: 2
        default: scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }
}
