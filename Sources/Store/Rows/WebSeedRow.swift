package import Torrent

/// What is remembered of one web seed of a torrent.
package struct WebSeedRow: Row, Sendable, Hashable {
    /// Who named the web seed.
    package enum Origin: String, SQLValue, Sendable, CaseIterable {
        case metainfo, magnet, user
    }

    package let url: String
    package let origin: Origin
    /// Whether the user removed it.
    package var isRemoved = false
    /// Consecutive failures.
    package var failures = 0
    /// The last failure, if it hasn't worked since.
    package var lastError: String?
    package var restsUntil: Timestamp?
    /// The best recent rate, in bytes per second.
    package var rate: Int64 = 0
    /// The rate at ``liveAt``, in bytes per second.
    package var liveRate: Int64 = 0
    package var liveAt: Timestamp?
    package var downloadedBytes: Int64 = 0
    package var lastUsedAt: Timestamp?

    /// A web seed of which nothing is known yet.
    package init(url: String, origin: Origin) {
        self.url = url
        self.origin = origin
    }

    package static let columns = """
        url, origin, removed, failures, last_error, rests_until, rate, live_rate, live_at, downloaded_bytes, last_used_at
        """

    package init(_ row: Statement) throws(StoreError) {
        url = try row.next()
        origin = try row.next()
        isRemoved = try row.next()
        failures = try row.nextCount()
        lastError = try row.next()
        restsUntil = try row.next()
        rate = try row.next()
        liveRate = try row.next()
        liveAt = try row.next()
        downloadedBytes = try row.next()
        lastUsedAt = try row.next()
    }
}
