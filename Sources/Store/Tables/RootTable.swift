import Torrent

/// The table `folder` and the column `root_hash` of `torrent`: they find torrents with the same paths. One indexed root
/// per torrent is enough, because all its paths are at or below it.
///
/// The index stores a hash of the root. Unordered keys, such as names, change about one database page per torrent that
/// is added, unless the whole index fits in a few pages.
package struct RootTable {
    let db: Connection

    /// The torrents whose root is this path.
    package func neighbours(at root: String) throws(StoreError) -> [PathNeighbour] {
        let found: [PathNeighbour] = try db.fetchAll("FROM torrent WHERE root_hash = ?", Self.hash(root))
        return found.filter { PathText.isSame($0.root, root) }
    }

    /// The resolved output folders of torrents that are this path or lie below it. Some may no longer have torrents.
    package func folders(within path: String) throws(StoreError) -> [String] {
        // "0" is the character after "/".
        try db.values("SELECT path FROM folder WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')", path)
    }

    /// Indexes the torrent by its root. `folder` is its output folder with links resolved.
    func index(_ id: TorrentID, named name: String, in folder: String) throws(StoreError) {
        try db.execute(
            "UPDATE torrent SET root_hash = ? WHERE id = ?", Self.hash(NewTorrent.root(named: name, in: folder)), id)
        try noteFolder(folder)
    }

    func noteFolder(_ folder: String) throws(StoreError) {
        try db.execute("INSERT OR IGNORE INTO folder (path) VALUES (?)", folder)
    }

    /// Rebuilds the index for all torrents.
    package func rebuild() throws(StoreError) {
        try db.execute("DELETE FROM folder")
        for torrent in try db.fetchAll("FROM torrent", as: Place.self) {
            try index(torrent.id, named: torrent.name, in: torrent.folder)
        }
    }

    private struct Place: Row {
        static let columns = "id, name, coalesce(resolved, output)"
        let id: TorrentID
        let name: String
        let folder: String

        init(_ row: Statement) throws(StoreError) {
            id = try row.next()
            name = try row.next()
            folder = try row.next()
        }
    }

    /// The root's hash as the index stores it.
    package static func hash(_ root: String) -> Int64 {
        let digest = SHA1.hash(Array(root.utf8))
        return Int64(Int32(truncatingIfNeeded: digest.prefix(4).reduce(0) { $0 << 8 | Int($1) }))
    }
}
