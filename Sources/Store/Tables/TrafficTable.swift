import Torrent

/// The table `traffic`: the bytes transferred per day, over all torrents. They stay when a torrent is removed.
struct TrafficTable {
    let db: Connection

    /// Adds to the day (UTC) of `now`. Call it in the transaction that changes the torrent's own counters.
    func add(downloaded: Int64, uploaded: Int64, wasted: Int64, now: Timestamp) throws(StoreError) {
        guard downloaded != 0 || uploaded != 0 || wasted != 0 else { return }
        try db.execute(
            """
            INSERT INTO traffic (day, downloaded_bytes, uploaded_bytes, wasted_bytes) VALUES (?1 / 86400, ?2, ?3, ?4)
            ON CONFLICT (day) DO UPDATE SET downloaded_bytes = downloaded_bytes + ?2, uploaded_bytes = uploaded_bytes + ?3,
                wasted_bytes = wasted_bytes + ?4
            """, now, downloaded, uploaded, wasted)
    }
}
