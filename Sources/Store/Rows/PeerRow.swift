package import Torrent

extension PeerSource: SQLValue {}

/// What is remembered of a peer.
package struct PeerRow: Row, Sendable, Hashable {
    /// How long a ban lasts. A ban that ends later was set by a clock that has been set back since, and is ignored.
    package static let banTime = Duration.seconds(7 * 24 * 3600)

    package let address: PeerAddress
    package let source: PeerSource
    package let firstSeen: Timestamp
    package let lastSeen: Timestamp
    package let lastTried: Timestamp?
    package let lastConnected: Timestamp?
    /// Failed dials since the last success.
    package let failures: Int
    package let downloadedBytes: Int64
    package let uploadedBytes: Int64
    /// Bad pieces that the peer contributed to.
    package let hashFailures: Int
    /// The best recent rate at which the peer sent to us, in bytes per second.
    package let rate: Int64
    package let client: String?
    package let bannedUntil: Timestamp?
    package let banReason: String?
    /// Peers that this one told of and that were good, and those that were not.
    package let toldGood: Int
    package let toldBad: Int

    /// Whether the peer is neither dialled nor accepted.
    package func isBanned(at now: Timestamp) -> Bool {
        bannedUntil.map { $0 > now && $0 <= now + Self.banTime } ?? false
    }

    package static let columns = """
        address, source, first_seen, last_seen, last_tried, last_connected, failures, downloaded_bytes, uploaded_bytes, hash_failures, rate, \
        client, banned_until, ban_reason, told_good, told_bad
        """

    package init(_ row: Statement) throws(StoreError) {
        address = try row.next()
        source = try row.next()
        firstSeen = try row.next()
        lastSeen = try row.next()
        lastTried = try row.next()
        lastConnected = try row.next()
        failures = try row.nextCount()
        downloadedBytes = try row.nextBytes()
        uploadedBytes = try row.nextBytes()
        hashFailures = try row.nextCount()
        rate = try row.nextBytes()
        client = try row.next()
        bannedUntil = try row.next()
        banReason = try row.next()
        toldGood = try row.nextCount()
        toldBad = try row.nextCount()
    }
}
