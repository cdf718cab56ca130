import System
import Torrent

/// Rows of text in columns that are as wide as their content. On a narrow terminal, one column is cut.
///
/// A list of a hundred thousand torrents has nine hundred thousand cells, so they are written one after another into
/// one memory: fresh memory costs more time than what is written there.
package struct Table: ~Copyable {
    package struct Column: Sendable {
        let title: String
        let isRight: Bool

        package static func left(_ title: String) -> Column { Column(title: title, isRight: false) }
        package static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
    }

    /// Rows of a table, for a table with the same columns.
    package struct Part: Sendable {
        /// The cells, row by row: of each a ``Head``, the text, and the width, if the head says so.
        fileprivate let cells: [UInt8]
        fileprivate let rows: Int
        /// The width of the widest cell in each column.
        fileprivate let widths: [Int]
    }

    /// What stands before the text of a cell.
    private struct Head {
        static let length = MemoryLayout<UInt32>.size

        let bits: UInt32

        /// The width in terminal columns is written behind the text if it isn't the number of bytes: the text has
        /// colours, or is not plain ASCII.
        init(length: Int, hasWidth: Bool) { bits = UInt32(length) << 1 | (hasWidth ? 1 : 0) }
        init(bits: UInt32) { self.bits = bits }

        var length: Int { Int(bits >> 1) }
        var hasWidth: Bool { bits & 1 != 0 }
    }

    /// How the columns are written.
    private struct Fit {
        var widths: [Int]
        var dropped: Set<Int> = []
    }

    /// The minimum width of the flexible column.
    private static let narrowest = 8
    /// The minimum width of the flexible column while other columns can still be dropped.
    private static let readable = 20
    private static let gap = 2
    /// Bytes of the cells of a row, with their heads.
    private static let usualLength = 120

    private let columns: [Column]
    private let flexible: Int
    private let droppable: [Int]
    private let lastDroppable: [Int]
    /// The rows of parts that were appended.
    private var above: [Part] = []
    /// The cells after them; see ``Part/cells``.
    private var cells: TextBuffer
    private var rows = 0
    /// The width of the widest cell in each column, without the titles.
    private var widths: [Int]
    /// The column of the next cell.
    private var column = 0

    /// `flexible` is the index of the column that is cut if the table is too wide. `droppable` are the columns that are
    /// dropped before the flexible column becomes unreadable, least important first; those without any text go first.
    /// `lastDroppable` are the columns that are dropped only if the rows would be wider than the terminal otherwise.
    /// Memory is reserved for `expectedRows`, because memory that grows is copied.
    package init(
        _ columns: [Column], flexible: Int, droppable: [Int] = [], lastDroppable: [Int] = [], expectedRows: Int = 1
    ) {
        self.columns = columns
        self.flexible = flexible
        self.droppable = droppable
        self.lastDroppable = lastDroppable
        widths = [Int](repeating: 0, count: columns.count)
        cells = TextBuffer(capacity: max(1, expectedRows) * Self.usualLength)
    }

    /// The rows as a part of another table.
    package var part: Part {
        precondition(column == 0, "the last row is not whole")
        return Part(cells: Array(cells.bytes), rows: rows, widths: widths)
    }

    /// Appends the rows of a table with the same columns; only before the table has rows of its own.
    package mutating func append(_ part: Part) {
        precondition(rows == 0 && column == 0 && columns.count == part.widths.count)
        above.append(part)
        for column in columns.indices { widths[column] = max(widths[column], part.widths[column]) }
    }

    package mutating func add(_ row: [String]) {
        precondition(row.count == columns.count)
        for text in row { cell(text) }
    }

    /// Appends the next cell of the row.
    package mutating func cell(_ text: String) {
        let head = cells.reserveNumber()
        let isPlain = text.utf8.withContiguousStorageIfAvailable { text in
            cells.append(text)
            return text.hasNone { $0 > 0x7f || $0 == 0x1b }
        }
        if isPlain == nil { cells.append(text.utf8) }
        endCell(head, width: isPlain == true ? nil : text.columns)
    }

    /// Appends a cell without text.
    mutating func emptyCell() { endCell(cells.reserveNumber(), width: nil) }

    /// Appends the next cell of the row: the text as ``String/printable`` has it.
    mutating func cell(printing text: String) {
        let head = cells.reserveNumber()
        let isPlain = text.utf8.withContiguousStorageIfAvailable { text in
            guard text.isPrintableASCII() else { return false }
            cells.append(text)
            return true
        }
        guard isPlain != true else { return endCell(head, width: nil) }
        let text = text.printable
        cells.append(text.utf8)
        endCell(head, width: text.columns)
    }

    /// Appends the number as the next cell of the row; `nil` as a cell without text.
    mutating func cell(number: Int64?) {
        guard let number else { return emptyCell() }
        cell(room: TextBuffer.longestNumber) { TextBuffer.write(number, to: $0) }
    }

    /// Appends a number of bytes as the next cell of the row; `nil` as a cell without text.
    package mutating func cell(size: Int64?) {
        guard let size else { return emptyCell() }
        cell(room: Format.longest) { Format.bytes(size, to: $0) }
    }

    /// Appends a number of bytes per second as the next cell of the row; `nil` as a cell without text.
    mutating func cell(rate: Int64?) {
        guard let rate else { return emptyCell() }
        cell(room: Format.longest) { Format.rate(rate, to: $0) }
    }

    /// Appends a percentage as the next cell of the row.
    mutating func cell(percent part: Int64, of whole: Int64) {
        cell(room: Format.longest) { Format.percent(part, of: whole, to: $0) }
    }

    /// Appends what `write` writes, plain ASCII, as the next cell of the row. Its result is the number of bytes.
    @inline(__always)
    private mutating func cell(room: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) {
        let head = cells.reserveNumber()
        cells.advance(write(cells.place(room: room)))
        endCell(head, width: nil)
    }

    /// The table with its titles; every line ends with a line feed. `width` is the terminal's width, or `nil` if
    /// nothing has to be cut.
    package func text(width: Int?) -> String { String(decoding: parts(width: width).joined, as: UTF8.self) }

    /// The same text as ``text(width:)`` in parts, because a long one is written by several cores.
    func parts(width: Int?) -> [KeptText] {
        let fit = fit(width)
        let parts = [titles] + above + [part]
        let store = TextStore()
        let isRight = columns.map(\.isRight)
        return Parallel.map(parts.count) { Self.write(parts[$0], fit, isRight, store) }
    }

    private var titles: Part {
        var table = Table(columns, flexible: flexible)
        table.add(columns.map(\.title))
        return table.part
    }

    private static func write(_ part: Part, _ fit: Fit, _ isRight: [Bool], _ store: TextStore) -> KeptText {
        let widths = fit.widths
        let isDropped = widths.indices.map { fit.dropped.contains($0) }
        let total = widths.reduce(0, +) + Self.gap * (widths.count - 1)
        // The last column isn't padded, because one of its cells may be longer than all others together.
        var text = TextBuffer(
            capacity: 1 + part.cells.count + part.rows * (total - widths[widths.count - 1] + 1))
        part.cells.withUnsafeBytes { cells in
            var place = 0
            for _ in 0..<part.rows {
                // Spaces are written only if text follows, so that no line ends with spaces.
                var spaces = 0
                for column in widths.indices {
                    let (cell, width) = Self.cell(cells, &place)
                    if isDropped[column] { continue }
                    let cut = width > widths[column] ? Self.fitted(cell, widths[column]) : nil
                    // The width is one column smaller if a wide character didn't fit.
                    let padding = widths[column] - (cut?.columns ?? width)
                    if isRight[column] { spaces += padding }
                    if width > 0 {
                        text.append(spaces: spaces)
                        if let cut { text.append(cut.utf8) } else { text.append(cell) }
                        spaces = 0
                    }
                    spaces += (isRight[column] ? 0 : padding) + Self.gap
                }
                text.append(UInt8(ascii: "\n"))
            }
        }
        return store.keep(text)
    }

    /// The cell at `place`, which moves on to the next.
    @inline(__always)
    private static func cell(_ cells: UnsafeRawBufferPointer, _ place: inout Int) -> (UnsafeBufferPointer<UInt8>, Int) {
        let head = Head(bits: cells.loadUnaligned(fromByteOffset: place, as: UInt32.self))
        let start = place + Head.length
        place = start + head.length
        let text = UnsafeRawBufferPointer(rebasing: cells[start..<place]).assumingMemoryBound(to: UInt8.self)
        guard head.hasWidth else { return (text, text.count) }
        let width = Int(cells.loadUnaligned(fromByteOffset: place, as: UInt32.self))
        place += Head.length
        return (text, width)
    }

    /// The columns as they are written in a terminal of this width.
    private func fit(_ width: Int?) -> Fit {
        let (hasText, widths) = (widths.map { $0 > 0 }, zip(columns, widths).map { max($0.title.columns, $1) })
        var fit = Fit(widths: widths)
        guard let width else { return fit }
        var total = widths.reduce(0, +) + Self.gap * (columns.count - 1)
        func drop(_ candidates: [Int], keeping least: Int) {
            for column in candidates
            where !fit.dropped.contains(column) && widths[flexible] - (total - width) < min(least, widths[flexible]) {
                fit.dropped.insert(column)
                total -= widths[column] + Self.gap
            }
        }
        drop((droppable + lastDroppable).filter { !hasText[$0] }, keeping: Self.readable)
        drop(droppable, keeping: Self.readable)
        drop(lastDroppable, keeping: Self.narrowest)
        if total > width { fit.widths[flexible] = max(Self.narrowest, widths[flexible] - (total - width)) }
        return fit
    }

    /// Ends the cell whose head is at `head`; a cell without `width` is as wide as it has bytes.
    @inline(__always)
    private mutating func endCell(_ head: Int, width: Int?) {
        let length = cells.count - head - Head.length
        let hasWidth = width.map { $0 != length } ?? false
        let width = width ?? length
        cells.set(Head(length: length, hasWidth: hasWidth).bits, at: head)
        if hasWidth { cells.set(UInt32(width), at: cells.reserveNumber()) }
        if width > widths[column] { widths[column] = width }
        column += 1
        guard column == columns.count else { return }
        column = 0
        rows += 1
    }

    private static func fitted(_ cell: UnsafeBufferPointer<UInt8>, _ width: Int) -> String {
        String(decoding: cell, as: UTF8.self).fitted(width)
    }
}
