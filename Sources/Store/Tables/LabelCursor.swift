/// The labels of torrents, in the order of the torrents.
struct LabelCursor: ~Copyable {
    private struct Label: Row {
        static let columns = "name"
        let name: String

        init(_ row: Statement) throws(StoreError) { name = try row.next() }
    }

    private var rows: TorrentCursor<Label>

    init(_ connection: Connection, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        rows = try TorrentCursor(connection, table: "label", range)
    }

    mutating func names(of id: TorrentID) throws(StoreError) -> [String] {
        var names: [String] = []
        try rows.forEach(of: id) { names.append($0.name) }
        return names
    }
}
