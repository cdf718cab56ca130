import Torrent

/// Another torrent that recorded the same inode for one of its files, which is therefore probably the same file.
package struct FileHolder: Sendable, Hashable {
    package let torrent: TorrentID
    /// The torrent's name, for messages.
    package let name: String
    /// The file's index in that torrent's metainfo, from 0.
    package let index: Int
    /// The output folder and the path below it, at which the file is if it still exists.
    package let output: String
    package let path: String
    /// Whether that torrent, too, only reads the file.
    package let isShared: Bool
    /// Whether all bytes of the file are recorded as present.
    package let isWhole: Bool

    package init(
        torrent: TorrentID, name: String, index: Int, output: String, path: String, isShared: Bool, isWhole: Bool
    ) {
        self.torrent = torrent
        self.name = name
        self.index = index
        self.output = output
        self.path = path
        self.isShared = isShared
        self.isWhole = isWhole
    }
}

/// What is remembered of one file's ownership.
package struct OwnershipRow: Sendable, Hashable {
    /// The file's index in the metainfo, from 0, or ``FingerprintRow/partFile``.
    package let index: Int
    /// The torrent was about to create the file, or was allowed to overwrite it.
    package let isMade: Bool
    /// The torrent only reads the file, which another torrent writes.
    package let isShared: Bool
}

/// The ownership of payload files.
extension Connection {
    /// The files that the torrent created, was about to create, or shares with another torrent.
    package func ownership(of id: TorrentID) throws(StoreError) -> [OwnershipRow] {
        try rows("SELECT idx, made, shared FROM file WHERE torrent_id = ? AND (made OR shared) ORDER BY idx", id) {
            (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in
                OwnershipRow(index: try row.next(), isMade: try row.next(), isShared: try row.next())
            }
        }.compactMap(\.self)
    }

    /// Records that the torrent is about to create these files. The record must be durable before the first of them
    /// exists: after a crash it distinguishes the torrent's own file from one that another program put there.
    package func announceFiles(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard !files.isEmpty else { return }
        try transaction(durability: .full) { () throws(StoreError) in
            guard try pieceCount(of: id) != nil else { throw noTorrent(id) }
            for index in files {
                try execute(
                    "INSERT INTO file (torrent_id, idx, made) VALUES (?, ?, 1) ON CONFLICT (torrent_id, idx) DO UPDATE SET made = 1",
                    id, index)
            }
        }
    }

    /// Withdraws such records, because another program's file is at the path.
    package func withdrawFiles(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard !files.isEmpty else { return }
        try transaction(durability: .lazy) { () throws(StoreError) in
            for index in files { try execute("UPDATE file SET made = 0 WHERE torrent_id = ? AND idx = ?", id, index) }
            try dropSilentFiles(id)
        }
    }

    /// Whether the torrent may overwrite existing files at its paths.
    package func mayOverwrite(_ id: TorrentID) throws(StoreError) -> Bool {
        try first("SELECT overwrite FROM torrent WHERE id = ?", id) { (row) throws(StoreError) in
            try row.next(Bool.self)
        } ?? false
    }

    package func setOverwrite(_ id: TorrentID, _ isAllowed: Bool) throws(StoreError) {
        try change(id, try execute("UPDATE torrent SET overwrite = ? WHERE id = ?", isAllowed, id))
    }

    /// Ends the user's permission to overwrite, if it still stands: from now on the torrent owns these files and no
    /// others.
    package func useLeaveToOverwrite(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard try mayOverwrite(id) else { return }
        try transaction(durability: .full) { () throws(StoreError) in
            try announceFiles(id, files)
            try setOverwrite(id, false)
        }
    }

    /// The files of other torrents that were recorded with this inode, ordered by torrent. Only a look at the disk can
    /// show whether one of them is really the same file.
    package func holders(ofInode inode: Int64, besides id: TorrentID) throws(StoreError) -> [FileHolder] {
        let sql = """
            SELECT t.id, t.name, p.idx, t.output, p.path, f.shared, f.completed_bytes >= p.length
            FROM file AS f JOIN torrent AS t ON t.id = f.torrent_id JOIN path AS p ON p.torrent_id = f.torrent_id AND p.idx = f.idx
            WHERE f.inode = ? AND f.torrent_id <> ? ORDER BY t.id LIMIT \(Self.holderLimit)
            """
        return try rows(sql, inode, id) { (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in
                FileHolder(
                    torrent: try row.next(), name: try row.next(), index: try row.next(),
                    output: try row.nextAbsolutePath(), path: try row.next(),
                    isShared: try row.next(), isWhole: try row.next())
            }
        }.compactMap(\.self)
    }

    /// The same for one file of a torrent, whether or not anything is recorded about it; `nil` when there is no such
    /// file.
    package func holder(_ infoHash: InfoHash, file index: Int) throws(StoreError) -> FileHolder? {
        let sql = """
            SELECT t.id, t.name, p.idx, t.output, p.path, coalesce(f.shared, 0), coalesce(f.completed_bytes, 0) >= p.length
            FROM torrent AS t JOIN path AS p ON p.torrent_id = t.id LEFT JOIN file AS f ON f.torrent_id = p.torrent_id AND f.idx = p.idx
            WHERE t.info_hash = ? AND p.idx = ?
            """
        return try first(sql, infoHash, index) { (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in
                FileHolder(
                    torrent: try row.next(), name: try row.next(), index: try row.next(),
                    output: try row.nextAbsolutePath(), path: try row.next(),
                    isShared: try row.next(), isWhole: try row.next())
            }
        } ?? nil
    }

    /// The most holders of one file that are looked at, because a stale inode may be recorded many times.
    private static let holderLimit = 64
}
