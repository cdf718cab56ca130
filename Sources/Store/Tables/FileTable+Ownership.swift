package import Torrent

/// The ownership of payload files.
extension FileTable {
    /// The files that the torrent created, was about to create, or shares with another torrent.
    package func ownership(of id: TorrentID) throws(StoreError) -> [OwnershipRow] {
        try db.fetchValid("FROM file WHERE torrent_id = ? AND (made OR shared) ORDER BY idx", id)
    }

    /// Records that the torrent is about to create these files. The record must be durable before the first of them
    /// exists: after a crash it distinguishes the torrent's own file from one that another program put there.
    package func announce(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard !files.isEmpty else { return }
        try db.transaction(durability: .full) { () throws(StoreError) in
            guard try db.pieces.count(of: id) != nil else { throw db.noTorrent(id) }
            for index in files {
                try db.execute(
                    "INSERT INTO file (torrent_id, idx, made) VALUES (?, ?, 1) ON CONFLICT (torrent_id, idx) DO UPDATE SET made = 1",
                    id, index)
            }
        }
    }

    /// Withdraws such records, because another program's file is at the path.
    package func withdraw(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard !files.isEmpty else { return }
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            for index in files {
                try db.execute("UPDATE file SET made = 0 WHERE torrent_id = ? AND idx = ?", id, index)
            }
            try dropSilent(id)
        }
    }

    /// Records that no other torrent writes these files any more.
    package func takeOver(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            for index in files {
                try db.execute("UPDATE file SET shared = 0 WHERE torrent_id = ? AND idx = ?", id, index)
            }
        }
    }

    /// Ends the user's permission to overwrite, if it still stands: from now on the torrent owns these files and no
    /// others.
    package func usePermissionToOverwrite(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard try db.torrents.mayOverwrite(id) else { return }
        try db.transaction(durability: .full) { () throws(StoreError) in
            try announce(id, files)
            try db.torrents.setOverwrite(id, false)
        }
    }

    /// The files of other torrents that were recorded with this inode, ordered by torrent. Only a look at the disk can
    /// show whether one of them is really the same file.
    package func holders(ofInode inode: UInt64, besides id: TorrentID) throws(StoreError) -> [FileHolder] {
        try db.fetchValid(
            """
            FROM file AS f JOIN torrent AS t ON t.id = f.torrent_id
            JOIN path AS p ON p.torrent_id = f.torrent_id AND p.idx = f.idx \(PathTable.renames)
            WHERE f.inode = ? AND f.torrent_id <> ? ORDER BY t.id LIMIT \(Self.holderLimit)
            """, inode, id)
    }

    /// The same for one file of a torrent, whether or not anything is recorded about it; `nil` when there is no such
    /// file.
    package func holder(_ infoHash: InfoHash, file index: Int) throws(StoreError) -> FileHolder? {
        try db.fetchFirstIfValid(
            """
            FROM torrent AS t JOIN path AS p ON p.torrent_id = t.id
            LEFT JOIN file AS f ON f.torrent_id = p.torrent_id AND f.idx = p.idx \(PathTable.renames)
            WHERE t.info_hash = ? AND p.idx = ?
            """, infoHash, index)
    }

    /// The most holders of one file that are looked at, because a stale inode may be recorded many times.
    private static let holderLimit = 64
}
