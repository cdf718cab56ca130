/// The live lines at the bottom of a terminal, right above the cursor, and the bytes that redraw them (ECMA-48: CPL,
/// EL).
///
/// A change overwrites only the lines that differ. Nothing but the rest of a line is ever erased, because some
/// terminals keep an erased screen in their history.
package struct LiveBlock {
    private static let erasure = Array("\u{1b}[K".utf8)
    private static let endOfLine = erasure + [UInt8(ascii: "\n")]

    private var lines: [String] = []
    /// The terminal's width when the block was drawn.
    private var width = 0

    package init() {}

    package var isEmpty: Bool { lines.isEmpty }

    /// Returns the bytes that replace the block with `new`; empty if nothing has changed. Each line must be shorter
    /// than the `width` of the terminal, and all of them must fit above its last row.
    package mutating func show(_ new: [String], width: Int, height: Int) -> [UInt8] {
        guard new != lines || width != self.width else { return [] }
        defer { (lines, self.width) = (new, width) }
        guard width == self.width, let first = zip(lines, new).enumerated().first(where: { $1.0 != $1.1 })?.offset
        else {
            let isLonger = width == self.width && zip(lines, new).allSatisfy { $0 == $1 }
            let kept = isLonger ? min(lines.count, new.count) : 0
            let old = isLonger ? lines.count : rows(width, height)
            return Self.up(old - kept) + drawn(new[kept...], over: old - kept, width)
        }
        var bytes = Self.up(lines.count - first)
        for (index, line) in new.enumerated().dropFirst(first) {
            let isKept = index < lines.count && lines[index] == line
            bytes += isKept ? [UInt8(ascii: "\n")] : Array(line.utf8) + Self.endOfLine
        }
        return bytes + ending(lines.count - new.count)
    }

    /// Returns the bytes that print complete lines above the block: first those that go to the start of the block, then
    /// the lines, then the block again. The lines may go to another stream of the same terminal.
    package mutating func printing(_ text: [UInt8], width: Int, height: Int) -> (
        start: [UInt8], text: [UInt8], block: [UInt8]
    ) {
        let old = rows(width, height)
        var bytes: [UInt8] = []
        var written = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            let columns = String(decoding: line, as: UTF8.self).columns
            bytes += line
            // After a full row, the cursor is still on the last character, which EL would erase.
            if columns > 0, columns % width == 0 { bytes.append(UInt8(ascii: "\n")) } else { bytes += Self.endOfLine }
            written += Self.rows(columns, width)
        }
        self.width = width
        return (Self.up(old), bytes, drawn(lines[...], over: old - written, width))
    }

    /// Draws lines from the cursor's row on, and clears the rest of the `old` rows.
    private func drawn(_ lines: ArraySlice<String>, over old: Int, _ width: Int) -> [UInt8] {
        let new = lines.reduce(0) { $0 + Self.rows($1.columns, width) }
        return lines.flatMap { Array($0.utf8) + Self.endOfLine } + ending(old - new)
    }

    /// Clears the `rest` rows below, and the cursor's row, which may have text that was typed, such as the ^C of an
    /// interruption.
    private func ending(_ rest: Int) -> [UInt8] {
        (rest > 0 ? Array(repeatElement(Self.endOfLine, count: rest).joined()) : []) + Self.erasure + Self.up(rest)
    }

    /// The rows that the block takes now; a terminal that became narrower has wrapped its lines.
    private func rows(_ width: Int, _ height: Int) -> Int {
        min(lines.reduce(0) { $0 + Self.rows($1.columns, width) }, max(0, height - 1))
    }

    private static func up(_ rows: Int) -> [UInt8] { rows > 0 ? Array("\u{1b}[\(rows)F".utf8) : [] }
    private static func rows(_ columns: Int, _ width: Int) -> Int { max(1, (columns + width - 1) / max(1, width)) }
}
