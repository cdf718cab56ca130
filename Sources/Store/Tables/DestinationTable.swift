/// The table `destination`: torrents that are downloaded in another folder than their own.
package struct DestinationTable {
    let db: Connection

    package func row(_ id: TorrentID) throws(StoreError) -> DestinationRow? {
        try db.fetchFirstIfValid("FROM destination WHERE torrent_id = ?", id)
    }

    /// The torrent moves to the folder when it is complete.
    package func set(_ id: TorrentID, folder: String, mountPath: String?) throws(StoreError) {
        try db.execute(
            """
            INSERT INTO destination (torrent_id, folder, mount_path) VALUES (?, ?, ?) ON CONFLICT (torrent_id)
            DO UPDATE SET folder = excluded.folder, mount_path = excluded.mount_path, problem = NULL
            """, id, folder, mountPath)
    }

    /// The torrent stays where it is.
    package func clear(_ id: TorrentID) throws(StoreError) {
        try db.execute("DELETE FROM destination WHERE torrent_id = ?", id)
    }

    /// Records why the move has to wait.
    package func setProblem(_ id: TorrentID, _ problem: String?) throws(StoreError) {
        try db.execute("UPDATE destination SET problem = ? WHERE torrent_id = ? AND problem IS NOT ?1", problem, id)
    }

    /// The complete torrents that aren't in their own folder yet, ordered by number. Those that a user moves elsewhere
    /// are left out.
    package func due() throws(StoreError) -> [DestinationRow] {
        try db.fetchValid(
            """
            FROM destination AS d WHERE EXISTS (
                SELECT 1 FROM torrent AS t WHERE t.id = d.torrent_id AND t.completed_at IS NOT NULL
                AND t.completed_bytes >= t.wanted_bytes AND (t.wanted_bytes > 0 OR t.total_bytes = 0))
            AND NOT EXISTS (SELECT 1 FROM move AS m WHERE m.torrent_id = d.torrent_id AND m.target <> d.folder)
            ORDER BY torrent_id
            """)
    }

    /// The moves that wait, ordered by torrent.
    package func problems() throws(StoreError) -> [DestinationRow] {
        try db.fetchValid("FROM destination WHERE problem IS NOT NULL ORDER BY torrent_id")
    }
}
