package import Torrent

/// The table `tracker`: trackers of torrents, with their announces and scrapes.
package struct TrackerTable {
    let db: Connection

    /// The most trackers that are kept for one torrent; a .torrent file may name more.
    package static let limit = 256

    /// The torrent's trackers, in the order in which they are tried (BEP 12).
    package func rows(of id: TorrentID) throws(StoreError) -> [TrackerRow] {
        try db.fetchValid("FROM tracker AS r WHERE torrent_id = ? ORDER BY tier, position, url", id)
    }

    /// Adds tiers after the existing ones. Addresses that the torrent already has stay unchanged, and those beyond
    /// ``limit`` are left out. Returns the addresses that were added.
    @discardableResult
    package func add(_ id: TorrentID, tiers: [[String]], now: Timestamp) throws(StoreError) -> [String] {
        try db.transaction { () throws(StoreError) in
            var news: [String] = []
            guard let known: Extent = try db.fetchOne("FROM tracker WHERE torrent_id = ?", id) else { return news }
            var (count, tier) = (known.count, known.nextTier)
            for urls in tiers {
                var position = 0
                for url in urls where count < Self.limit {
                    let added = try db.execute(
                        "INSERT INTO tracker (torrent_id, url, tier, position, next_announce_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                        id, url, tier, position, now)
                    position += added
                    count += added
                    if added > 0 { news.append(url) }
                }
                if position > 0 { tier += 1 }
            }
            return news
        }
    }

    /// How many trackers a torrent has, and the tier after its last one.
    private struct Extent: Row {
        static let columns = "count(*), coalesce(max(tier) + 1, 0)"
        let count: Int
        let nextTier: Int

        init(_ row: Statement) throws(StoreError) {
            count = try row.next()
            nextTier = try row.next()
        }
    }

    /// Saves the result of an announce or a scrape. Does nothing when the tracker no longer exists.
    package func save(_ tracker: TrackerRow) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                """
                UPDATE tracker SET position = ?, tracker_id = ?, next_announce_at = ?, min_announce_at = ?, interval = ?, min_interval = ?,
                    failures = ?, last_announce_at = ?, last_success_at = ?, last_error = ?, warning = ?, seeders = ?, leechers = ?, downloads = ?,
                    last_scrape_at = coalesce(?, last_scrape_at), started = ?
                WHERE torrent_id = ? AND url = ?
                """,
                tracker.position, tracker.trackerID, tracker.nextAnnounceAt, tracker.minAnnounceAt,
                tracker.interval?.components.seconds,
                tracker.minInterval?.components.seconds, tracker.failures, tracker.lastAnnounceAt,
                tracker.lastSuccessAt, tracker.lastError,
                tracker.warning, tracker.seeders, tracker.leechers, tracker.downloads, tracker.lastScrapeAt,
                tracker.isStarted,
                tracker.torrent, tracker.url)
            // From now on the DHT treats the torrent as one whose trackers don't work.
            guard tracker.failures > 0 else { return }
            try db.execute(
                "UPDATE torrent SET dht_has_tracker = 0 WHERE id = ? AND dht_has_tracker <> 0", tracker.torrent)
        }
    }

    /// Limits how far ahead announces are planned, because a clock that was set back must not silence dormant torrents:
    /// an announce further away than `longest` is moved to one interval from now. If there is none, this reads one end
    /// of an index.
    package func hastenFarAnnounces(longest: Duration, now: Timestamp) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                "UPDATE tracker SET next_announce_at = ?1 + min(coalesce(interval, 0), ?2) WHERE next_announce_at > ?1 + ?2",
                now,
                longest.components.seconds)
        }
    }

    /// Trackers of the torrent without a planned announce receive one as soon as possible.
    func planMissingAnnounces(of id: TorrentID, now: Timestamp) throws(StoreError) {
        try db.execute(
            "UPDATE tracker SET next_announce_at = max(coalesce(min_announce_at, 0), ?) WHERE torrent_id = ? AND next_announce_at IS NULL",
            now, id)
    }

    /// Trackers with at least `failures` consecutive failures, ordered by their number of torrents, highest first.
    package func failing(failures: Int, limit: Int) throws(StoreError) -> [FailingTracker] {
        try db.fetchAll(
            "FROM tracker WHERE failures >= ? GROUP BY url ORDER BY torrents DESC, url LIMIT ?", failures, limit)
    }

    /// Moves the torrent's announces to `moment` or later.
    package func postponeAnnounces(of id: TorrentID, until moment: Timestamp) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                "UPDATE tracker SET next_announce_at = max(next_announce_at, ?) WHERE torrent_id = ?", moment, id)
        }
    }

    /// Complete torrents that are not paused and have a tracker whose announce is due, longest overdue first. Torrents
    /// in `except` are skipped.
    package func dueTorrents(now: Timestamp, limit: Int, except: Set<TorrentID> = []) throws(StoreError) -> [TorrentID]
    {
        let statement = try db.prepare(
            """
            SELECT r.torrent_id FROM tracker AS r JOIN torrent AS t ON t.id = r.torrent_id
            WHERE r.next_announce_at <= ? AND t.paused = 0 AND t.completed_bytes >= t.wanted_bytes ORDER BY r.next_announce_at
            """)
        defer { statement.reset() }
        try statement.bind([now])
        var due: [TorrentID] = []
        var passed = except
        while due.count < limit, try statement.step() {
            let id: TorrentID = try statement.next()
            if passed.insert(id).inserted { due.append(id) }
        }
        return due
    }

    /// Saves the counts of a scrape (BEP 48).
    package func saveScrape(_ id: TorrentID, _ url: String, seeders: Int, leechers: Int, downloads: Int, now: Timestamp)
        throws(StoreError)
    {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute(
                "UPDATE tracker SET seeders = ?, leechers = ?, downloads = ?, last_scrape_at = ? WHERE torrent_id = ? AND url = ?",
                seeders, leechers,
                downloads, now, id, url)
        }
    }

    /// The time of the next announce of any torrent that is not paused; `nil` when none is planned.
    package func nextAnnounce() throws(StoreError) -> Timestamp? {
        try db.value(
            """
            SELECT r.next_announce_at FROM tracker AS r JOIN torrent AS t ON t.id = r.torrent_id
            WHERE r.next_announce_at IS NOT NULL AND t.paused = 0 ORDER BY r.next_announce_at LIMIT 1
            """)
    }
}
