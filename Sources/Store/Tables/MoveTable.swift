package import Torrent

/// The tables `move` and `move_file`: payload that is being moved to another folder.
package struct MoveTable {
    let db: Connection

    /// The unfinished move of the torrent; `nil` if there is none.
    package func row(_ id: TorrentID) throws(StoreError) -> MoveRow? {
        try db.fetchFirstIfValid("FROM move WHERE torrent_id = ?", id)
    }

    /// All unfinished moves, ordered by torrent.
    package func rows() throws(StoreError) -> [MoveRow] { try db.fetchValid("FROM move ORDER BY torrent_id") }

    /// Whether no engine may work on the torrent, because its files are being moved.
    package func isHeld(_ id: TorrentID) throws(StoreError) -> Bool { try row(id)?.isHeld ?? false }

    /// Begins a move: the torrent is held until ``end(_:)`` or ``setOutput(_:to:resolved:)``.
    package func begin(_ id: TorrentID, to target: String, now: Timestamp) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            guard let torrent = try db.torrents.row(id) else { throw db.noTorrent(id) }
            try db.execute(
                "INSERT INTO move (torrent_id, source, target, step, was_paused, began_at) VALUES (?, ?, ?, ?, ?, ?)",
                id, torrent.output, target, MoveRow.Step.waiting, torrent.settings.isPaused, now)
            try db.torrents.setPaused(id, true)
            if let row = try row(id) { try db.torrents.setState(id, .paused, error: row.sentence) }
        }
    }

    /// Lists the files that are moved.
    package func setFiles(_ id: TorrentID, _ files: [MoveFileRow]) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            try db.execute("DELETE FROM move_file WHERE torrent_id = ?", id)
            for file in files {
                let print = file.before.print
                try db.execute(
                    "INSERT INTO move_file (torrent_id, idx, stays, size, mtime_ns, inode, device) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    id, file.before.index, file.stays, print.size, print.mtimeNs, print.inode, print.device)
            }
            try db.execute("UPDATE move SET step = ? WHERE torrent_id = ?", MoveRow.Step.placing, id)
        }
    }

    /// The files that are moved, in the order of the torrent.
    package func files(of id: TorrentID) throws(StoreError) -> [MoveFileRow] {
        try db.fetchAll("FROM move_file WHERE torrent_id = ? ORDER BY idx", id)
    }

    /// Records synced copies, so that a later attempt recognizes them.
    package func setCopies(_ id: TorrentID, _ copies: [FingerprintRow]) throws(StoreError) {
        try db.transaction(durability: .full) { () throws(StoreError) in
            for copy in copies {
                try db.execute(
                    """
                    UPDATE move_file SET copy_size = ?, copy_mtime_ns = ?, copy_inode = ?, copy_device = ?
                    WHERE torrent_id = ? AND idx = ?
                    """, copy.print.size, copy.print.mtimeNs, copy.print.inode,
                    copy.print.device, id, copy.index)
            }
        }
    }

    /// Notes that the engine of this run doesn't use the torrent's files.
    package func release(_ id: TorrentID, by run: RunID) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            guard let row = try row(id), row.isHeld else { return }
            try db.execute("UPDATE move SET released = ? WHERE torrent_id = ?", run, id)
            try db.torrents.setState(id, .paused, error: row.sentence)
        }
    }

    /// The same for all torrents, at the start of an engine.
    package func releaseAll(by run: RunID) throws(StoreError) { try db.execute("UPDATE move SET released = ?", run) }

    /// Records what the user wants for after the move. Returns whether the torrent is held; otherwise nothing changes.
    package func setPausedAfterwards(_ id: TorrentID, _ isPaused: Bool) throws(StoreError) -> Bool {
        guard try isHeld(id) else { return false }
        try db.execute("UPDATE move SET was_paused = ? WHERE torrent_id = ?", isPaused, id)
        return true
    }

    /// The torrent is in the new folder from now on, and no longer held. `resolved` is the folder with its links
    /// resolved; `fingerprints` are those of the moved files.
    package func arrive(_ id: TorrentID, resolved: String, _ fingerprints: [FingerprintRow], now: Timestamp)
        throws(StoreError)
    {
        try db.transaction(durability: .full) { () throws(StoreError) in
            guard let move = try row(id) else { throw db.noTorrent(id) }
            try db.torrents.setOutput(id, move.target, resolved: resolved)
            try db.files.clearFingerprints(id)
            for print in fingerprints { try db.files.saveFingerprint(id, print, at: now) }
            try db.torrents.setRootSeen(id)
            try db.execute("UPDATE move SET step = ? WHERE torrent_id = ?", MoveRow.Step.removing, id)
            try letGo(move)
            try db.events.append(.moved, "from \(move.source) to \(move.target)", torrent: id, now: now)
            // Wherever it is now, it stays there.
            if try db.destinations.row(id) != nil {
                try db.destinations.clear(id)
                if try db.torrents.row(id)?.isComplete ?? false {
                    try db.events.append(.placed, move.target, torrent: id, now: now)
                }
            }
        }
    }

    /// The files have their new names from now on, and the torrent is no longer held. `fingerprints` are those of the
    /// renamed files; `folder` is the output folder with its links resolved.
    package func arriveRenamed(_ id: TorrentID, in folder: String, _ fingerprints: [FingerprintRow], now: Timestamp)
        throws(StoreError)
    {
        try db.transaction(durability: .full) { () throws(StoreError) in
            guard let move = try row(id), let torrent = try db.torrents.row(id) else { throw db.noTorrent(id) }
            let detail = try db.renames.exchange(id)
            if let name = detail.name, !PathText.isSame(name, torrent.name) {
                try db.execute("UPDATE torrent SET name = ? WHERE id = ?", name, id)
                try db.roots.index(id, named: name, in: folder)
            }
            for print in fingerprints { try db.files.saveFingerprint(id, print, at: now) }
            try db.execute("UPDATE move SET step = ? WHERE torrent_id = ?", MoveRow.Step.removing, id)
            try letGo(move)
            try db.events.append(.renamed, detail.sentence, torrent: id, now: now)
        }
    }

    /// Forgets the move, because it is finished or was undone.
    package func end(_ id: TorrentID) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            guard let move = try row(id) else { return }
            try db.execute("DELETE FROM move WHERE torrent_id = ?", id)
            if move.isHeld { try letGo(move) }
        }
    }

    private func letGo(_ move: MoveRow) throws(StoreError) {
        try db.torrents.setPaused(move.torrent, move.wasPaused)
        if let row = try db.torrents.row(move.torrent) { try db.torrents.setState(row.id, row.stateAtRest) }
    }
}
