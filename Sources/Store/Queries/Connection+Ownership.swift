import Torrent

/// Another torrent that holds a file which looks like the same one: it recorded the same inode.
package struct FileHolder: Sendable, Hashable {
    package let torrent: TorrentID
    /// The torrent's name, for messages.
    package let name: String
    /// The file's place in that torrent's metainfo, from 0.
    package let index: Int
    /// The output folder and the path below it: where the file is, if it is still there.
    package let output: String
    package let path: String
    /// Whether that torrent, too, only reads the file.
    package let isShared: Bool
    /// Whether all bytes of the file are recorded.
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
    /// The file's place in the metainfo, from 0, or ``FingerprintRow/partFile``.
    package let index: Int
    /// The torrent was about to create the file, or was allowed to overwrite it.
    package let isMade: Bool
    /// The torrent only reads the file, which another one writes.
    package let isShared: Bool
}

/// Whose the payload files are.
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

    /// Notes that the torrent is about to create these files. It must be durable before the first of them exists: after
    /// a crash it tells the torrent's own file from one that somebody else put there.
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

    /// Takes such notes back: somebody else's file is in the place.
    package func withdrawFiles(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard !files.isEmpty else { return }
        try transaction(durability: .lazy) { () throws(StoreError) in
            for index in files { try execute("UPDATE file SET made = 0 WHERE torrent_id = ? AND idx = ?", id, index) }
            try dropSilentFiles(id)
        }
    }

    /// Whether the torrent may overwrite files that it finds at its paths.
    package func mayOverwrite(_ id: TorrentID) throws(StoreError) -> Bool {
        try first("SELECT overwrite FROM torrent WHERE id = ?", id) { (row) throws(StoreError) in
            try row.next(Bool.self)
        } ?? false
    }

    package func setOverwrite(_ id: TorrentID, _ isAllowed: Bool) throws(StoreError) {
        try change(id, try execute("UPDATE torrent SET overwrite = ? WHERE id = ?", isAllowed, id))
    }

    /// Ends the user's leave to overwrite, if it still counts: from now on these files are the torrent's own, and no
    /// others.
    package func useLeaveToOverwrite(_ id: TorrentID, _ files: [Int]) throws(StoreError) {
        guard try mayOverwrite(id) else { return }
        try transaction(durability: .full) { () throws(StoreError) in
            try announceFiles(id, files)
            try setOverwrite(id, false)
        }
    }

    /// The files of other torrents that were recorded with this inode, in the order of their torrents. Whether one is
    /// really the same file, a look at the disk tells.
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

    /// The same for one file of a torrent, whether or not anything is recorded of it; `nil` when there is none.
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

    /// More torrents than this that hold one file aren't looked at: a stale inode can be recorded many times.
    private static let holderLimit = 64
}
