/// Reads a table in the order of its torrents, alongside the torrents themselves: one scan, where a join would look up
/// each torrent.
struct TorrentCursor<Result: Row>: ~Copyable {
    private let statement: Statement
    /// The first row that was not delivered yet.
    private var next: (torrent: TorrentID, row: Result)?

    /// Begins with the rows of these torrents in `table`.
    init(_ connection: Connection, table: String, _ range: ClosedRange<TorrentID>) throws(StoreError) {
        let statement = try connection.prepare(
            "SELECT torrent_id, \(Result.columns) FROM \(table) WHERE torrent_id BETWEEN ? AND ? ORDER BY torrent_id")
        do throws(StoreError) {
            try statement.bind([range.lowerBound, range.upperBound])
            next = try Self.next(statement)
        } catch {
            statement.reset()
            throw error
        }
        self.statement = statement
    }

    deinit { statement.reset() }

    /// Calls `body` with each row of the torrent. Torrents must be requested in ascending order, each once.
    mutating func forEach(of id: TorrentID, _ body: (Result) -> Void) throws(StoreError) {
        while let next, next.torrent <= id {
            // A row without a torrent is skipped.
            if next.torrent == id { body(next.row) }
            self.next = try Self.next(statement)
        }
    }

    private static func next(_ statement: Statement) throws(StoreError) -> (TorrentID, Result)? {
        while try statement.step() {
            let torrent: TorrentID = try statement.next()
            // A row with invalid values is skipped.
            if let row = try statement.sound(Result.read) { return (torrent, row) }
        }
        return nil
    }
}
