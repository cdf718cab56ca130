package import Torrent

/// The table `note`: what the user wrote about torrents.
package struct NoteTable {
    let db: Connection

    package func row(of id: TorrentID) throws(StoreError) -> NoteRow? {
        try db.fetchFirstIfValid("FROM note WHERE torrent_id = ?", id)
    }

    /// Replaces the torrent's note; `nil` deletes it.
    package func set(_ id: TorrentID, _ text: String?, now: Timestamp) throws(StoreError) {
        guard let text else {
            try db.execute("DELETE FROM note WHERE torrent_id = ?", id)
            return
        }
        try db.execute(
            """
            INSERT INTO note (torrent_id, text, at) VALUES (?, ?, ?)
            ON CONFLICT (torrent_id) DO UPDATE SET text = excluded.text, at = excluded.at
            """, id, text, now)
    }
}
