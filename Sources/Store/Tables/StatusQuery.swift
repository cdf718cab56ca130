/// The torrents as `pieces status` shows them.
package struct StatusQuery {
    /// The torrents that are read.
    package enum Choice: Sendable {
        /// All torrents, ordered by number.
        case all
        /// Those with these numbers, ordered by number.
        case range(ClosedRange<TorrentID>)
        /// These, in this order; those that don't exist are left out.
        case listed([TorrentID])
    }

    let db: Connection

    /// Calls `body` with each torrent's line, all read in one transaction.
    ///
    /// Lists are long and read often, so no line is kept after its call.
    package func forEachLine(of choice: Choice = .all, _ body: (StatusLine) throws(StoreError) -> Void)
        throws(StoreError)
    {
        try forEachRange(choice) { (range) throws(StoreError) in
            var live = try LiveCursor(db, range)
            try forEachTorrent(StatusLine.columns, range) { (id, row) throws(StoreError) in
                let line: StatusLine
                do throws(StoreError) {
                    line = try StatusLine(id, row, &live)
                    assert(row.isRead, "StatusLine selects more columns than it reads")
                } catch {
                    line = try StatusLine(damaged: try damaged(id, error), &live)
                }
                try body(line)
            }
        }
    }

    /// Calls `body` with each torrent's row, like ``forEachLine(of:_:)``.
    package func forEachRow(of choice: Choice = .all, _ body: (StatusRow) throws(StoreError) -> Void)
        throws(StoreError)
    {
        try forEachRange(choice) { (range) throws(StoreError) in
            var tables = try StatusCursors(db, range)
            try forEachTorrent(StatusRow.columns, range) { (id, row) throws(StoreError) in
                let whole: StatusRow
                do throws(StoreError) {
                    whole = try StatusRow(id, row, &tables)
                    assert(row.isRead, "StatusRow selects more columns than it reads")
                } catch {
                    whole = try StatusRow(damaged: try damaged(id, error), &tables)
                }
                try body(whole)
            }
        }
    }

    /// Calls `body` in one transaction, with the range of the chosen numbers or with a range for each listed one.
    private func forEachRange(_ choice: Choice, _ body: (ClosedRange<TorrentID>) throws(StoreError) -> Void)
        throws(StoreError)
    {
        try db.transaction(.deferred) { () throws(StoreError) in
            switch choice {
            case .all: try body(TorrentID(.min)...TorrentID(.max))
            case .range(let range): try body(range)
            case .listed(let ids): for id in ids { try body(id...id) }
            }
        }
    }

    private func forEachTorrent(
        _ columns: String, _ range: ClosedRange<TorrentID>, _ body: (TorrentID, Statement) throws(StoreError) -> Void
    ) throws(StoreError) {
        let statement = try db.prepare(
            "SELECT t.id, \(columns) FROM torrent AS t WHERE t.id BETWEEN ? AND ? ORDER BY t.id")
        defer { statement.reset() }
        try statement.bind([range.lowerBound, range.upperBound])
        while try statement.step() { try body(try statement.next(), statement) }
    }

    /// The torrent whose row `error` concerns, with harmless values in place of the invalid ones. Rethrows any other
    /// error.
    private func damaged(_ id: TorrentID, _ error: StoreError) throws(StoreError) -> TorrentRow {
        guard error.isOfRow, let torrent = try db.torrents.row(id) else { throw error }
        return torrent
    }
}
