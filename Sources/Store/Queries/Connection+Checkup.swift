import CSQLite

/// Sums for the maintenance of an archive.
extension Connection {
    /// An output folder with its torrents.
    package struct OutputSum: Sendable, Hashable {
        package let path: String
        package let torrents: Int
        /// Wanted bytes that aren't recorded as present.
        package let missingBytes: Int64
        /// Whether the root of any of its torrents was ever seen.
        package let wasSeen: Bool
        /// The file system on which the payloads were last seen; `nil` if unknown.
        package let volume: String?
    }

    /// A tracker with failed announces.
    package struct FailingTracker: Sendable, Hashable {
        package let url: String
        package let torrents: Int
        /// The highest number of consecutive failures among its torrents.
        package let failures: Int
        package let lastError: String?
    }

    /// The torrents in one of the states `offline` and `error`.
    package struct TroubleSum: Sendable, Hashable {
        package let state: TorrentState
        package let torrents: Int
        /// The error of one of these torrents.
        package let error: String?
    }

    /// The output folders, ordered by their number of torrents, highest first.
    package func outputSums(limit: Int) throws(StoreError) -> [OutputSum] {
        try rows(
            """
            SELECT t.output, count(*) AS torrents, sum(max(t.wanted_bytes - t.completed_bytes, 0)), max(t.root_seen), max(v.identity)
            FROM torrent AS t LEFT JOIN volume AS v ON v.id = t.volume_id GROUP BY t.output ORDER BY torrents DESC, t.output LIMIT ?
            """, limit
        ) { (row) throws(StoreError) in
            OutputSum(
                path: try row.next(), torrents: try row.next(), missingBytes: try row.next(), wasSeen: try row.next(),
                volume: try row.next())
        }
    }

    /// At most `limit` torrents whose output is the folder.
    package func torrents(in folder: String, limit: Int) throws(StoreError) -> [TorrentRow] {
        try rows("SELECT \(TorrentRow.columns) FROM torrent AS t WHERE output = ? ORDER BY id LIMIT ?", folder, limit) {
            (row) throws(StoreError) in
            try TorrentRow(row)
        }
    }

    /// Trackers with at least `failures` consecutive failures, ordered by their number of torrents, highest first.
    package func failingTrackers(failures: Int, limit: Int) throws(StoreError) -> [FailingTracker] {
        try rows(
            """
            SELECT url, count(*) AS torrents, max(failures), max(last_error) FROM tracker WHERE failures >= ?
            GROUP BY url ORDER BY torrents DESC, url LIMIT ?
            """, failures, limit
        ) { (row) throws(StoreError) in
            FailingTracker(
                url: try row.next(), torrents: try row.next(), failures: try row.next(), lastError: try row.next())
        }
    }

    /// The number of torrents in each of the states `offline` and `error`.
    package func troubleSums() throws(StoreError) -> [TroubleSum] {
        try rows(
            "SELECT state, count(*), max(error) FROM torrent WHERE state IN ('offline', 'error') GROUP BY state ORDER BY state"
        ) {
            (row) throws(StoreError) in
            TroubleSum(state: try row.next(), torrents: try row.next(), error: try row.next())
        }
    }

    /// Complete torrents, in order of their last verification; those that were never verified come first.
    package func leastVerified(limit: Int) throws(StoreError) -> [TorrentRow] {
        try rows(
            """
            SELECT \(TorrentRow.columns) FROM torrent AS t WHERE completed_bytes >= wanted_bytes AND pieces_have > 0
            ORDER BY last_verified_at, id LIMIT ?
            """, limit
        ) { (row) throws(StoreError) in try TorrentRow(row) }
    }

    /// The latest heartbeat or event in the database; `nil` when there is none.
    package func latestMoment() throws(StoreError) -> Timestamp? {
        try first(
            "SELECT max(max(coalesce((SELECT max(heartbeat_at) FROM run), 0)), coalesce((SELECT at FROM event ORDER BY id DESC LIMIT 1), 0))"
        ) {
            (row) throws(StoreError) in try row.next(Timestamp.self)
        }.flatMap { $0.rawValue > 0 ? $0 : nil }
    }

    /// The version of SQLite that the program runs with.
    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// The version number of the schema (sqlite.org/pragma.html#pragma_user_version).
    package func schemaVersion() throws(StoreError) -> Int { try pragma("user_version") }
}
