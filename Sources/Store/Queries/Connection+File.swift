import Torrent

/// What is remembered of a file. A file with nothing to remember has no row.
package struct FileRow: Sendable, Hashable {
    /// The file's index in the metainfo, from 0, or ``FingerprintRow/partFile``.
    package let index: Int
    package let isWanted: Bool
    package let completedBytes: Int64
}

extension Connection {
    /// The files that have a row.
    package func files(of id: TorrentID) throws(StoreError) -> [FileRow] {
        try rows("SELECT idx, wanted, completed_bytes FROM file WHERE torrent_id = ? ORDER BY idx", id) {
            (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in
                FileRow(index: try row.next(), isWanted: try row.next(), completedBytes: try row.nextBytes())
            }
        }.compactMap(\.self)
    }

    /// Whether each of the torrent's `count` files is wanted.
    package func wanted(of id: TorrentID, count: Int) throws(StoreError) -> [Bool] {
        var wanted = [Bool](repeating: true, count: count)
        let skipped = try rows("SELECT idx FROM file WHERE torrent_id = ? AND wanted = 0", id) {
            (row) throws(StoreError) in try row.next(Int.self)
        }
        for index in skipped where wanted.indices.contains(index) { wanted[index] = false }
        return wanted
    }

    /// The files as they were after their last sync.
    package func fingerprints(of id: TorrentID) throws(StoreError) -> [FingerprintRow] {
        try rows(
            "SELECT idx, size, mtime_ns, inode, device, born_ns FROM file WHERE torrent_id = ? AND size IS NOT NULL ORDER BY idx",
            id
        ) {
            (row) throws(StoreError) in try row.sound(FingerprintRow.init)
        }.compactMap(\.self)
    }

    /// Forgets the fingerprints of these files, or of all files, so that the files are inspected before they are
    /// trusted.
    package func clearFingerprints(_ id: TorrentID, files: [Int]? = nil) throws(StoreError) {
        let clear =
            "UPDATE file SET size = NULL, mtime_ns = NULL, inode = NULL, device = NULL, fingerprint_at = NULL, born_ns = NULL WHERE torrent_id = ?"
        try transaction { () throws(StoreError) in
            if let files {
                for index in files { try execute(clear + " AND idx = ?", id, index) }
            } else {
                try execute(clear, id)
            }
            try dropSilentFiles(id)
        }
    }

    func saveFingerprint(_ id: TorrentID, _ file: FingerprintRow, at moment: Timestamp) throws(StoreError) {
        try execute(
            """
            INSERT INTO file (torrent_id, idx, size, mtime_ns, inode, device, fingerprint_at, born_ns, shared) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                EXISTS (SELECT 1 FROM file AS o WHERE o.inode = ?5 AND o.device = ?6 AND o.torrent_id <> ?1 AND o.shared = 0))
            ON CONFLICT (torrent_id, idx) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode,
                device = excluded.device, fingerprint_at = excluded.fingerprint_at, born_ns = excluded.born_ns, made = 0, shared = CASE
                    WHEN file.inode IS excluded.inode AND file.device IS excluded.device THEN file.shared ELSE excluded.shared END
            """,
            id, file.index, file.size, file.mtimeNs, file.inode, file.device, moment, file.bornNs)
    }

    func saveFileBytes(_ id: TorrentID, _ file: FileBytes) throws(StoreError) {
        try execute(
            """
            INSERT INTO file (torrent_id, idx, completed_bytes) VALUES (?, ?, ?)
            ON CONFLICT (torrent_id, idx) DO UPDATE SET completed_bytes = excluded.completed_bytes
            """,
            id, file.index, file.completed)
    }

    /// Deletes the rows whose values are all defaults, which a missing row also implies.
    func dropSilentFiles(_ id: TorrentID) throws(StoreError) {
        try execute(
            "DELETE FROM file WHERE torrent_id = ? AND wanted = 1 AND completed_bytes = 0 AND size IS NULL AND made = 0",
            id)
    }
}
