import Torrent

/// A torrent as a line of the `status` table.
package struct StatusLine: Sendable, Hashable, Identifiable {
    package let id: TorrentID
    package let name: String
    package let state: TorrentState
    package let isPaused: Bool
    /// One sentence, in the states `error` and `offline`.
    package let error: String?
    package let wantedBytes: Int64
    /// Bytes of wanted files in recorded pieces.
    package let completedBytes: Int64
    package let pieceCount: Int
    /// `nil` when no engine has reported on the torrent. ``LiveRow/isFresh(_:)`` shows whether the report is current.
    package let live: LiveRow?

    /// Whether all wanted bytes are recorded as present.
    package var isComplete: Bool { completedBytes >= wantedBytes }

    static let columns = "t.name, t.state, t.paused, t.error, t.wanted_bytes, t.completed_bytes, t.piece_count"

    init(_ id: TorrentID, _ row: Statement, _ live: inout LiveCursor) throws(StoreError) {
        self.id = id
        name = try row.next()
        state = try row.next()
        isPaused = try row.next()
        error = try row.next()
        wantedBytes = try row.next()
        completedBytes = try row.next()
        pieceCount = try row.next()
        self.live = try live.row(of: id)
    }

    /// A torrent whose row holds invalid values.
    init(damaged torrent: TorrentRow, _ live: inout LiveCursor) throws(StoreError) {
        id = torrent.id
        name = torrent.name
        state = torrent.state
        isPaused = torrent.settings.isPaused
        error = torrent.error
        wantedBytes = torrent.wantedBytes
        completedBytes = torrent.completedBytes
        pieceCount = torrent.pieceCount
        self.live = try live.row(of: torrent.id)
    }
}

/// A torrent with everything that `status` reports to programs.
package struct StatusRow: Sendable, Hashable, Identifiable {
    package let line: StatusLine
    package let infoHash: InfoHash
    /// The absolute folder that contains the payload.
    package let output: String
    package let totalBytes: Int64
    package let pieceLength: Int
    package let piecesHave: Int
    package let downloadedBytes: Int64
    package let uploadedBytes: Int64
    package let wastedBytes: Int64
    package let addedAt: Timestamp
    package let completedAt: Timestamp?
    package let lastVerifiedAt: Timestamp?
    /// The time for which the torrent was complete and seeding.
    package let seedTime: Duration
    /// The trackers' counts of the whole swarm.
    package let scrape: Scrape

    package var id: TorrentID { line.id }

    static let columns = """
        \(StatusLine.columns), t.info_hash, t.output, t.total_bytes, t.piece_length, t.pieces_have, \
        t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, t.added_at, t.completed_at, t.last_verified_at, \(SeedTimeColumns.names)
        """

    init(_ id: TorrentID, _ row: Statement, _ live: inout LiveCursor, _ scrapes: inout ScrapeCursor) throws(StoreError)
    {
        line = try StatusLine(id, row, &live)
        infoHash = try row.next()
        output = try row.next()
        totalBytes = try row.next()
        pieceLength = try row.next()
        piecesHave = try row.next()
        downloadedBytes = try row.next()
        uploadedBytes = try row.next()
        wastedBytes = try row.next()
        addedAt = try row.next()
        completedAt = try row.next()
        lastVerifiedAt = try row.next()
        seedTime = try SeedTimeColumns.read(row)
        scrape = try scrapes.scrape(of: line.id)
    }

    /// A torrent whose row holds invalid values.
    init(damaged torrent: TorrentRow, _ live: inout LiveCursor, _ scrapes: inout ScrapeCursor) throws(StoreError) {
        line = try StatusLine(damaged: torrent, &live)
        infoHash = torrent.infoHash
        output = torrent.output
        totalBytes = torrent.totalBytes
        pieceLength = torrent.pieceLength
        piecesHave = torrent.piecesHave
        downloadedBytes = torrent.downloadedBytes
        uploadedBytes = torrent.uploadedBytes
        wastedBytes = torrent.wastedBytes
        addedAt = torrent.addedAt
        completedAt = torrent.completedAt
        lastVerifiedAt = torrent.lastVerifiedAt
        seedTime = torrent.seedTime
        scrape = try scrapes.scrape(of: torrent.id)
    }
}

/// The highest counts that any tracker reported; `nil` when none has. Counts aren't added up, because a peer announces
/// to all trackers and would be counted twice.
package struct Scrape: Sendable, Hashable {
    package var seeders: Int?
    package var leechers: Int?

    mutating func include(seeders: Int?, leechers: Int?) {
        if let seeders { self.seeders = max(seeders, self.seeders ?? 0) }
        if let leechers { self.leechers = max(leechers, self.leechers ?? 0) }
    }
}
