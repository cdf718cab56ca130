/// Rows of text in columns that are as wide as they need to be; one of them gives way on a narrow terminal.
///
/// A list of ten thousand torrents has ninety thousand cells, so they lie one behind the other in one run of bytes.
struct Table {
    struct Column {
        let title: String
        let isRight: Bool

        static func left(_ title: String) -> Column { Column(title: title, isRight: false) }
        static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
    }

    private struct Cell {
        /// Where the cell's bytes end; they begin where those of the one before it end.
        let end: Int
        /// Columns of the terminal that it takes.
        let width: Int
    }

    /// Columns of the flexible one, at least.
    private static let narrowest = 8
    /// The same, while there are columns that can be left out.
    private static let readable = 20
    private static let gap = 2

    private let columns: [Column]
    private let flexible: Int
    private let droppable: [Int]
    /// Of the widest cell of each column.
    private var widths: [Int]
    /// Row after row, the titles first.
    private var cells: [Cell] = []
    private var bytes: [UInt8] = []
    /// The column of the next cell.
    private var column = 0

    /// `flexible` is the number of the column that is cut when the table is too wide, and `droppable` are those that
    /// are left out before it gets too narrow to be read, the least important ones first.
    init(_ columns: [Column], flexible: Int, droppable: [Int] = []) {
        self.columns = columns
        self.flexible = flexible
        self.droppable = droppable
        widths = [Int](repeating: 0, count: columns.count)
        add(columns.map(\.title))
    }

    mutating func add(_ row: [String]) {
        precondition(row.count == columns.count)
        for text in row { cell(text) }
    }

    /// The row's next cell.
    mutating func cell(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        endCell(width: text.columns)
    }

    /// The row's next cell, of ASCII that `write` appends.
    mutating func cell(ascii write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        write(&bytes)
        endCell(width: bytes.count - start)
    }

    /// The table with its titles, each line ended; `width` is that of the terminal, or `nil` where nothing is to be
    /// cut.
    func text(width: Int?) -> String {
        var text: [UInt8] = []
        write(to: &text, width: width)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends what ``text(width:)`` answers.
    func write(to text: inout [UInt8], width: Int?) {
        precondition(column == 0, "the last row is not whole")
        var widths = widths
        var total = widths.reduce(0, +) + Self.gap * (columns.count - 1)
        var dropped: Set<Int> = []
        if let width {
            for column in droppable where widths[flexible] - (total - width) < min(Self.readable, widths[flexible]) {
                dropped.insert(column)
                total -= widths[column] + Self.gap
            }
            if total > width { widths[flexible] = max(Self.narrowest, widths[flexible] - (total - width)) }
        }
        // Nothing is written behind the last column: one cell there may be as long as all others together.
        text.reserveCapacity(
            text.count + bytes.count + cells.count / columns.count * (total - widths[columns.count - 1] + 1))
        var start = 0
        for first in stride(from: 0, to: cells.count, by: columns.count) {
            // Spaces are written when something follows them, so that there are none at the end of a line.
            var spaces = 0
            for column in columns.indices {
                let cell = cells[first + column]
                guard !dropped.contains(column) else {
                    start = cell.end
                    continue
                }
                let cut = cell.width > widths[column] ? fitted(bytes[start..<cell.end], widths[column]) : nil
                // A wide character that doesn't fit leaves a column.
                let rest = widths[column] - (cut?.columns ?? cell.width)
                if columns[column].isRight { spaces += rest }
                if cell.width > 0 {
                    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
                    if let cut {
                        text.append(contentsOf: cut.utf8)
                    } else {
                        text.append(contentsOf: bytes[start..<cell.end])
                    }
                    spaces = 0
                }
                spaces += (columns[column].isRight ? 0 : rest) + Self.gap
                start = cell.end
            }
            text.append(UInt8(ascii: "\n"))
        }
    }

    private mutating func endCell(width: Int) {
        cells.append(Cell(end: bytes.count, width: width))
        widths[column] = max(widths[column], width)
        column = column + 1 == columns.count ? 0 : column + 1
    }

    private func fitted(_ cell: ArraySlice<UInt8>, _ width: Int) -> String {
        String(decoding: cell, as: UTF8.self).fitted(width)
    }
}
