package import Torrent

/// The table `path`: the paths of files as they were when the torrent was added. They show which ``NameRule`` the
/// torrent was added under. ``RenameTable`` has the files whose names are others now.
package struct PathTable {
    let db: Connection

    func insert(_ id: TorrentID, _ layout: FileLayout) throws(StoreError) {
        for file in layout.files {
            try db.execute(
                "INSERT INTO path (torrent_id, idx, path, length, pad) VALUES (?, ?, ?, ?, ?)",
                id, file.index, file.displayPath, file.length, file.isPad)
        }
    }

    /// Joins the other names of files to `path AS p`, for ``current``.
    static let renames = """
        LEFT JOIN renamed AS n ON n.torrent_id = p.torrent_id AND n.idx = p.idx \
        LEFT JOIN renamed AS r ON r.torrent_id = p.torrent_id AND r.idx = -1
        """
    /// The path of a file below the output folder, in a query with ``renames``. The view `v1_file` has the same.
    static let current = """
        CASE WHEN n.path IS NULL AND r.path IS NULL THEN p.path \
        WHEN instr(p.path, '/') = 0 THEN coalesce(r.path, p.path) \
        ELSE coalesce(r.path, substr(p.path, 1, instr(p.path, '/') - 1)) || '/' || \
        coalesce(n.path, substr(p.path, instr(p.path, '/') + 1)) END
        """

    /// The path of one file in the metainfo; `nil` if it isn't recorded.
    package func path(of id: TorrentID, file index: Int) throws(StoreError) -> String? {
        try db.value("SELECT path FROM path WHERE torrent_id = ? AND idx = ?", id, index)
    }

    /// Inserts the paths of torrents that were added before the table existed. A torrent whose metainfo can't be read
    /// gets none; the error is reported when the torrent is activated.
    func fill(_ names: NameRule) throws(StoreError) {
        let ids: [TorrentID] = try db.values(
            "SELECT torrent_id FROM metainfo WHERE torrent_id NOT IN (SELECT torrent_id FROM path)")
        for id in ids {
            guard let file = try db.metainfos.file(of: id) else { continue }
            let layout: FileLayout
            do { layout = try Metainfo(torrentFile: file, names: names).layout } catch { continue }
            try insert(id, layout)
        }
    }

    /// Rewrites all paths, each torrent's under the rule that its recorded paths show.
    package func renew() throws(StoreError) {
        let ids: [TorrentID] = try db.values("SELECT torrent_id FROM metainfo")
        for id in ids {
            var layout: FileLayout?
            if let file = try db.metainfos.file(of: id), let metainfo = try? Metainfo(torrentFile: file) {
                layout = try asAdded(metainfo, id).layout
            }
            try db.execute("DELETE FROM path WHERE torrent_id = ?", id)
            if let layout { try insert(id, layout) }
        }
        try db.execute("DELETE FROM path WHERE torrent_id NOT IN (SELECT torrent_id FROM metainfo)")
    }

    /// The torrent's metainfo with the names that its files have on the disk: those of the rule under which the torrent
    /// was added, unless the user gave them others.
    package func asStored(_ metainfo: Metainfo, _ id: TorrentID) throws(StoreError) -> Metainfo {
        try db.renames.apply(try db.renames.of(id), to: try asAdded(metainfo.withoutRenames, id), id)
    }

    /// The torrent's metainfo with the file names that were used when the torrent was added. The recorded paths show
    /// which ``NameRule`` that was.
    package func asAdded(_ metainfo: Metainfo, _ id: TorrentID) throws(StoreError) -> Metainfo {
        guard let earlier = metainfo.underFirstRule else { return metainfo }
        let path: String? = try db.value(
            "SELECT path FROM path WHERE torrent_id = ? AND idx = ?", id, earlier.file)
        guard let path, PathText.isSame(path, earlier.metainfo.layout.files[earlier.file].displayPath) else {
            return metainfo
        }
        return earlier.metainfo
    }
}
