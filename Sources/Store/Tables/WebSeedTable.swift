package import Torrent

/// The tables `web_seed` and `web_seed_file`: HTTP servers that have files of torrents (BEP 19).
package struct WebSeedTable {
    let db: Connection

    /// The most web seeds of one torrent.
    package static let limit = AnnounceList.maximumCount
    /// The most files of one torrent whose locations are remembered.
    private static let fileLimit = 10_000
    /// How long it is remembered that a web seed lacks a file.
    package static let memory = Duration.seconds(7 * 24 * 3600)

    /// The torrent's web seeds, without those that the user removed.
    package func rows(of id: TorrentID) throws(StoreError) -> [WebSeedRow] {
        try db.fetchValid("FROM web_seed WHERE torrent_id = ? AND removed = 0 ORDER BY url", id)
    }

    /// The torrent's web seeds, with those of its .torrent that have no rows yet.
    package func rows(of id: TorrentID, in metainfo: Metainfo) throws(StoreError) -> [WebSeedRow] {
        let known: [WebSeedRow] = try db.fetchValid("FROM web_seed WHERE torrent_id = ? ORDER BY url", id)
        let urls = Set(known.map(\.url))
        let others = metainfo.webSeeds.filter { !urls.contains($0) }.map { WebSeedRow(url: $0, origin: .metainfo) }
        return known.filter { !$0.isRemoved } + others
    }

    /// What is known of the files on the torrent's web seeds since `since`.
    package func files(of id: TorrentID, since: Timestamp) throws(StoreError) -> [WebSeedFileRow] {
        try db.fetchValid("FROM web_seed_file WHERE torrent_id = ? AND at >= ? ORDER BY url, idx", id, since)
    }

    /// Makes rows for the web seeds that a .torrent names. Known ones stay unchanged, removed ones too.
    package func note(_ urls: [String], of id: TorrentID) throws(StoreError) {
        guard !urls.isEmpty else { return }
        try insert(urls, of: id, origin: .metainfo)
    }

    /// Adds web seeds from a magnet link, or from the user. What was known of those that the torrent has already is
    /// forgotten, so that they are asked again at once. Returns the URLs that are new.
    @discardableResult
    package func add(torrent id: TorrentID, urls: [String], origin: WebSeedRow.Origin = .magnet) throws(StoreError)
        -> [String]
    {
        try db.transaction { () throws(StoreError) in
            for url in urls {
                try db.execute(
                    """
                    UPDATE web_seed SET removed = 0, failures = 0, last_error = NULL, rests_until = NULL
                    WHERE torrent_id = ? AND url = ?
                    """, id, url)
                try db.execute("DELETE FROM web_seed_file WHERE torrent_id = ? AND url = ?", id, url)
            }
            return try insert(urls, of: id, origin: origin)
        }
    }

    @discardableResult
    private func insert(_ urls: [String], of id: TorrentID, origin: WebSeedRow.Origin) throws(StoreError) -> [String] {
        try db.transaction { () throws(StoreError) in
            var count: Int = try db.value("SELECT count(*) FROM web_seed WHERE torrent_id = ?", id) ?? 0
            var news: [String] = []
            for url in urls where count < Self.limit {
                let added = try db.execute(
                    "INSERT INTO web_seed (torrent_id, url, origin) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, url,
                    origin)
                count += added
                if added > 0 { news.append(url) }
            }
            return news
        }
    }

    /// Removes web seeds. Those of the .torrent stay removed. Returns the URLs that the torrent had.
    package func remove(torrent id: TorrentID, urls: [String]) throws(StoreError) -> [String] {
        try db.transaction { () throws(StoreError) in
            var gone: [String] = []
            for url in urls {
                let count = try db.execute(
                    "UPDATE web_seed SET removed = 1 WHERE torrent_id = ? AND url = ? AND removed = 0", id, url)
                try db.execute("DELETE FROM web_seed_file WHERE torrent_id = ? AND url = ?", id, url)
                if count > 0 { gone.append(url) }
            }
            return gone
        }
    }

    /// Saves what an engine learned of the web seeds. Does nothing for those that no longer exist.
    package func save(_ seeds: [WebSeedRow], of id: TorrentID) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            for seed in seeds {
                try db.execute(
                    """
                    UPDATE web_seed SET failures = ?, last_error = ?, rests_until = ?, rate = ?, live_rate = ?, live_at = ?,
                        downloaded_bytes = ?, last_used_at = ?
                    WHERE torrent_id = ? AND url = ?
                    """, seed.failures, seed.lastError, seed.restsUntil, seed.rate, seed.liveRate, seed.liveAt,
                    seed.downloadedBytes, seed.lastUsedAt, id, seed.url)
            }
        }
    }

    /// Saves what an engine learned of files. Does nothing for web seeds that no longer exist.
    package func save(_ files: [WebSeedFileRow], of id: TorrentID) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            // Locations beyond a limit are found again when they are needed.
            var left =
                try Self.fileLimit - (db.value("SELECT count(*) FROM web_seed_file WHERE torrent_id = ?", id) ?? 0)
            for file in files where left > 0 || file.lacking != nil {
                left -= 1
                try db.execute(
                    """
                    INSERT OR REPLACE INTO web_seed_file (torrent_id, url, idx, lacking, location, at)
                    SELECT ?1, ?2, ?3, ?4, ?5, ?6
                    WHERE EXISTS (SELECT 1 FROM web_seed WHERE torrent_id = ?1 AND url = ?2)
                    """, id, file.url, file.index, file.lacking, file.location, file.at)
            }
        }
    }
}
