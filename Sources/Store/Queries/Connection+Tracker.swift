extension Connection {
    /// The torrent's trackers, in the order in which they are tried (BEP 12).
    package func trackers(of id: TorrentID) throws(StoreError) -> [TrackerRow] {
        try rows("SELECT \(TrackerRow.columns) FROM tracker AS r WHERE torrent_id = ? ORDER BY tier, position, url", id)
        {
            (row) throws(StoreError) in try row.sound(TrackerRow.init)
        }.compactMap(\.self)
    }

    /// Adds tiers after the existing ones. Addresses that the torrent already has stay unchanged, and those beyond
    /// ``trackerLimit`` are left out. Returns the addresses that were added.
    @discardableResult
    package func addTrackers(_ id: TorrentID, tiers: [[String]], now: Timestamp) throws(StoreError) -> [String] {
        try transaction { () throws(StoreError) in
            var news: [String] = []
            let known = try first("SELECT count(*), coalesce(max(tier) + 1, 0) FROM tracker WHERE torrent_id = ?", id) {
                (row) throws(StoreError) in
                (count: try row.next(Int.self), tier: try row.next(Int.self))
            }
            guard var (count, tier) = known else { return news }
            for urls in tiers {
                var position = 0
                for url in urls where count < Self.trackerLimit {
                    let added = try execute(
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

    /// Saves the result of an announce or a scrape. Does nothing when the tracker no longer exists.
    package func saveTracker(_ tracker: TrackerRow) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
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
        }
    }

    /// Limits how far ahead announces are planned, because a clock that was set back must not silence dormant torrents:
    /// an announce further away than `longest` is moved to one interval from now. If there is none, this reads one end
    /// of an index.
    package func hastenFarAnnounces(longest: Duration, now: Timestamp) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                "UPDATE tracker SET next_announce_at = ?1 + min(coalesce(interval, 0), ?2) WHERE next_announce_at > ?1 + ?2",
                now,
                longest.components.seconds)
        }
    }

    /// Moves the torrent's announces to `moment` or later.
    package func postponeAnnounces(of id: TorrentID, until moment: Timestamp) throws(StoreError) {
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                "UPDATE tracker SET next_announce_at = max(next_announce_at, ?) WHERE torrent_id = ?", moment, id)
        }
    }

    /// Complete torrents that are not paused and have a tracker whose announce is due, longest overdue first. Torrents
    /// in `except` are skipped.
    package func dueTorrents(now: Timestamp, limit: Int, except: Set<TorrentID> = []) throws(StoreError) -> [TorrentID]
    {
        let statement = try prepare(
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
        try transaction(durability: .lazy) { () throws(StoreError) in
            try execute(
                "UPDATE tracker SET seeders = ?, leechers = ?, downloads = ?, last_scrape_at = ? WHERE torrent_id = ? AND url = ?",
                seeders, leechers,
                downloads, now, id, url)
        }
    }

    /// The time of the next announce of any torrent that is not paused; `nil` when none is planned.
    package func nextAnnounce() throws(StoreError) -> Timestamp? {
        try first(
            """
            SELECT r.next_announce_at FROM tracker AS r JOIN torrent AS t ON t.id = r.torrent_id
            WHERE r.next_announce_at IS NOT NULL AND t.paused = 0 ORDER BY r.next_announce_at LIMIT 1
            """
        ) { (row) throws(StoreError) in try row.next() }
    }
}
