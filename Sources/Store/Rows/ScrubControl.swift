package import Torrent

/// What the user wants of scrubs, for all torrents.
package struct ScrubControl: Sendable, Hashable {
    /// The period of torrents without one of their own.
    package static let standardPeriod = Duration.seconds(30 * 24 * 3600)

    /// The time within which every verified byte is read back; `nil`: never.
    package var period: Duration?
    /// Bytes per second for each device; `nil`: as the periods need.
    package var rate: Int64?
    package var isPaused: Bool
    /// Everything that was verified before is to be read now.
    package var since: Timestamp?
    /// Whether a file that is read whole and has no SHA-256 yet gets one.
    package var computesDigests: Bool

    package init(
        period: Duration? = standardPeriod, rate: Int64? = nil, isPaused: Bool = false, since: Timestamp? = nil,
        computesDigests: Bool = true
    ) {
        self.period = period
        self.rate = rate
        self.isPaused = isPaused
        self.since = since
        self.computesDigests = computesDigests
    }

    enum Key {
        static let period = "scrub.period"
        static let rate = "scrub.rate"
        static let isPaused = "scrub.paused"
        static let since = "scrub.since"
        static let computesDigests = "scrub.sha256"
    }
}
