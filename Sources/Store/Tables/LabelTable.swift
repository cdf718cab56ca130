/// The table `label`: names by which commands and policies choose torrents. A torrent may have several.
package struct LabelTable {
    let db: Connection

    /// The labels of the torrent, in the order of their bytes.
    package func names(of id: TorrentID) throws(StoreError) -> [String] {
        try db.values("SELECT name FROM label WHERE torrent_id = ? ORDER BY name", id)
    }

    /// All labels with their torrents, in the order of their bytes.
    package func counts() throws(StoreError) -> [LabelCount] {
        try db.fetchAll("FROM label AS l JOIN torrent AS t ON t.id = l.torrent_id GROUP BY l.name ORDER BY l.name")
    }

    /// The torrents that have every one of these labels, ordered by number. Reads no other torrents.
    package func torrents(with names: [String]) throws(StoreError) -> [TorrentID] {
        guard let first = names.first else { return [] }
        var ids: [TorrentID] = try db.values("SELECT torrent_id FROM label WHERE name = ? ORDER BY torrent_id", first)
        for name in names.dropFirst() {
            let others = Set(
                try db.values("SELECT torrent_id FROM label WHERE name = ?", name, as: TorrentID.self))
            ids.removeAll { !others.contains($0) }
        }
        return ids
    }

    /// Whether any torrent has the label.
    package func exists(_ name: String) throws(StoreError) -> Bool {
        try db.value("SELECT 1 FROM label WHERE name = ? LIMIT 1", name, as: Int.self) != nil
    }

    /// Gives the torrent a label; nothing changes if it has the label already. `name` is a ``LabelName``.
    package func add(_ name: String, to id: TorrentID) throws(StoreError) {
        try db.execute("INSERT OR IGNORE INTO label (torrent_id, name) VALUES (?, ?)", id, name)
    }

    package func remove(_ name: String, from id: TorrentID) throws(StoreError) {
        try db.execute("DELETE FROM label WHERE torrent_id = ? AND name = ?", id, name)
    }
}
