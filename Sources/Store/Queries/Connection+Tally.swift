/// The number of torrents in each state, and their progress.
package struct TorrentTally: Sendable, Hashable {
    package var counts: [TorrentState: Int] = [:]
    /// Torrents that have all their wanted bytes.
    package var complete = 0
    package var wantedBytes: Int64 = 0
    package var completedBytes: Int64 = 0

    package init() {}

    package var total: Int { counts.values.reduce(0, +) }
}

extension Connection {
    /// The sums over these torrents. Those that don't exist are not counted.
    package func tally(of ids: [TorrentID]) throws(StoreError) -> TorrentTally {
        try transaction(.deferred) { () throws(StoreError) in
            var tally = TorrentTally()
            for id in ids {
                let row = try first("SELECT state, wanted_bytes, completed_bytes FROM torrent WHERE id = ?", id) {
                    (row) throws(StoreError) in
                    (
                        state: TorrentState(counted: try row.next()), wanted: try row.next(Int64.self),
                        completed: try row.next(Int64.self)
                    )
                }
                guard let row else { continue }
                tally.counts[row.state, default: 0] += 1
                if row.completed >= row.wanted { tally.complete += 1 }
                tally.wantedBytes += row.wanted
                tally.completedBytes += row.completed
            }
            return tally
        }
    }

    /// The number of torrents in each state. Reads only an index, so that 100,000 torrents can be counted every second.
    package func stateCounts() throws(StoreError) -> [TorrentState: Int] {
        let counts = try rows("SELECT state, count(*) FROM torrent GROUP BY state") { (row) throws(StoreError) in
            (TorrentState(counted: try row.next()), try row.next(Int.self))
        }
        return Dictionary(counts, uniquingKeysWith: +)
    }
}

extension TorrentState {
    /// An invalid state, as in a damaged row, counts as an error.
    fileprivate init(counted text: String) { self = TorrentState(rawValue: text) ?? .error }
}
