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

    /// The minimum width of the flexible column.
    private static let narrowest = 8
    /// The minimum width of the flexible column while other columns can still be dropped.
    private static let readable = 20
    private static let gap = 2

    private let columns: [Column]
    private let flexible: Int
    private let droppable: [Int]
    private let lastDroppable: [Int]
    /// Whether a column has any text below its title.
    private var hasText: [Bool]
    /// The width of the widest cell in each column.
    private var widths: [Int]
    /// The number of bytes of each cell, row by row, starting with the titles.
    private var lengths: [UInt32] = []
    /// In the order of the cells.
    private var odd: [Odd] = []
    private var bytes: [UInt8] = []
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
        widths = [Int](repeating: 0, count: columns.count)
        add(columns.map(\.title))
    }

    package mutating func add(_ row: [String]) {
        precondition(row.count == columns.count)
        for text in row { cell(text) }
    }

    /// Appends the next cell of the row.
    package mutating func cell(_ text: String) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        endCell(start, width: text.columns)
    }

    /// Appends the next cell of the row; `write` must append only ASCII.
    package mutating func cell(ascii write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        write(&bytes)
        endCell(start, width: bytes.count - start)
    }

    /// The table with its titles; every line ends with a line feed. `width` is the terminal's width, or `nil` if
    /// nothing has to be cut.
    package func text(width: Int?) -> String {
        var text: [UInt8] = []
        write(to: &text, width: width)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the same text as ``text(width:)``.
    func write(to text: inout [UInt8], width: Int?) {
        precondition(column == 0, "the last row is not whole")
        let (widths, dropped) = fit(width)
        let isDropped = columns.indices.map { dropped.contains($0) }
        let total = widths.reduce(0, +) + Self.gap * (columns.count - 1)
        // The last column isn't padded, because one of its cells may be longer than all others together.
        text.reserveCapacity(
            text.count + bytes.count + lengths.count / columns.count * (total - widths[columns.count - 1] + 1))
        var start = 0
        var rest = odd[...]
        for first in stride(from: 0, to: lengths.count, by: columns.count) {
            // Spaces are written only if text follows, so that no line ends with spaces.
            var spaces = 0
            for column in columns.indices {
                let end = start + Int(lengths[first + column])
                defer { start = end }
                let isOdd = rest.first?.cell == first + column
                let width = isOdd ? rest.removeFirst().width : end - start
                if isDropped[column] { continue }
                let cut = width > widths[column] ? fitted(bytes[start..<end], widths[column]) : nil
                // The width is one column smaller if a wide character didn't fit.
                let padding = widths[column] - (cut?.columns ?? width)
                if columns[column].isRight { spaces += padding }
                if width > 0 {
                    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
                    if let cut {
                        text.append(contentsOf: cut.utf8)
                    } else {
                        text.append(contentsOf: bytes[start..<end])
                    }
                    spaces = 0
                }
                spaces += (columns[column].isRight ? 0 : padding) + Self.gap
            }
            text.append(UInt8(ascii: "\n"))
        }
    }

    /// The columns' widths in a terminal of this width, and the columns that are dropped.
    private func fit(_ width: Int?) -> (widths: [Int], dropped: Set<Int>) {
        var widths = widths
        var dropped: Set<Int> = []
        guard let width else { return (widths, dropped) }
        var total = widths.reduce(0, +) + Self.gap * (columns.count - 1)
        func drop(_ candidates: [Int], keeping least: Int) {
            for column in candidates
            where !dropped.contains(column) && widths[flexible] - (total - width) < min(least, widths[flexible]) {
                dropped.insert(column)
                total -= widths[column] + Self.gap
            }
        }
        drop((droppable + lastDroppable).filter { !hasText[$0] }, keeping: Self.readable)
        drop(droppable, keeping: Self.readable)
        drop(lastDroppable, keeping: Self.narrowest)
        if total > width { widths[flexible] = max(Self.narrowest, widths[flexible] - (total - width)) }
        return (widths, dropped)
    }

    /// Ends the cell whose bytes begin at `start`.
    private mutating func endCell(_ start: Int, width: Int) {
        // The first row are the titles.
        if width > 0, lengths.count >= columns.count { hasText[column] = true }
        let length = bytes.count - start
        if width != length { odd.append(Odd(cell: lengths.count, width: width)) }
        lengths.append(UInt32(length))
        widths[column] = max(widths[column], width)
        column = column + 1 == columns.count ? 0 : column + 1
    }

    private func fitted(_ cell: ArraySlice<UInt8>, _ width: Int) -> String {
        String(decoding: cell, as: UTF8.self).fitted(width)
    }
}
