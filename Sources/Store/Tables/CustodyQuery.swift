package import Torrent

/// Questions of a report about all torrents.
package struct CustodyQuery {
    let db: Connection

    private struct Page: Row {
        static let columns = "b.page, b.have, b.verified_at, t.piece_length, t.piece_count, t.total_bytes"
        let page: Int64
        let have: [UInt8]
        let verifiedAt: Timestamp?
        let pieceLength: Int64
        let pieceCount: Int64
        let totalBytes: Int64

        init(_ row: Statement) throws(StoreError) {
            page = try row.next()
            have = try row.next()
            verifiedAt = try row.next()
            pieceLength = try row.next()
            pieceCount = try row.next()
            totalBytes = try row.next()
        }

        /// Bytes of the pieces; the torrent's last piece may be shorter.
        var bytes: Int64 {
            let pieces = have.reduce(0) { $0 + $1.nonzeroBitCount }
            let (all, overflow) = Int64(pieces).multipliedReportingOverflow(by: pieceLength)
            guard !overflow, pieces > 0 else { return 0 }
            let (last, rest) = (pieceCount - 1, totalBytes % pieceLength)
            guard rest > 0, last / 1024 == page, Int(last % 1024) / 8 < have.count,
                have[Int(last % 1024) / 8] & (0x80 >> UInt8(last % 8)) != 0
            else { return all }
            return all - pieceLength + rest
        }
    }

    private struct Totals: Row {
        static let columns = """
            count(*), coalesce(sum(wanted_bytes), 0), coalesce(sum(completed_bytes), 0), \
            coalesce(sum(completed_bytes < wanted_bytes AND EXISTS (SELECT 1 FROM event AS e WHERE e.torrent_id = t.id
                AND e.kind IN (\(EventKind.losses.map { "'\($0)'" }.joined(separator: ", "))))), 0)
            """
        let sums: CustodySums

        init(_ row: Statement) throws(StoreError) {
            var sums = CustodySums()
            sums.torrents = try row.next()
            sums.wantedBytes = try row.next()
            sums.completedBytes = try row.next()
            sums.incompleteAgain = try row.next()
            self.sums = sums
        }
    }

    /// The sums of all torrents, read in one pass over the pages of the bitfields. A page counts as verified when its
    /// oldest piece was.
    package func sums(since start: Timestamp) throws(StoreError) -> CustodySums {
        try db.transaction(.deferred) { () throws(StoreError) in
            var sums = try db.fetchOne("FROM torrent AS t", as: Totals.self)?.sums ?? CustodySums()
            let statement = try db.prepare(
                "SELECT \(Page.columns) FROM bitfield AS b JOIN torrent AS t ON t.id = b.torrent_id WHERE t.piece_length > 0"
            )
            defer { statement.reset() }
            try statement.bind([])
            while try statement.step() {
                guard let page = try statement.sound(Page.read) else { continue }
                let bytes = page.bytes
                guard bytes > 0 else { continue }
                sums.presentBytes &+= bytes
                if let verified = page.verifiedAt {
                    if verified >= start { sums.verifiedBytes &+= bytes }
                    sums.oldestVerification = min(sums.oldestVerification ?? verified, verified)
                }
            }
            return sums
        }
    }

    /// The events from `start` on, oldest first.
    package func events(since start: Timestamp) throws(StoreError) -> [EventRow] {
        // Numbers grow with time, unless the clock was set back; the log has at most `EventTable.limit` rows.
        try db.fetchValid("FROM event WHERE at >= ? ORDER BY id", start)
    }

    /// The time of the oldest event that is kept; `nil` if the log is empty or nothing was pruned yet.
    package func beginningOfLog() throws(StoreError) -> Timestamp? {
        guard let first: Int64 = try db.value("SELECT id FROM event ORDER BY id LIMIT 1"), first > 1 else { return nil }
        return try db.value("SELECT at FROM event WHERE id = ?", first)
    }
}
