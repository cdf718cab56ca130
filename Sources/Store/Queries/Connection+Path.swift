import Torrent

/// The paths of files as they were when the torrent was added: SQL can name them, and they tell the ``NameRule`` of the
/// torrent.
extension Connection {
    func insertPaths(_ id: TorrentID, _ layout: FileLayout) throws(StoreError) {
        for file in layout.files {
            try execute(
                "INSERT INTO path (torrent_id, idx, path, length, pad) VALUES (?, ?, ?, ?, ?)",
                id, file.index, file.displayPath, file.length, file.isPad)
        }
    }

    /// Names the files of the torrents that were added before there was a table for it. A metainfo that can't be read
    /// has none: its torrent says so when it is woken.
    func fillPaths(_ names: NameRule) throws(StoreError) {
        let ids = try rows("SELECT torrent_id FROM metainfo WHERE torrent_id NOT IN (SELECT torrent_id FROM path)") {
            (row) throws(StoreError) in
            try row.next(TorrentID.self)
        }
        for id in ids {
            guard let file = try metainfo(of: id) else { continue }
            let layout: FileLayout
            do { layout = try Metainfo(torrentFile: file, names: names).layout } catch { continue }
            try insertPaths(id, layout)
        }
    }

    /// Writes all paths anew, each torrent's under the rule that the paths that are there tell.
    func renewPaths() throws(StoreError) {
        let ids = try rows("SELECT torrent_id FROM metainfo") { (row) throws(StoreError) in try row.next(TorrentID.self)
        }
        for id in ids {
            var layout: FileLayout?
            if let file = try metainfo(of: id), let metainfo = try? Metainfo(torrentFile: file) {
                layout = try asAdded(metainfo, id).layout
            }
            try execute("DELETE FROM path WHERE torrent_id = ?", id)
            if let layout { try insertPaths(id, layout) }
        }
        try execute("DELETE FROM path WHERE torrent_id NOT IN (SELECT torrent_id FROM metainfo)")
    }

    /// The torrent's .torrent with the names that its files got when the torrent was added: the table of paths tells
    /// under which ``NameRule``.
    package func asAdded(_ metainfo: Metainfo, _ id: TorrentID) throws(StoreError) -> Metainfo {
        guard let earlier = metainfo.underFirstRule else { return metainfo }
        let path = try first("SELECT path FROM path WHERE torrent_id = ? AND idx = ?", id, earlier.file) {
            (row) throws(StoreError) in
            try row.next(String.self)
        }
        guard let path, PathText.isSame(path, earlier.metainfo.layout.files[earlier.file].displayPath) else {
            return metainfo
        }
        return earlier.metainfo
    }
}
