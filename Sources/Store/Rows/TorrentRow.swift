import Torrent

/// What the engine does with a torrent, as lists show it.
package enum TorrentState: String, SQLValue, Sendable, CaseIterable {
    case queued, downloading, seeding, checking, complete, paused, offline, error
}

/// A torrent without what is large: one row of a list.
package struct TorrentRow: Sendable, Hashable, Identifiable {
    package let id: TorrentID
    package let infoHash: InfoHash
    package let name: String
    /// The absolute folder that the payload lies in.
    package let output: String
    package let totalBytes: Int64
    package let pieceLength: Int
    package let pieceCount: Int
    package let isPrivate: Bool
    package let settings: TorrentSettings
    package let state: TorrentState
    /// One sentence, with the states `error` and `offline`.
    package let error: String?
    package let wantedBytes: Int64
    /// Bytes of wanted files in recorded pieces.
    package let completedBytes: Int64
    package let piecesHave: Int
    package let downloadedBytes: Int64
    package let uploadedBytes: Int64
    package let wastedBytes: Int64
    package let addedAt: Timestamp
    package let completedAt: Timestamp?
    package let lastVerifiedAt: Timestamp?
    /// Whether the payload's root existed once: then it is never made again.
    package let isRootSeen: Bool
    package let volume: VolumeID?

    /// Whether all that is wanted is recorded.
    package var isComplete: Bool { completedBytes >= wantedBytes }

    static let columns = """
        t.id, t.info_hash, t.name, t.output, t.total_bytes, t.piece_length, t.piece_count, t.private, \
        t.paused, t.sequential, t.allocate_full, t.download_limit, t.upload_limit, t.max_peers, t.seed_goal, t.seed_ratio, t.seed_seconds, \
        t.state, t.error, t.wanted_bytes, t.completed_bytes, t.pieces_have, t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, \
        t.added_at, t.completed_at, t.last_verified_at, t.root_seen, t.volume_id
        """

    init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        infoHash = try row.next()
        name = try row.next()
        output = try row.next()
        totalBytes = try row.next()
        pieceLength = try row.next()
        pieceCount = try row.next()
        isPrivate = try row.next()
        settings = try TorrentSettings(row)
        state = try row.next()
        error = try row.next()
        wantedBytes = try row.next()
        completedBytes = try row.next()
        piecesHave = try row.next()
        downloadedBytes = try row.next()
        uploadedBytes = try row.next()
        wastedBytes = try row.next()
        addedAt = try row.next()
        completedAt = try row.next()
        lastVerifiedAt = try row.next()
        isRootSeen = try row.next()
        volume = try row.next()
    }
}
