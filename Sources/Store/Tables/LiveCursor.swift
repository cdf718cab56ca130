/// A running engine's reports on its torrents, in their order.
struct LiveCursor: ~Copyable {
    private var rows: TorrentCursor<LiveRow>

    init(_ connection: Connection, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        rows = try TorrentCursor(connection, table: "live AS l", range)
    }

    mutating func row(of id: TorrentID) throws(StoreError) -> LiveRow? {
        var found: LiveRow?
        try rows.forEach(of: id) { found = $0 }
        return found
    }
}
