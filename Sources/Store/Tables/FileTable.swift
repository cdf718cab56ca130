package import Torrent

/// The table `file`: selection, progress, fingerprints and ownership of payload files.
package struct FileTable {
    let db: Connection

    /// The files that have a row.
    package func rows(of id: TorrentID) throws(StoreError) -> [FileRow] {
        try db.fetchValid("FROM file WHERE torrent_id = ? ORDER BY idx", id)
    }

    /// The torrent's files, as they are named on the disk.
    package func named(of id: TorrentID) throws(StoreError) -> [NamedFile] {
        try db.fetchValid(
            """
            FROM path AS p LEFT JOIN file AS f ON f.torrent_id = p.torrent_id AND f.idx = p.idx \(PathTable.renames)
            WHERE p.torrent_id = ? ORDER BY p.idx
            """, id)
    }

    /// Whether each of the torrent's `count` files is wanted.
    package func wanted(of id: TorrentID, count: Int) throws(StoreError) -> [Bool] {
        var wanted = [Bool](repeating: true, count: count)
        let skipped: [Int] = try db.values("SELECT idx FROM file WHERE torrent_id = ? AND wanted = 0", id)
        for index in skipped where wanted.indices.contains(index) { wanted[index] = false }
        return wanted
    }

    /// The files as they were after their last sync.
    package func fingerprints(of id: TorrentID) throws(StoreError) -> [FingerprintRow] {
        try db.fetchValid("FROM file WHERE torrent_id = ? AND size IS NOT NULL ORDER BY idx", id)
    }

    /// The same for some of the files.
    package func fingerprints(of id: TorrentID, files: [Int]) throws(StoreError) -> [FingerprintRow] {
        var rows: [FingerprintRow] = []
        for index in files {
            let row: FingerprintRow? = try db.fetchFirstIfValid(
                "FROM file WHERE torrent_id = ? AND idx = ? AND size IS NOT NULL", id, index)
            if let row { rows.append(row) }
        }
        return rows
    }

    /// Forgets the fingerprints of these files, or of all files, so that the files are inspected before they are
    /// trusted.
    package func clearFingerprints(_ id: TorrentID, files: [Int]? = nil) throws(StoreError) {
        let clear =
            "UPDATE file SET size = NULL, mtime_ns = NULL, inode = NULL, device = NULL, fingerprint_at = NULL, born_ns = NULL WHERE torrent_id = ?"
        try db.transaction { () throws(StoreError) in
            if let files {
                for index in files { try db.execute(clear + " AND idx = ?", id, index) }
            } else {
                try db.execute(clear, id)
            }
            try dropSilent(id)
        }
    }

    /// Records the state of the file, which was synced before.
    package func saveFingerprint(_ id: TorrentID, _ file: FingerprintRow, at moment: Timestamp) throws(StoreError) {
        try db.execute(
            """
            INSERT INTO file (torrent_id, idx, size, mtime_ns, inode, device, fingerprint_at, born_ns, shared) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                EXISTS (SELECT 1 FROM file AS o WHERE o.inode = ?5 AND o.device = ?6 AND o.torrent_id <> ?1 AND o.shared = 0))
            ON CONFLICT (torrent_id, idx) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode,
                device = excluded.device, fingerprint_at = excluded.fingerprint_at, born_ns = excluded.born_ns, made = 0, shared = CASE
                    WHEN file.inode IS excluded.inode AND file.device IS excluded.device THEN file.shared ELSE excluded.shared END
            """,
            id, file.index, file.print.size, file.print.mtimeNs, file.print.inode, file.print.device, moment,
            file.print.bornNs)
    }

    func saveBytes(_ id: TorrentID, _ file: FileBytes) throws(StoreError) {
        try db.execute(
            """
            INSERT INTO file (torrent_id, idx, completed_bytes) VALUES (?, ?, ?)
            ON CONFLICT (torrent_id, idx) DO UPDATE SET completed_bytes = excluded.completed_bytes
            """,
            id, file.index, file.completed)
    }

    /// Deletes the rows whose values are all defaults, which a missing row also implies.
    func dropSilent(_ id: TorrentID) throws(StoreError) {
        try db.execute(
            "DELETE FROM file WHERE torrent_id = ? AND wanted = 1 AND completed_bytes = 0 AND size IS NULL AND made = 0",
            id)
    }
}
