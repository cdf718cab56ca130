/// Rows of text in columns that are as wide as they need to be; one of them gives way on a narrow terminal.
struct Table {
    struct Column {
        let title: String
        let isRight: Bool

        static func left(_ title: String) -> Column { Column(title: title, isRight: false) }
        static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
    }

    /// Columns of the flexible one, at least.
    private static let narrowest = 8
    private static let gap = "  "

    private let columns: [Column]
    private let flexible: Int
    private var rows: [[String]] = []

    /// `flexible` is the number of the column that is cut when the table is too wide.
    init(_ columns: [Column], flexible: Int) {
        self.columns = columns
        self.flexible = flexible
    }

    var isEmpty: Bool { rows.isEmpty }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count)
        rows.append(cells)
    }

    /// The table with its titles, each line ended; `width` is that of the terminal, or `nil` where nothing is to be cut.
    func text(width: Int?) -> String {
        var widths = columns.map(\.title.columns)
        for row in rows {
            for (n, cell) in row.enumerated() { widths[n] = max(widths[n], cell.columns) }
        }
        let total = widths.reduce(0, +) + Self.gap.count * (columns.count - 1)
        if let width, total > width { widths[flexible] = max(Self.narrowest, widths[flexible] - (total - width)) }
        var text = ""
        append(columns.map(\.title), widths, to: &text)
        for row in rows { append(row, widths, to: &text) }
        return text
    }

    private func append(_ cells: [String], _ widths: [Int], to text: inout String) {
        // Empty cells at the end of a line leave no spaces there.
        let last = cells.lastIndex { !$0.isEmpty } ?? 0
        for (n, cell) in cells[...last].enumerated() {
            if n > 0 { text += Self.gap }
            let fitting = cell.fitted(widths[n])
            text += n == last && !columns[n].isRight ? fitting : fitting.padded(widths[n], right: columns[n].isRight)
        }
        text += "\n"
    }
}
