package import Torrent

/// A torrent without its large columns: one row of a list.
package struct TorrentRow: Row, Sendable, Hashable, Identifiable {
    package let id: TorrentID
    package let infoHash: InfoHash
    package let name: String
    /// The absolute folder that contains the payload.
    package let output: String
    /// Whether the metadata is known. If it isn't, the name is that of the magnet link, and sizes and counts are 0.
    package let hasMetadata: Bool
    package let totalBytes: Int64
    package let pieceLength: Int
    package let pieceCount: Int
    package let isPrivate: Bool
    package let settings: TorrentSettings
    package let state: TorrentState
    /// One sentence, in the states `error` and `offline`, and while the payload is moved.
    package let error: String?
    /// The kind of the error; `nil` for most.
    package let errorCode: ErrorCode?
    package let wantedBytes: Int64
    /// Bytes of wanted files in recorded pieces.
    package let completedBytes: Int64
    package let piecesHave: Int
    package let downloadedBytes: Int64
    package let uploadedBytes: Int64
    package let wastedBytes: Int64
    /// The time for which the torrent was complete and seeding, over all runs of the engine.
    package let seedTime: Duration
    package let addedAt: Timestamp
    package let completedAt: Timestamp?
    package let lastVerifiedAt: Timestamp?
    /// Whether the payload's root has ever existed: then it is never made again.
    package let isRootSeen: Bool
    package let volume: VolumeID?
    /// What is invalid in the row; `nil` when nothing is. Engines don't work on such a torrent.
    package let damage: String?

    /// Whether all wanted bytes are recorded as present.
    package var isComplete: Bool { hasMetadata && completedBytes >= wantedBytes }

    package static let columns = """
        t.id, t.info_hash, t.name, t.output, t.piece_length IS NOT NULL, coalesce(t.total_bytes, 0), \
        coalesce(t.piece_length, 0), coalesce(t.piece_count, 0), t.private, \
        \(TorrentSettings.columns.map { "t.\($0)" }.joined(separator: ", ")), \
        t.state, t.error, t.error_code, coalesce(t.wanted_bytes, 0), t.completed_bytes, t.pieces_have, t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, \
        t.added_at, t.completed_at, t.last_verified_at, t.root_seen, t.volume_id, \(SeedTimeColumns.names)
        """

    /// Never throws because of a column's value: an invalid value puts the torrent in the state `error` with an
    /// explanation, and other torrents are unaffected.
    package init(_ row: Statement) throws(StoreError) {
        // The row's number is always valid.
        id = try row.next()
        var damage: String?
        /// Reads the next column, with `harmless` in place of an invalid value.
        func read<Value>(or harmless: Value, _ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
            do {
                return try body()
            } catch {
                guard error.isOfRow else { throw error }
                damage = damage ?? error.message
                return harmless
            }
        }
        func bytes() throws(StoreError) -> Int64 { try read(or: 0) { () throws(StoreError) in try row.nextBytes() } }
        func count() throws(StoreError) -> Int { try read(or: 0) { () throws(StoreError) in try row.nextCount() } }
        func optional<Value: SQLValue>() throws(StoreError) -> Value? {
            try read(or: nil) { () throws(StoreError) in try row.next() }
        }
        infoHash = try read(or: InfoHash.none) { () throws(StoreError) in try row.next() }
        name = try read(or: "(damaged)") { () throws(StoreError) in try row.next() }
        output = try read(or: "") { () throws(StoreError) in try row.nextAbsolutePath() }
        hasMetadata = try row.next()
        totalBytes = try bytes()
        pieceLength = try count()
        pieceCount = try count()
        isPrivate = try read(or: true) { () throws(StoreError) in try row.next() }
        settings = try TorrentSettings(row, damage: &damage)
        let found: TorrentState = try read(or: .error) { () throws(StoreError) in try row.next() }
        let reason: String? = try optional()
        errorCode = try optional()
        wantedBytes = try bytes()
        completedBytes = try bytes()
        piecesHave = try count()
        downloadedBytes = try bytes()
        uploadedBytes = try bytes()
        wastedBytes = try bytes()
        addedAt = try read(or: Timestamp(0)) { () throws(StoreError) in try row.next() }
        completedAt = try optional()
        lastVerifiedAt = try optional()
        isRootSeen = try read(or: true) { () throws(StoreError) in try row.next() }
        volume = try optional()
        seedTime = try read(or: .zero) { () throws(StoreError) in try SeedTimeColumns.read(row) }
        self.damage = damage
        state = damage == nil ? found : .error
        error = damage.map { "the torrent's row in the database is damaged: \($0)" } ?? reason
    }
}

extension InfoHash {
    /// Twenty zeros, which no torrent has.
    fileprivate static let none =
        InfoHash([UInt8](repeating: 0, count: byteCount)) ?? { preconditionFailure("twenty bytes are an info hash") }()
}
