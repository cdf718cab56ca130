package import Torrent

/// An entry of the event log.
package struct EventRow: Row, Sendable, Hashable {
    package let id: Int64
    package let at: Timestamp
    package let torrent: TorrentID?
    /// Identifies the torrent even after it was removed.
    package let infoHash: InfoHash?
    package let kind: EventKind
    package let detail: String

    package static let columns = "id, at, torrent_id, info_hash, kind, detail"

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        at = try row.next()
        torrent = try row.next()
        infoHash = try row.next()
        kind = try row.next()
        detail = try row.next()
    }
}
