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
        // All is read before anything is kept: see `StatusRow`.
        let name: String = try row.next()
        let state: TorrentState = try row.next()
        let isPaused: Bool = try row.next()
        let error: String? = try row.next()
        let pieceLength: Int? = try row.next()
        let wantedBytes = try row.next(Int64?.self) ?? 0
        let completedBytes: Int64 = try row.next()
        let pieceCount = try row.next(Int?.self) ?? 0
        let live = try live.row(of: id)
        self.id = id
        self.name = name
        self.state = state
        self.isPaused = isPaused
        self.error = error
        self.pieceLength = pieceLength
        self.wantedBytes = wantedBytes
        self.completedBytes = completedBytes
        self.pieceCount = pieceCount
        self.live = live
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
