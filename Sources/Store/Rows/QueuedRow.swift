/// A torrent with something to download, as the queue shows it.
package struct QueuedRow: Row, Sendable, Hashable {
    package let id: TorrentID
    package let name: String
    package let state: TorrentState
    /// One sentence, in the states `error` and `offline`.
    package let error: String?
    /// 0 while the metadata isn't known.
    package let wantedBytes: Int64
    package let completedBytes: Int64
    /// Whether the torrent gave up its slot, because it made no progress while others waited.
    package let hasYielded: Bool
    /// Whether a running engine reports on the torrent, so that it has a slot.
    package let isReported: Bool

    package static let columns = """
        t.id, t.name, t.state, t.error, coalesce(t.wanted_bytes, 0), t.completed_bytes, y.turn IS NOT NULL, \
        EXISTS (SELECT 1 FROM live AS l WHERE l.torrent_id = t.id)
        """

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        name = try row.next()
        state = try row.next()
        error = try row.next()
        wantedBytes = try row.nextBytes()
        completedBytes = try row.nextBytes()
        hasYielded = try row.next()
        isReported = try row.next()
    }
}
