/// A torrent as a line of the `status` table.
package struct StatusLine: Sendable, Hashable, Identifiable {
    package let id: TorrentID
    package let name: String
    package let state: TorrentState
    package let isPaused: Bool
    /// One sentence, in the states `error` and `offline`, and while the payload is moved.
    package let error: String?
    /// `nil` if the metadata isn't known: then sizes and counts are 0.
    package let pieceLength: Int?
    package let wantedBytes: Int64
    /// Bytes of wanted files in recorded pieces.
    package let completedBytes: Int64
    package let pieceCount: Int
    /// `nil` when no engine has reported on the torrent. ``LiveRow/isFresh(_:)`` shows whether the report is current.
    package let live: LiveRow?

    package var hasMetadata: Bool { pieceLength != nil }
    /// Whether all wanted bytes are recorded as present.
    package var isComplete: Bool { hasMetadata && completedBytes >= wantedBytes }

    static let columns = """
        t.name, t.state, t.paused, t.error, t.piece_length, t.wanted_bytes, t.completed_bytes, t.piece_count
        """

    init(_ id: TorrentID, _ row: Statement, _ live: inout LiveCursor) throws(StoreError) {
        self.id = id
        name = try row.next()
        state = try row.next()
        isPaused = try row.next()
        error = try row.next()
        pieceLength = try row.next()
        wantedBytes = try row.next(Int64?.self) ?? 0
        completedBytes = try row.next()
        pieceCount = try row.next(Int?.self) ?? 0
        self.live = try live.row(of: id)
    }

    /// A torrent whose row holds invalid values.
    init(damaged torrent: TorrentRow, _ live: inout LiveCursor) throws(StoreError) {
        id = torrent.id
        name = torrent.name
        state = torrent.state
        isPaused = torrent.settings.isPaused
        error = torrent.error
        pieceLength = torrent.hasMetadata ? torrent.pieceLength : nil
        wantedBytes = torrent.wantedBytes
        completedBytes = torrent.completedBytes
        pieceCount = torrent.pieceCount
        self.live = try live.row(of: torrent.id)
    }
}
