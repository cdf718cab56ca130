/// Numbers and sums of torrents.
extension TorrentTable {
    /// The number of torrents.
    package func count() throws(StoreError) -> Int { try db.value("SELECT count(*) FROM torrent") ?? 0 }

    /// The numbers of the first torrent and of the last; `nil` if there is none.
    package func numbers() throws(StoreError) -> ClosedRange<TorrentID>? {
        let first: TorrentID? = try db.value("SELECT id FROM torrent ORDER BY id LIMIT 1")
        let last: TorrentID? = try db.value("SELECT id FROM torrent ORDER BY id DESC LIMIT 1")
        guard let first, let last else { return nil }
        return first...last
    }

    /// The number of torrents in the state. Reads only an index.
    package func count(in state: TorrentState) throws(StoreError) -> Int {
        try db.value("SELECT count(*) FROM torrent WHERE state = ?", state) ?? 0
    }

    /// The number of torrents in each state. Reads only an index, so that 100,000 torrents can be counted every second.
    package func stateCounts() throws(StoreError) -> [TorrentState: Int] {
        let counts: [StateCount] = try db.fetchAll("FROM torrent GROUP BY state")
        return Dictionary(counts.map { ($0.state, $0.count) }, uniquingKeysWith: +)
    }

    private struct StateCount: Row {
        static let columns = "state, count(*)"
        let state: TorrentState
        let count: Int

        init(_ row: Statement) throws(StoreError) {
            state = TorrentState(counted: try row.next())
            count = try row.next()
        }
    }

    /// The sums over these torrents. Those that don't exist are not counted.
    package func tally(of ids: [TorrentID]) throws(StoreError) -> TorrentTally {
        try db.transaction(.deferred) { () throws(StoreError) in
            var tally = TorrentTally()
            for id in ids {
                guard let row: Progress = try db.fetchOne("FROM torrent WHERE id = ?", id) else { continue }
                tally.counts[row.state, default: 0] += 1
                if row.hasMetadata, row.completed >= row.wanted { tally.complete += 1 }
                tally.wantedBytes += row.wanted
                tally.completedBytes += row.completed
            }
            return tally
        }
    }

    private struct Progress: Row {
        static let columns = "state, coalesce(wanted_bytes, 0), completed_bytes, piece_length IS NOT NULL"
        let state: TorrentState
        let wanted: Int64
        let completed: Int64
        let hasMetadata: Bool

        init(_ row: Statement) throws(StoreError) {
            state = TorrentState(counted: try row.next())
            wanted = try row.next()
            completed = try row.next()
            hasMetadata = try row.next()
        }
    }

    /// The output folders, ordered by their number of torrents, highest first.
    package func outputSums(limit: Int) throws(StoreError) -> [OutputSum] {
        try db.fetchAll(
            """
            FROM torrent AS t LEFT JOIN volume AS v ON v.id = t.volume_id GROUP BY t.output
            ORDER BY torrents DESC, t.output LIMIT ?
            """, limit)
    }

    /// The number of torrents in each of the states `offline` and `error`.
    package func troubleSums() throws(StoreError) -> [TroubleSum] {
        try db.fetchAll("FROM torrent WHERE state IN ('offline', 'error') GROUP BY state ORDER BY state")
    }
}

extension TorrentState {
    /// An invalid state, as in a damaged row, counts as an error.
    fileprivate init(counted text: String) { self = TorrentState(rawValue: text) ?? .error }
}
