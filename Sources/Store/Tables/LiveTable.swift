/// The tables `live` and `live_peer`: a running engine's reports on its active torrents and their connections.
package struct LiveTable {
    let db: Connection

    /// The download rate of all torrents together, in bytes per second.
    package func downloadRate() throws(StoreError) -> Int64 {
        try db.value("SELECT coalesce(sum(download_rate), 0) FROM live") ?? 0
    }

    /// Saves the reports on active torrents. Torrents that no longer exist are left out.
    package func save(_ rows: [LiveRow]) throws(StoreError) {
        guard !rows.isEmpty else { return }
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            for live in rows {
                try db.execute(
                    """
                    INSERT INTO live (torrent_id, download_rate, upload_rate, peers_connected, seeders, leechers, eta_seconds, at, spread_pieces)
                    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE EXISTS (SELECT 1 FROM torrent WHERE id = ?1)
                    ON CONFLICT (torrent_id) DO UPDATE SET download_rate = ?2, upload_rate = ?3, peers_connected = ?4, seeders = ?5, leechers = ?6,
                        eta_seconds = ?7, at = ?8, spread_pieces = ?9
                    """,
                    live.torrent, live.downloadRate, live.uploadRate, live.peersConnected, live.seeders, live.leechers,
                    live.timeLeft?.components.seconds, live.at, live.spreadPieces)
            }
        }
    }

    package func row(of id: TorrentID) throws(StoreError) -> LiveRow? {
        try db.fetchFirstIfValid("FROM live AS l WHERE torrent_id = ?", id)
    }

    /// Deletes the report on a torrent that was deactivated, or all reports.
    package func clear(_ id: TorrentID? = nil) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute("DELETE FROM live WHERE torrent_id = coalesce(?, torrent_id)", id)
            try db.execute("DELETE FROM live_peer WHERE torrent_id = coalesce(?, torrent_id)", id)
        }
    }

    // MARK: Connections

    /// Replaces the report on the torrent's connections. Does nothing when the torrent no longer exists.
    package func savePeers(_ id: TorrentID, _ peers: [LivePeerRow]) throws(StoreError) {
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.execute("DELETE FROM live_peer WHERE torrent_id = ?", id)
            for peer in peers {
                try db.execute(
                    """
                    INSERT OR REPLACE INTO live_peer (torrent_id, \(LivePeerRow.columns))
                    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE EXISTS (SELECT 1 FROM torrent WHERE id = ?1)
                    """,
                    id, peer.address, peer.isIncoming,
                    peer.client.map { String($0.prefix(PeerTable.clientNameLimit)) }, peer.pieces, peer.flags,
                    peer.downloadRate, peer.uploadRate, peer.downloadedBytes, peer.uploadedBytes, peer.requests)
            }
        }
    }

    /// The connections in the latest report, fastest first.
    package func peers(of id: TorrentID) throws(StoreError) -> [LivePeerRow] {
        try db.fetchAll(
            "FROM live_peer WHERE torrent_id = ? ORDER BY download_rate + upload_rate DESC, address", id)
    }
}
