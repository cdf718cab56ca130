/// The trackers' counts of the swarms, in the order of the torrents.
struct ScrapeCursor: ~Copyable {
    private struct Counts: Row {
        static let columns = "seeders, leechers"
        let seeders: Int?
        let leechers: Int?

        init(_ row: Statement) throws(StoreError) {
            seeders = try row.next()
            leechers = try row.next()
        }
    }

    private var rows: TorrentCursor<Counts>

    init(_ connection: Connection, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        rows = try TorrentCursor(connection, table: "tracker", range)
    }

    mutating func scrape(of id: TorrentID) throws(StoreError) -> Scrape {
        var scrape = Scrape()
        try rows.forEach(of: id) { scrape.include(seeders: $0.seeders, leechers: $0.leechers) }
        return scrape
    }
}
