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
    private static let gap = 2

    private let columns: [Column]
    private let flexible: Int
    /// Row after row, the titles first, each with its width: a list of ten thousand torrents has ninety thousand of them.
    private var cells: [(text: String, width: Int)] = []

    /// `flexible` is the number of the column that is cut when the table is too wide.
    init(_ columns: [Column], flexible: Int) {
        self.columns = columns
        self.flexible = flexible
        add(columns.map(\.title))
    }

    mutating func add(_ row: [String]) {
        precondition(row.count == columns.count)
        for text in row { cells.append((text, text.columns)) }
    }

    /// The table with its titles, each line ended; `width` is that of the terminal, or `nil` where nothing is to be cut.
    func text(width: Int?) -> String {
        var widths = [Int](repeating: 0, count: columns.count)
        for start in stride(from: 0, to: cells.count, by: columns.count) {
            for n in widths.indices { widths[n] = max(widths[n], cells[start + n].width) }
        }
        let total = widths.reduce(0, +) + Self.gap * (columns.count - 1)
        if let width, total > width { widths[flexible] = max(Self.narrowest, widths[flexible] - (total - width)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(cells.count / columns.count * (total + 1))
        for start in stride(from: 0, to: cells.count, by: columns.count) {
            append(cells[start..<start + columns.count], widths, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func append(_ row: ArraySlice<(text: String, width: Int)>, _ widths: [Int], to bytes: inout [UInt8]) {
        // Spaces are written when something follows them, so that there are none at the end of a line.
        var spaces = 0
        for (n, cell) in zip(widths.indices, row) {
            let isCut = cell.width > widths[n]
            let rest = isCut ? 0 : widths[n] - cell.width
            if columns[n].isRight { spaces += rest }
            if cell.width > 0 {
                bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
                bytes.append(contentsOf: (isCut ? cell.text.fitted(widths[n]) : cell.text).utf8)
                spaces = 0
            }
            spaces += (columns[n].isRight ? 0 : rest) + Self.gap
        }
        bytes.append(UInt8(ascii: "\n"))
    }
}
