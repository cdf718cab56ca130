package import Torrent

/// A tracker's server that asked us to pause requests; the pause applies to all torrents.
package struct TrackerHostRow: Row, Sendable, Hashable {
    /// `scheme://host:port`.
    package let server: String
    package let restsUntil: Timestamp
    /// The server's reason.
    package let reason: String

    package init(server: String, restsUntil: Timestamp, reason: String) {
        self.server = server
        self.restsUntil = restsUntil
        self.reason = reason
    }

    package static let columns = "server, rests_until, reason"

    package init(_ row: Statement) throws(StoreError) {
        server = try row.next()
        restsUntil = try row.next()
        reason = try row.next()
    }
}
