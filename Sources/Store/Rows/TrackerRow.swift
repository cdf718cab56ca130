package import Torrent

/// What is remembered of one tracker of a torrent.
package struct TrackerRow: Row, Sendable, Hashable {
    package let torrent: TorrentID
    package let url: String
    package let tier: Int
    /// The position in the tier (BEP 12): a tracker that responded moves to the front.
    package var position: Int
    /// The tracker's id, which the next announce sends back.
    package var trackerID: [UInt8]?
    /// `nil` when no announce is planned.
    package var nextAnnounceAt: Timestamp?
    /// No announce before this time, not even a manual one.
    package var minAnnounceAt: Timestamp?
    package var interval: Duration?
    package var minInterval: Duration?
    /// Consecutive failed announces.
    package var failures: Int
    package var lastAnnounceAt: Timestamp?
    package var lastSuccessAt: Timestamp?
    package var lastError: String?
    package var warning: String?
    package var seeders: Int?
    package var leechers: Int?
    /// Completed downloads, from a scrape.
    package var downloads: Int?
    package var lastScrapeAt: Timestamp?
    /// Whether the tracker accepted `started` since the torrent last started.
    package var isStarted: Bool

    package static let columns = """
        r.torrent_id, r.url, r.tier, r.position, r.tracker_id, r.next_announce_at, r.min_announce_at, r.interval, r.min_interval, r.failures, \
        r.last_announce_at, r.last_success_at, r.last_error, r.warning, r.seeders, r.leechers, r.downloads, r.last_scrape_at, r.started
        """

    /// A tracker of which nothing is known yet.
    package init(torrent: TorrentID, url: String, tier: Int, position: Int) {
        self.torrent = torrent
        self.url = url
        self.tier = tier
        self.position = position
        failures = 0
        isStarted = false
    }

    package init(_ row: Statement) throws(StoreError) {
        torrent = try row.next()
        url = try row.next()
        tier = try row.nextCount()
        position = try row.nextCount()
        trackerID = try row.next()
        nextAnnounceAt = try row.next()
        minAnnounceAt = try row.next()
        interval = try row.nextCountIfAny().map { .seconds($0) }
        minInterval = try row.nextCountIfAny().map { .seconds($0) }
        failures = try row.nextCount()
        lastAnnounceAt = try row.next()
        lastSuccessAt = try row.next()
        lastError = try row.next()
        warning = try row.next()
        seeders = try row.nextCountIfAny()
        leechers = try row.nextCountIfAny()
        downloads = try row.nextCountIfAny()
        lastScrapeAt = try row.next()
        isStarted = try row.next()
    }
}
