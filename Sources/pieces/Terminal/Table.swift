import System
import Torrent

/// Rows of text in columns that are as wide as their content. On a narrow terminal, one column is cut.
///
/// A list of a hundred thousand torrents has nine hundred thousand cells, so their text is one array of bytes, and a
/// cell is four bytes more: fresh memory costs more time than what is written there.
package struct Table {
    package struct Column {
        let title: String
        let isRight: Bool

        package static func left(_ title: String) -> Column { Column(title: title, isRight: false) }
        package static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
    }

    /// A cell whose width in terminal columns isn't the number of its bytes: it has colours, or is not plain ASCII.
    private struct Odd {
        let cell: Int
        let width: Int
    }

    /// Whole rows.
    private struct Rows {
        /// The number of bytes of each cell, row by row.
        var lengths: [UInt32] = []
        /// In the order of the cells.
        var odd: [Odd] = []
        var bytes: [UInt8] = []

        /// Ends the cell whose bytes begin at `start`.
        mutating func endCell(_ start: Int, width: Int) {
            let length = bytes.count - start
            if width != length { odd.append(Odd(cell: lengths.count, width: width)) }
            lengths.append(UInt32(length))
        }
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
    /// Bytes of the cells of a row.
    private static let usualLength = 80

    private let columns: [Column]
    private let flexible: Int
    private let droppable: [Int]
    private let lastDroppable: [Int]
    /// Whether a column has any text below its title.
    private var hasText: [Bool]
    /// The width of the widest cell in each column.
    private var widths: [Int]
    /// The titles, and the rows of other tables that were appended.
    private var above: [Rows]
    private var rows = Rows()
    /// The column of the next cell.
    private var column = 0

    /// `flexible` is the index of the column that is cut if the table is too wide. `droppable` are the columns that are
    /// dropped before the flexible column becomes unreadable, least important first; those without any text go first.
    /// `lastDroppable` are the columns that are dropped only if the rows would be wider than the terminal otherwise.
    package init(_ columns: [Column], flexible: Int, droppable: [Int] = [], lastDroppable: [Int] = []) {
        self.columns = columns
        self.flexible = flexible
        self.droppable = droppable
        self.lastDroppable = lastDroppable
        hasText = [Bool](repeating: false, count: columns.count)
        widths = columns.map(\.title.columns)
        var titles = Rows()
        for (column, width) in zip(columns, widths) {
            titles.bytes.append(contentsOf: column.title.utf8)
            titles.endCell(titles.bytes.count - column.title.utf8.count, width: width)
        }
        above = [titles]
    }

    /// Appends the rows of a table with the same columns.
    package mutating func append(_ other: Table) {
        precondition(column == 0 && other.column == 0 && columns.count == other.columns.count)
        above.append(rows)
        above += other.above.dropFirst()
        rows = other.rows
        for column in columns.indices {
            hasText[column] = hasText[column] || other.hasText[column]
            widths[column] = max(widths[column], other.widths[column])
        }
    }

    /// Reserves memory for so many rows, because memory that grows is copied.
    mutating func reserve(rows count: Int) {
        rows.lengths.reserveCapacity(count * columns.count)
        rows.bytes.reserveCapacity(count * Self.usualLength)
    }

    package mutating func add(_ row: [String]) {
        precondition(row.count == columns.count)
        for text in row { cell(text) }
    }

    /// Appends the next cell of the row.
    package mutating func cell(_ text: String) {
        let start = rows.bytes.count
        let isPlain = text.utf8.withContiguousStorageIfAvailable { text in
            rows.bytes.append(contentsOf: text)
            return text.hasNone { $0 > 0x7f || $0 == 0x1b }
        }
        if isPlain == nil { rows.bytes.append(contentsOf: text.utf8) }
        endCell(start, width: isPlain == true ? rows.bytes.count - start : text.columns)
    }

    /// Appends a cell without text.
    mutating func emptyCell() { endCell(rows.bytes.count, width: 0) }

    /// Appends the next cell of the row: the text as ``String/printable`` has it.
    mutating func cell(printing text: String) {
        let start = rows.bytes.count
        let isPlain = text.utf8.withContiguousStorageIfAvailable { text in
            guard text.isPrintableASCII() else { return false }
            rows.bytes.append(contentsOf: text)
            return true
        }
        guard isPlain == true else { return cell(text.printable) }
        endCell(start, width: rows.bytes.count - start)
    }

    /// Appends the next cell of the row; `write` must append only ASCII.
    package mutating func cell(ascii write: (inout [UInt8]) -> Void) {
        let start = rows.bytes.count
        write(&rows.bytes)
        endCell(start, width: rows.bytes.count - start)
    }

    /// The table with its titles; every line ends with a line feed. `width` is the terminal's width, or `nil` if
    /// nothing has to be cut.
    package func text(width: Int?) -> String { String(decoding: parts(width: width).joined, as: UTF8.self) }

    /// The same text as ``text(width:)`` in parts, because a long one is written by several cores.
    func parts(width: Int?) -> [KeptText] {
        precondition(column == 0, "the last row is not whole")
        let fit = fit(width)
        let blocks = above + [rows]
        let store = TextStore()
        return Parallel.map(blocks.count) { write(blocks[$0], fit, store) }
    }

    private func write(_ rows: Rows, _ fit: Fit, _ store: TextStore) -> KeptText {
        let widths = fit.widths
        let isDropped = columns.indices.map { fit.dropped.contains($0) }
        let total = widths.reduce(0, +) + Self.gap * (columns.count - 1)
        // The last column isn't padded, because one of its cells may be longer than all others together.
        var text = TextBuffer(
            capacity: 1 + rows.bytes.count
                + rows.lengths.count / columns.count * (total - widths[columns.count - 1] + 1))
        let isRight = columns.map(\.isRight)
        rows.bytes.withUnsafeBufferPointer { bytes in
            var (start, odd) = (0, 0)
            var nextOdd = rows.odd.first?.cell
            for first in stride(from: 0, to: rows.lengths.count, by: widths.count) {
                // Spaces are written only if text follows, so that no line ends with spaces.
                var spaces = 0
                for column in widths.indices {
                    let cell = UnsafeBufferPointer(rebasing: bytes[start..<start + Int(rows.lengths[first + column])])
                    start += cell.count
                    var width = cell.count
                    if nextOdd == first + column {
                        width = rows.odd[odd].width
                        odd += 1
                        nextOdd = odd < rows.odd.count ? rows.odd[odd].cell : nil
                    }
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

    /// The columns as they are written in a terminal of this width.
    private func fit(_ width: Int?) -> Fit {
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

    /// Ends the cell whose bytes begin at `start`.
    private mutating func endCell(_ start: Int, width: Int) {
        if width > 0 { hasText[column] = true }
        rows.endCell(start, width: width)
        widths[column] = max(widths[column], width)
        column = column + 1 == columns.count ? 0 : column + 1
    }

    private static func fitted(_ cell: UnsafeBufferPointer<UInt8>, _ width: Int) -> String {
        String(decoding: cell, as: UTF8.self).fitted(width)
    }
}
