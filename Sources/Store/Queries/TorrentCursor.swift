/// Reads a table in the order of its torrents, alongside the torrents themselves: one scan, where a join would look up
/// each torrent.
struct TorrentCursor<Row>: ~Copyable {
    private let statement: Statement
    private let read: (Statement) throws(StoreError) -> Row
    /// The first row that was not delivered yet.
    private var next: (torrent: TorrentID, row: Row)?

    /// Begins with the rows of these torrents; `columns` are the columns that `read` reads.
    init(
        _ connection: Connection, table: String, columns: String, _ range: ClosedRange<TorrentID>,
        read: @escaping (Statement) throws(StoreError) -> Row
    ) throws(StoreError) {
        let statement = try connection.prepare(
            "SELECT torrent_id, \(columns) FROM \(table) WHERE torrent_id BETWEEN ? AND ? ORDER BY torrent_id")
        do throws(StoreError) {
            try statement.bind([range.lowerBound, range.upperBound])
            next = try Self.next(statement, read)
        } catch {
            statement.reset()
            throw error
        }
        self.statement = statement
        self.read = read
    }

    deinit { statement.reset() }

    /// Calls `body` with each row of the torrent. Torrents must be requested in ascending order, each once.
    mutating func forEach(of id: TorrentID, _ body: (Row) -> Void) throws(StoreError) {
        while let next, next.torrent <= id {
            // A row without a torrent is skipped.
            if next.torrent == id { body(next.row) }
            self.next = try Self.next(statement, read)
        }
    }

    private static func next(_ statement: Statement, _ read: (Statement) throws(StoreError) -> Row) throws(StoreError)
        -> (TorrentID, Row)?
    {
        while try statement.step() {
            let torrent: TorrentID = try statement.next()
            // A row with invalid values is skipped.
            if let row = try statement.sound(read) { return (torrent, row) }
        }
        return nil
    }
}

/// A running engine's reports on its torrents, in their order.
struct LiveCursor: ~Copyable {
    private var rows: TorrentCursor<LiveRow>

    init(_ connection: Connection, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        rows = try TorrentCursor(connection, table: "live AS l", columns: LiveRow.columns, range) {
            (row) throws(StoreError) in try LiveRow(row)
        }
    }

    mutating func row(of id: TorrentID) throws(StoreError) -> LiveRow? {
        var found: LiveRow?
        try rows.forEach(of: id) { found = $0 }
        return found
    }
}

/// The trackers' counts of the swarms, in the order of the torrents.
struct ScrapeCursor: ~Copyable {
    private var rows: TorrentCursor<(seeders: Int?, leechers: Int?)>

    init(_ connection: Connection, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        rows = try TorrentCursor(connection, table: "tracker", columns: "seeders, leechers", range) {
            (row) throws(StoreError) in
            (try row.next(), try row.next())
        }
    }

    mutating func scrape(of id: TorrentID) throws(StoreError) -> Scrape {
        var scrape = Scrape()
        try rows.forEach(of: id) { scrape.include(seeders: $0.seeders, leechers: $0.leechers) }
        return scrape
    }
}
