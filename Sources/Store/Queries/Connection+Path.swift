import Torrent

/// The paths of files, so that SQL can name them; the metainfo is what counts.
extension Connection {
    func insertPaths(_ id: TorrentID, _ layout: FileLayout) throws(StoreError) {
        for file in layout.files {
            try execute(
                "INSERT INTO path (torrent_id, idx, path, length, pad) VALUES (?, ?, ?, ?, ?)",
                id, file.index, file.displayPath, file.length, file.isPad)
        }
    }

    /// Names the files of the torrents that were added before there was a table for it. A metainfo that can't be read has none: its torrent
    /// says so when it is woken.
    func fillPaths() throws(StoreError) {
        let ids = try rows("SELECT torrent_id FROM metainfo WHERE torrent_id NOT IN (SELECT torrent_id FROM path)") { (row) throws(StoreError) in
            try row.next(TorrentID.self)
        }
        for id in ids {
            guard let file = try metainfo(of: id) else { continue }
            let layout: FileLayout
            do { layout = try Metainfo(torrentFile: file).layout } catch { continue }
            try insertPaths(id, layout)
        }
    }
}
