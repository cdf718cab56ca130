package import Torrent

/// The table `torrent`.
package struct TorrentTable {
    let db: Connection

    /// Inserts a torrent with its files, trackers and metainfo. Throws `alreadyPresent`, which carries the id, when the
    /// info hash is already in the database.
    package func insert(_ new: NewTorrent, now: Timestamp) throws(StoreError) -> TorrentID {
        precondition(new.wanted.map { $0.count == new.metainfo.layout.files.count } ?? true, "one flag a file")
        return try db.transaction { () throws(StoreError) in
            if let known = try row(new.metainfo.infoHash) {
                throw db.fault(
                    .alreadyPresent, torrent: known.id,
                    "this torrent is already in the database, as number \(known.id) (\(known.name)): use that one")
            }
            let id = try insertRow(new, now)
            try db.metainfos.insert(new.metainfo, id)
            try db.paths.insert(id, new.metainfo.withoutRenames.layout)
            try db.renames.set(id, new.renames)
            for (index, isWanted) in (new.wanted ?? []).enumerated() where !isWanted {
                try db.execute("INSERT INTO file (torrent_id, idx, wanted) VALUES (?, ?, 0)", id, index)
            }
            try db.trackers.add(
                id, tiers: (new.replacedTrackers ?? new.metainfo.trackers) + new.extraTrackers, now: now)
            try db.webSeeds.note(new.metainfo.webSeeds, of: id)
            try db.events.append(.added, new.name, torrent: id, infoHash: new.metainfo.infoHash, now: now)
            return id
        }
    }

    /// The torrent; `nil` when it doesn't exist.
    package func row(_ id: TorrentID) throws(StoreError) -> TorrentRow? {
        try db.fetchOne("FROM torrent AS t WHERE id = ?", id)
    }

    package func row(_ infoHash: InfoHash) throws(StoreError) -> TorrentRow? {
        try db.fetchOne("FROM torrent AS t WHERE info_hash = ?", infoHash)
    }

    /// All torrents, ordered by number.
    package func rows() throws(StoreError) -> [TorrentRow] { try db.fetchAll("FROM torrent AS t ORDER BY id") }

    package func rows(in state: TorrentState) throws(StoreError) -> [TorrentRow] {
        try db.fetchAll("FROM torrent AS t WHERE state = ? ORDER BY id", state)
    }

    /// At most `limit` torrents in the state, ordered by number.
    package func rows(in state: TorrentState, after id: TorrentID? = nil, limit: Int) throws(StoreError)
        -> [TorrentRow]
    {
        try db.fetchAll(
            "FROM torrent AS t WHERE state = ? AND id > ? ORDER BY id LIMIT ?", state, id ?? TorrentID(.min), limit)
    }

    /// The public ones of at most `limit` torrents that seed and have a higher number, and the number of the last of
    /// them; `nil` if none follows.
    package func publicSeeds(after id: TorrentID?, limit: Int) throws(StoreError) -> (
        hashes: [PublicInfoHash], last: TorrentID?
    ) {
        let statement = try db.prepare(
            """
            SELECT id, info_hash, private FROM torrent WHERE state = 'seeding' AND id > ? ORDER BY id LIMIT ?
            """)
        defer { statement.reset() }
        try statement.bind([id ?? TorrentID(.min), limit])
        var hashes: [PublicInfoHash] = []
        var (count, last) = (0, id)
        while try statement.step() {
            last = try statement.next()
            count += 1
            do throws(StoreError) {
                let infoHash: InfoHash = try statement.next()
                if let hash = PublicInfoHash(infoHash, isPrivate: try statement.next()) { hashes.append(hash) }
            } catch {
                // The engine doesn't work on a torrent with a damaged row.
                guard error.isOfRow else { throw error }
            }
        }
        return (hashes, count < limit ? nil : last)
    }

    /// At most `limit` torrents whose output is the folder.
    package func rows(in folder: String, limit: Int) throws(StoreError) -> [TorrentRow] {
        try db.fetchAll("FROM torrent AS t WHERE output = ? ORDER BY id LIMIT ?", folder, limit)
    }

    /// Complete torrents, in order of their last verification; those that were never verified come first.
    package func leastVerified(limit: Int) throws(StoreError) -> [TorrentRow] {
        try db.fetchAll(
            """
            FROM torrent AS t WHERE completed_bytes >= wanted_bytes AND pieces_have > 0
            ORDER BY last_verified_at, id LIMIT ?
            """, limit)
    }

    /// The torrents that an engine has work on, without a look at the others. They are unpaused, and one of these:
    /// - bytes are missing;
    /// - the metadata isn't known;
    /// - all wanted bytes are there, but no engine has recorded the completion (a torrent of empty files downloads
    ///   nothing, yet its files must be created);
    /// - the torrent is queued although no bytes are missing, because its files must still be put in place.
    package func incomplete() throws(StoreError) -> [TorrentID] {
        try db.values(
            """
            SELECT id FROM torrent WHERE paused = 0 AND completed_bytes < wanted_bytes
            UNION SELECT id FROM torrent WHERE state IN (?, ?, ?, ?, ?, ?) AND paused = 0 AND completed_at IS NULL
            UNION SELECT id FROM torrent WHERE state = ? AND paused = 0 ORDER BY id
            """, TorrentState.queued, TorrentState.downloading, TorrentState.checking, TorrentState.offline,
            TorrentState.error, TorrentState.metadata, TorrentState.queued)
    }

    /// Deletes the torrent and all that is known of it; its events stay.
    package func remove(_ id: TorrentID, now: Timestamp) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            guard let torrent = try row(id) else { throw db.noTorrent(id) }
            try db.execute("DELETE FROM torrent WHERE id = ?", id)
            try db.damage.forgetSuspects(of: id)
            try db.intents.endRemoval(of: id)
            try db.events.append(.removed, torrent.name, torrent: id, infoHash: torrent.infoHash, now: now)
        }
    }

    private func insertRow(_ new: NewTorrent, _ now: Timestamp) throws(StoreError) -> TorrentID {
        let (metainfo, settings) = (new.metainfo, new.settings)
        let folder = new.resolvedOutput ?? new.output
        try db.roots.noteFolder(folder)
        return try insertRow(
            [
                ("info_hash", metainfo.infoHash), ("name", new.name), ("output", new.output),
                ("total_bytes", metainfo.geometry.totalBytes), ("piece_length", metainfo.geometry.pieceLength),
                ("piece_count", metainfo.geometry.pieceCount), ("private", metainfo.isPrivate),
                ("state", settings.isPaused ? TorrentState.paused : .queued), ("wanted_bytes", new.wantedBytes),
                ("added_at", now), ("resolved", new.resolvedOutput), ("overwrite", new.mayOverwrite),
                ("root_hash", RootTable.hash(NewTorrent.root(named: new.name, in: folder))),
            ], settings)
    }

    /// Inserts a row with these columns and settings.
    func insertRow(_ facts: [(name: String, value: any SQLValue)], _ settings: TorrentSettings) throws(StoreError)
        -> TorrentID
    {
        let columns = facts + zip(TorrentSettings.columns, settings.values).map { ($0, $1) }
        let names = columns.map(\.name).joined(separator: ", ")
        let places = columns.map { _ in "?" }.joined(separator: ", ")
        let id: TorrentID? = try db.value(
            "INSERT INTO torrent (\(names)) VALUES (\(places)) RETURNING id", all: columns.map(\.value))
        guard let id else {
            throw db.fault(
                .other, "SQLite inserted a torrent but returned no id: version 3.37 or later is needed")
        }
        return id
    }
}
