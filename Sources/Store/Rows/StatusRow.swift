package import Torrent

/// A torrent with everything that `status` reports to programs.
package struct StatusRow: Sendable, Hashable, Identifiable {
    package let line: StatusLine
    package let infoHash: InfoHash
    /// The absolute folder that contains the payload.
    package let output: String
    /// The folder to which the payload moves when it is complete; `nil` if that is `output`.
    package let destination: String?
    package let totalBytes: Int64
    package let piecesHave: Int
    package let downloadedBytes: Int64
    package let uploadedBytes: Int64
    package let wastedBytes: Int64
    package let addedAt: Timestamp
    package let completedAt: Timestamp?
    package let lastVerifiedAt: Timestamp?
    /// The seconds for which the torrent was complete and seeding.
    package let seedingSeconds: Int64
    /// The trackers' counts of the whole swarm.
    package let scrape: Scrape
    /// The number of web seeds that have rows.
    package let webSeeds: Int
    /// In the order of their bytes.
    package let labels: [String]
    /// What the user wrote about the torrent.
    package let note: String?

    package var id: TorrentID { line.id }
    package var pieceLength: Int { line.pieceLength ?? 0 }

    static let columns = """
        \(StatusLine.columns), t.info_hash, t.output, t.total_bytes, t.pieces_have, \
        t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, t.added_at, t.completed_at, t.last_verified_at, \
        \(SeedTimeColumns.ofTorrent)
        """

    init(_ id: TorrentID, _ row: Statement, _ tables: inout StatusCursors) throws(StoreError) {
        // All is read before anything is kept: otherwise the half-made row is copied for each torrent of a long list.
        let line = try StatusLine(id, row, &tables.live)
        let infoHash: InfoHash = try row.next()
        let output = try row.next(sameAs: &tables.lastOutput)
        let totalBytes = try row.next(Int64?.self) ?? 0
        let piecesHave: Int = try row.next()
        let downloadedBytes: Int64 = try row.next()
        let uploadedBytes: Int64 = try row.next()
        let wastedBytes: Int64 = try row.next()
        let addedAt: Timestamp = try row.next()
        let completedAt: Timestamp? = try row.next()
        let lastVerifiedAt: Timestamp? = try row.next()
        let seedingSeconds = try SeedTimeColumns.read(row, clock: tables.seedClock)
        let scrape = try tables.scrapes.scrape(of: id)
        let webSeeds = try tables.webSeeds.count(of: id)
        let labels = try tables.labels.names(of: id)
        let destination = try tables.destination(of: id)
        let note = try tables.note(of: id)
        self.line = line
        self.infoHash = infoHash
        self.output = output
        self.destination = destination
        self.totalBytes = totalBytes
        self.piecesHave = piecesHave
        self.downloadedBytes = downloadedBytes
        self.uploadedBytes = uploadedBytes
        self.wastedBytes = wastedBytes
        self.addedAt = addedAt
        self.completedAt = completedAt
        self.lastVerifiedAt = lastVerifiedAt
        self.seedingSeconds = seedingSeconds
        self.scrape = scrape
        self.webSeeds = webSeeds
        self.labels = labels
        self.note = note
    }

    /// A torrent whose row holds invalid values.
    init(damaged torrent: TorrentRow, _ tables: inout StatusCursors) throws(StoreError) {
        line = try StatusLine(damaged: torrent, &tables.live)
        infoHash = torrent.infoHash
        output = torrent.output
        totalBytes = torrent.totalBytes
        piecesHave = torrent.piecesHave
        downloadedBytes = torrent.downloadedBytes
        uploadedBytes = torrent.uploadedBytes
        wastedBytes = torrent.wastedBytes
        addedAt = torrent.addedAt
        completedAt = torrent.completedAt
        lastVerifiedAt = torrent.lastVerifiedAt
        seedingSeconds = torrent.seedTime.components.seconds
        scrape = try tables.scrapes.scrape(of: torrent.id)
        webSeeds = try tables.webSeeds.count(of: torrent.id)
        labels = try tables.labels.names(of: torrent.id)
        destination = try tables.destination(of: torrent.id)
        note = try tables.note(of: torrent.id)
    }
}
