/// A torrent with something to download, as the queue shows it.
package struct QueuedRow: Row, Sendable, Hashable {
    package let id: TorrentID
    package let name: String
    package let state: TorrentState
    /// One sentence, in the states `error` and `offline`.
    package let error: String?
    package let wantedBytes: Int64
    package let completedBytes: Int64
    /// Whether the torrent gave up its slot, because it made no progress while others waited.
    package let hasYielded: Bool

    package static let columns =
        "t.id, t.name, t.state, t.error, t.wanted_bytes, t.completed_bytes, y.turn IS NOT NULL"

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        name = try row.next()
        state = try row.next()
        error = try row.next()
        wantedBytes = try row.nextBytes()
        completedBytes = try row.nextBytes()
        hasYielded = try row.next()
    }
}
