package import Torrent

/// A host whose incoming connections are refused.
package struct HostBanRow: Row, Sendable, Hashable {
    /// An IPv4 address, or the first address of an IPv6 /64.
    package let host: String
    package let reason: String
    package let at: Timestamp
    package let until: Timestamp

    package init(host: String, reason: String, at: Timestamp, until: Timestamp) {
        self.host = host
        self.reason = reason
        self.at = at
        self.until = until
    }

    package static let columns = "host, reason, at, until"

    package init(_ row: Statement) throws(StoreError) {
        host = try row.next()
        reason = try row.next()
        at = try row.next()
        until = try row.next()
    }
}
