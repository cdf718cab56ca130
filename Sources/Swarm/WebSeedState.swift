package import Torrent

/// What is known of a web seed when it is added, from earlier runs.
package struct WebSeedState: Equatable, Sendable {
    /// The files that its copy lacks, or has in another version.
    package var lacking: Set<Int>
    /// Nothing is requested before this time.
    package var restsUntil: Instant?
    /// The failures since the last success.
    package var failures: Int
    /// The best rate of an earlier run, in bytes per second; 0 if none is known.
    package var rate: Int

    package init(lacking: Set<Int> = [], restsUntil: Instant? = nil, failures: Int = 0, rate: Int = 0) {
        self.lacking = lacking
        self.restsUntil = restsUntil
        self.failures = failures
        self.rate = rate
    }
}

/// What a web seed does at present, for reports.
package struct WebSeedReport: Equatable, Sendable {
    package let key: WebSeedKey
    /// Bytes per second.
    package let rate: Int
    /// The best rate of the last rounds, in bytes per second.
    package let bestRate: Int
    /// Bytes of blocks that arrived.
    package let downloaded: Int64
    /// Bytes of them in pieces that passed their hash check.
    package let verified: Int64
    /// Blocks that are requested and have not arrived yet.
    package let outstanding: Int
    package let failures: Int
    package let restsUntil: Instant?
    /// Whether it is asked for nothing more, because its copy differs from the torrent.
    package let hasEnded: Bool
}
