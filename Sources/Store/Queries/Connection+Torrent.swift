import Torrent

extension Connection {
    /// The most trackers that are kept for one torrent; a .torrent file may name more.
    package static let trackerLimit = 256

    /// Inserts a torrent with its files, trackers and metainfo. Throws `alreadyPresent`, which carries the id, when the
    /// info hash is already in the database.
    package func insertTorrent(_ new: NewTorrent, now: Timestamp) throws(StoreError) -> TorrentID {
        precondition(new.wanted.map { $0.count == new.metainfo.layout.files.count } ?? true, "one flag a file")
        return try transaction { () throws(StoreError) in
            let known = try first("SELECT id, name FROM torrent WHERE info_hash = ?", new.metainfo.infoHash) {
                (row) throws(StoreError) in
                (id: try row.next(TorrentID.self), name: try row.next(String.self))
            }
            if let known {
                throw fault(
                    .alreadyPresent, torrent: known.id,
                    "this torrent is already in the database, as number \(known.id) (\(known.name)): use that one")
            }
            let id = try insertRow(new, now)
            try insertMetainfo(new.metainfo, id)
            try insertPaths(id, new.metainfo.layout)
            for (index, isWanted) in (new.wanted ?? []).enumerated() where !isWanted {
                try execute("INSERT INTO file (torrent_id, idx, wanted) VALUES (?, ?, 0)", id, index)
            }
            try addTrackers(id, tiers: new.metainfo.trackers + new.extraTrackers, now: now)
            try appendEvent(.added, new.metainfo.name, torrent: id, infoHash: new.metainfo.infoHash, now: now)
            return id
        }
    }

    /// The torrent; `nil` when it doesn't exist.
    package func torrent(_ id: TorrentID) throws(StoreError) -> TorrentRow? {
        try first("SELECT \(TorrentRow.columns) FROM torrent AS t WHERE id = ?", id) { (row) throws(StoreError) in
            try TorrentRow(row)
        }
    }

    package func torrent(_ infoHash: InfoHash) throws(StoreError) -> TorrentRow? {
        try first("SELECT \(TorrentRow.columns) FROM torrent AS t WHERE info_hash = ?", infoHash) {
            (row) throws(StoreError) in
            try TorrentRow(row)
        }
    }

    /// All torrents, ordered by number.
    package func torrents() throws(StoreError) -> [TorrentRow] {
        try rows("SELECT \(TorrentRow.columns) FROM torrent AS t ORDER BY id") { (row) throws(StoreError) in
            try TorrentRow(row)
        }
    }

    package func torrents(in state: TorrentState) throws(StoreError) -> [TorrentRow] {
        try rows("SELECT \(TorrentRow.columns) FROM torrent AS t WHERE state = ? ORDER BY id", state) {
            (row) throws(StoreError) in
            try TorrentRow(row)
        }
    }

    /// The torrents that an engine has work on, without a look at the others. They are unpaused, and one of these:
    /// - bytes are missing;
    /// - all wanted bytes are there, but no engine has recorded the completion (a torrent of empty files downloads
    ///   nothing, yet its files must be created);
    /// - the torrent is queued although no bytes are missing, because its files must still be put in place.
    package func incompleteTorrents() throws(StoreError) -> [TorrentID] {
        try rows(
            """
            SELECT id FROM torrent WHERE paused = 0 AND completed_bytes < wanted_bytes
            UNION SELECT id FROM torrent WHERE state IN (?, ?, ?, ?, ?) AND paused = 0 AND completed_at IS NULL
            UNION SELECT id FROM torrent WHERE state = ? AND paused = 0 ORDER BY id
            """, TorrentState.queued, TorrentState.downloading, TorrentState.checking, TorrentState.offline,
            TorrentState.error,
            TorrentState.queued
        ) { (row) throws(StoreError) in try row.next() }
    }

    /// Deletes the torrent and all that is known of it; its events stay.
    package func removeTorrent(_ id: TorrentID, now: Timestamp) throws(StoreError) {
        try transaction { () throws(StoreError) in
            guard let torrent = try torrent(id) else { throw noTorrent(id) }
            try execute("DELETE FROM torrent WHERE id = ?", id)
            try appendEvent(.removed, torrent.name, torrent: id, infoHash: torrent.infoHash, now: now)
        }
    }

    func noTorrent(_ id: TorrentID) -> StoreError {
        fault(
            .notFound, torrent: id, "there is no torrent \(id); see `pieces status`")
    }

    private func insertRow(_ new: NewTorrent, _ now: Timestamp) throws(StoreError) -> TorrentID {
        let (metainfo, settings) = (new.metainfo, new.settings)
        let folder = new.resolvedOutput ?? new.output
        try noteFolder(folder)
        let id = try first(
            """
            INSERT INTO torrent (info_hash, name, output, total_bytes, piece_length, piece_count, private, paused, sequential, allocate_full,
                download_limit, upload_limit, max_peers, seed_goal, seed_ratio, seed_seconds, state, wanted_bytes, added_at, resolved, overwrite, root_hash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            RETURNING id
            """,
            metainfo.infoHash, metainfo.name, new.output, metainfo.geometry.totalBytes, metainfo.geometry.pieceLength,
            metainfo.geometry.pieceCount,
            metainfo.isPrivate, settings.isPaused, settings.isSequential, settings.allocatesFull,
            settings.limits.download, settings.limits.upload,
            settings.limits.peers, settings.seedGoal.word, settings.seedGoal.ratio, settings.seedGoal.seconds,
            settings.isPaused ? TorrentState.paused : .queued, new.wantedBytes, now, new.resolvedOutput,
            new.mayOverwrite,
            Self.hash(NewTorrent.root(named: metainfo.name, in: folder))
        ) { (row) throws(StoreError) in try row.next(TorrentID.self) }
        guard let id else {
            throw fault(
                .other, "SQLite inserted a torrent but returned no id: version 3.37 or later is needed")
        }
        return id
    }
}
