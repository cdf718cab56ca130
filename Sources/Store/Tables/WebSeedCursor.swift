/// The numbers of web seeds, in the order of the torrents.
struct WebSeedCursor: ~Copyable {
    private struct Seed: Row {
        static let columns = "removed"
        let isRemoved: Bool

        init(_ row: Statement) throws(StoreError) { isRemoved = try row.next() }
    }

    private var rows: TorrentCursor<Seed>

    init(_ connection: Connection, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        rows = try TorrentCursor(connection, table: "web_seed", range)
    }

    mutating func count(of id: TorrentID) throws(StoreError) -> Int {
        var count = 0
        try rows.forEach(of: id) { if !$0.isRemoved { count += 1 } }
        return count
    }
}
