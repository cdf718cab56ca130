import Torrent

/// A file of a torrent, with its full path.
package struct NamedFile: Sendable, Hashable {
    package let index: Int
    /// The path below the torrent's output folder.
    package let path: String
    package let length: Int64
    package let isPad: Bool
    package let isWanted: Bool
}

/// A torrent whose files may have the same paths as another torrent's.
package struct PathNeighbour: Sendable, Hashable {
    package let id: TorrentID
    package let name: String
    package let output: String
    /// The resolved output folder and the torrent's name: all paths of the torrent are at or below it.
    package let root: String
}

/// Finds torrents with the same paths. One indexed root per torrent is enough, because all its paths are at or below
/// it.
///
/// The index stores a hash of the root. Unordered keys, such as names, change about one database page per torrent that
/// is added, unless the whole index fits in a few pages.
extension Connection {
    /// The torrents whose root is this path.
    package func neighbours(at root: String) throws(StoreError) -> [PathNeighbour] {
        try rows(
            "SELECT id, name, output, coalesce(resolved, output) FROM torrent WHERE root_hash = ?", Self.hash(root)
        ) {
            (row) throws(StoreError) in
            let (id, name, output) = (
                try row.next(TorrentID.self), try row.next(String.self), try row.next(String.self)
            )
            return PathNeighbour(
                id: id, name: name, output: output, root: NewTorrent.root(named: name, in: try row.next()))
        }.filter { PathText.isSame($0.root, root) }
    }

    /// The resolved output folders of torrents that are this path or lie below it. Some may no longer have torrents.
    package func outputFolders(within path: String) throws(StoreError) -> [String] {
        // "0" is the character after "/".
        try rows("SELECT path FROM folder WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')", path) {
            (row) throws(StoreError) in
            try row.next()
        }
    }

    /// Indexes the torrent by its root. `folder` is its output folder with links resolved.
    func indexRoot(_ id: TorrentID, named name: String, in folder: String) throws(StoreError) {
        try execute(
            "UPDATE torrent SET root_hash = ? WHERE id = ?", Self.hash(NewTorrent.root(named: name, in: folder)), id)
        try noteFolder(folder)
    }

    func noteFolder(_ folder: String) throws(StoreError) {
        try execute("INSERT OR IGNORE INTO folder (path) VALUES (?)", folder)
    }

    /// Rebuilds the index for all torrents.
    package func indexRoots() throws(StoreError) {
        try execute("DELETE FROM folder")
        let torrents = try rows("SELECT id, name, coalesce(resolved, output) FROM torrent") {
            (row) throws(StoreError) in
            (id: try row.next(TorrentID.self), name: try row.next(String.self), folder: try row.next(String.self))
        }
        for torrent in torrents { try indexRoot(torrent.id, named: torrent.name, in: torrent.folder) }
    }

    /// The root's hash as the index stores it.
    static func hash(_ root: String) -> Int64 {
        let digest = SHA1.hash(Array(root.utf8))
        return Int64(Int32(truncatingIfNeeded: digest.prefix(4).reduce(0) { $0 << 8 | Int($1) }))
    }

    /// The torrent's files, as they were named when the torrent was added.
    package func namedFiles(of id: TorrentID) throws(StoreError) -> [NamedFile] {
        let sql = """
            SELECT p.idx, p.path, p.length, p.pad, coalesce(f.wanted, 1) FROM path AS p
            LEFT JOIN file AS f ON f.torrent_id = p.torrent_id AND f.idx = p.idx WHERE p.torrent_id = ? ORDER BY p.idx
            """
        return try rows(sql, id) { (row) throws(StoreError) in
            try row.sound { (row) throws(StoreError) in
                NamedFile(
                    index: try row.next(), path: try row.next(), length: try row.nextBytes(), isPad: try row.next(),
                    isWanted: try row.next())
            }
        }.compactMap(\.self)
    }
}
