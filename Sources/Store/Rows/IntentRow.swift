package import Torrent

/// A request of a command to a running engine.
package struct IntentRow: Row, Sendable, Hashable {
    package let id: Int64
    package let at: Timestamp
    /// `nil` when the request is for the engine itself.
    package let torrent: TorrentID?
    package let verb: IntentVerb
    package let argument: String?

    package static let columns = "id, at, torrent_id, verb, argument"

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        at = try row.next()
        torrent = try row.next()
        verb = try row.next()
        argument = try row.next()
    }
}
