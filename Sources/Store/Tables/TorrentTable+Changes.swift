import Torrent

/// Changes of one fact of one torrent. Each throws `notFound` when the torrent doesn't exist.
extension TorrentTable {
    /// `error` is one sentence in the states `error`, `offline` and `no_space`, and `nil` otherwise.
    package func setState(_ id: TorrentID, _ state: TorrentState, error: String? = nil, code: ErrorCode? = nil)
        throws(StoreError)
    {
        let sql = "UPDATE torrent SET state = ?, error = ?, error_code = ? WHERE id = ?"
        try change(id, try db.execute(sql, state, error, code, id))
    }

    /// Replaces invalid values in columns that no row type reads, and whose loss costs nothing but a place in the queue
    /// or a permission. Any change of the row fails until then. Returns whether there were any.
    package func replaceInvalidDetails(_ id: TorrentID) throws(StoreError) -> Bool {
        try db.transaction { () throws(StoreError) in
            let isInvalid: Bool? = try db.value(
                """
                SELECT typeof(overwrite) <> 'integer' OR overwrite NOT IN (0, 1) OR typeof(resolved) NOT IN ('text', 'null')
                    OR typeof(root_hash) NOT IN ('integer', 'null') OR typeof(queue_place) <> 'integer'
                    OR typeof(dht_announced_at) NOT IN ('integer', 'null') OR typeof(dht_due_at) <> 'integer'
                    OR typeof(dht_has_tracker) <> 'integer' OR dht_has_tracker NOT IN (0, 1)
                FROM torrent WHERE id = ?
                """, id)
            guard isInvalid == true else { return false }
            try db.execute(
                """
                UPDATE torrent SET overwrite = 0, resolved = NULL, root_hash = NULL, queue_place = 0,
                    dht_announced_at = NULL, dht_due_at = 0, dht_has_tracker = 0
                WHERE id = ?
                """, id)
            return true
        }
    }

    package func setPaused(_ id: TorrentID, _ isPaused: Bool) throws(StoreError) {
        try change(id, try db.execute("UPDATE torrent SET paused = ? WHERE id = ?", isPaused, id))
    }

    /// Stores the settings that differ from the old ones, which were read in the same transaction.
    package func setSettings(_ id: TorrentID, from old: TorrentSettings, to new: TorrentSettings) throws(StoreError) {
        var assignments: [String] = []
        var values: [any SQLValue] = []
        for (column, (before, after)) in zip(TorrentSettings.columns, zip(old.values, new.values))
        where !isEqual(before, after) {
            assignments.append("\(column) = ?")
            values.append(after)
        }
        guard !values.isEmpty else { return }
        let sql = "UPDATE torrent SET \(assignments.joined(separator: ", ")) WHERE id = ?"
        try change(id, try db.execute(sql, all: values + [id]))
    }

    package func setLimits(_ id: TorrentID, _ limits: TorrentLimits) throws(StoreError) {
        let sql = "UPDATE torrent SET download_limit = ?, upload_limit = ?, max_peers = ? WHERE id = ?"
        try change(id, try db.execute(sql, limits.download, limits.upload, limits.peers, id))
    }

    package func setSeedGoal(_ id: TorrentID, _ goal: SeedGoal) throws(StoreError) {
        let sql = "UPDATE torrent SET seed_goal = ?, seed_ratio = ?, seed_seconds = ? WHERE id = ?"
        try change(id, try db.execute(sql, goal.word, goal.ratio, goal.seconds, id))
    }

    package func setSuperSeeding(_ id: TorrentID, _ isOn: Bool) throws(StoreError) {
        try change(id, try db.execute("UPDATE torrent SET super_seed = ? WHERE id = ?", isOn, id))
    }

    package func setReadOnly(_ id: TorrentID, _ isOn: Bool) throws(StoreError) {
        try change(id, try db.execute("UPDATE torrent SET read_only = ? WHERE id = ?", isOn, id))
    }

    /// Records that the payload was moved to `output`, an absolute folder. `resolved` is that folder with its links
    /// resolved, if this makes a difference.
    package func setOutput(_ id: TorrentID, _ output: String, resolved: String? = nil) throws(StoreError) {
        let other = resolved.flatMap { PathText.isSame($0, output) ? nil : $0 }
        try db.transaction { () throws(StoreError) in
            try change(
                id, try db.execute("UPDATE torrent SET output = ?, resolved = ? WHERE id = ?", output, other, id))
            guard let torrent = try row(id) else { throw db.noTorrent(id) }
            try db.roots.index(id, named: torrent.name, in: resolved ?? output)
        }
    }

    /// Records that the root existed. From now on a missing root means that the payload is unreachable; it is never
    /// made again.
    package func setRootSeen(_ id: TorrentID) throws(StoreError) {
        try change(id, try db.execute("UPDATE torrent SET root_seen = 1 WHERE id = ?", id))
    }

    /// Records which files are wanted, their total bytes, and how many of these are in recorded pieces.
    ///
    /// A complete torrent is queued again, because bytes of a newly wanted file may be in the part file: an engine has
    /// to look at it even when no bytes are missing.
    package func setSelection(_ id: TorrentID, wanted: [Bool], wantedBytes: Int64, completedBytes: Int64)
        throws(StoreError)
    {
        try db.transaction { () throws(StoreError) in
            let sql = """
                UPDATE torrent SET wanted_bytes = ?, completed_bytes = ?, state = CASE WHEN state IN (?, ?) THEN ? ELSE state END WHERE id = ?
                """
            try change(
                id,
                try db.execute(
                    sql, wantedBytes, completedBytes, TorrentState.seeding, TorrentState.complete, TorrentState.queued,
                    id))
            try db.execute("UPDATE file SET wanted = 1 WHERE torrent_id = ? AND idx >= 0", id)
            for (index, isWanted) in wanted.enumerated() where !isWanted {
                try db.execute(
                    "INSERT INTO file (torrent_id, idx, wanted) VALUES (?, ?, 0) ON CONFLICT (torrent_id, idx) DO UPDATE SET wanted = 0",
                    id, index)
            }
            try db.files.dropSilent(id)
        }
    }

    /// Whether the torrent may overwrite existing files at its paths.
    package func mayOverwrite(_ id: TorrentID) throws(StoreError) -> Bool {
        try db.value("SELECT overwrite FROM torrent WHERE id = ?", id) ?? false
    }

    package func setOverwrite(_ id: TorrentID, _ isAllowed: Bool) throws(StoreError) {
        try change(id, try db.execute("UPDATE torrent SET overwrite = ? WHERE id = ?", isAllowed, id))
    }

    private func isEqual<Value: Equatable>(_ one: Value, _ other: any Equatable) -> Bool { one == other as? Value }

    /// Throws `notFound` unless the statement changed a row.
    private func change(_ id: TorrentID, _ changedRows: Int) throws(StoreError) {
        guard changedRows > 0 else { throw db.noTorrent(id) }
    }
}
