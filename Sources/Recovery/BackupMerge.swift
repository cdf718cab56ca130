import Store
import Torrent

/// Completes a recovered database: fills gaps from the backup, and resolves contradictions.
struct BackupMerge {
    struct Outcome {
        var salvaged: Set<TorrentID> = []
        var fromBackup: Set<TorrentID> = []
        /// The names of the torrents, or their numbers.
        var lost: [String] = []
    }

    private let db: Connection
    private let damaged: Set<String>
    /// Whether a backup with the same schema is attached as `old`.
    private let hasBackup: Bool
    private var outcome = Outcome()

    /// `db` is in a transaction, with foreign keys off.
    init(_ db: Connection, damaged: Set<String>, hasBackup: Bool) {
        self.db = db
        self.damaged = damaged
        self.hasBackup = hasBackup
    }

    mutating func run(strays: Set<Int64>, sequences: [String: Int64]) throws(StoreError) -> Outcome {
        let removed = "SELECT torrent_id FROM event WHERE kind = 'removed' AND torrent_id IS NOT NULL"
        for id in strays.sorted() { try db.execute("DELETE FROM torrent WHERE id = ? AND id IN (\(removed))", id) }
        var matching = MetainfoMatching(db)
        try matching.run()
        outcome.salvaged = Set(try ids("SELECT id FROM torrent"))
        if hasBackup { try fillUp(removed) }
        try nameOrphans(removed)
        try dropOrphans()
        for id in outcome.salvaged.union(outcome.fromBackup).sorted() { try examine(id) }
        try keepNumbersUnused(sequences)
        return outcome
    }

    // MARK: The backup

    private mutating func fillUp(_ removed: String) throws(StoreError) {
        let shapes = try db.tableShapes()
        if damaged.contains("torrent"), let torrent = shapes.first(where: { $0.name == "torrent" }) {
            let names = Self.names(torrent)
            try db.execute(
                "INSERT OR IGNORE INTO torrent (\(names)) SELECT \(names) FROM old.torrent WHERE id NOT IN (\(removed))"
            )
            outcome.fromBackup = Set(try ids("SELECT id FROM torrent")).subtracting(outcome.salvaged)
        }
        for shape in shapes where shape.name != "torrent" {
            let names = Self.names(shape)
            let copy = "INSERT OR IGNORE INTO \"\(shape.name)\" (\(names)) SELECT \(names) FROM old.\"\(shape.name)\""
            let isDamaged = damaged.contains(shape.name)
            if !shape.hasTorrentID || shape.name == "event" {
                if isDamaged { try db.execute(copy) }
            } else if isDamaged {
                try db.execute(
                    copy
                        + " WHERE torrent_id IN (SELECT o.id FROM old.torrent AS o JOIN torrent AS t USING (id, info_hash))"
                )
            } else {
                for id in outcome.fromBackup.sorted() { try db.execute(copy + " WHERE torrent_id = ?", id) }
            }
        }
    }

    private static func names(_ shape: TableShape) -> String {
        shape.columns.map { "\"\($0.name)\"" }.joined(separator: ", ")
    }

    // MARK: Contradictions

    /// Reports torrents of which only the .torrent is left, because the location of their payload is lost.
    private mutating func nameOrphans(_ removed: String) throws(StoreError) {
        let orphans = try ids(
            "SELECT torrent_id FROM metainfo WHERE torrent_id NOT IN (SELECT id FROM torrent) AND torrent_id NOT IN (\(removed))"
        )
        for id in orphans {
            // A .torrent that can't be decoded has no name.
            outcome.lost.append(try metainfo(of: id)?.name ?? "number \(id)")
        }
    }

    /// Deletes rows whose parent row is missing, or clears their reference to it, as their foreign key says.
    private func dropOrphans() throws(StoreError) {
        let keys: [ForeignKey] = try db.fetchAll(
            "FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) AS k WHERE t.schema = 'main'")
        for key in keys {
            let condition =
                "WHERE \"\(key.column)\" IS NOT NULL AND \"\(key.column)\" NOT IN (SELECT \"\(key.key)\" FROM \"\(key.parent)\")"
            if key.action == "SET NULL" {
                try db.execute("UPDATE \"\(key.table)\" SET \"\(key.column)\" = NULL \(condition)")
            } else {
                try db.execute("DELETE FROM \"\(key.table)\" \(condition)")
            }
        }
    }

    /// A reference of one table to another.
    private struct ForeignKey: Row {
        static let columns = "t.name, k.\"from\", k.\"table\", coalesce(k.\"to\", 'id'), k.on_delete"
        let table: String
        let column: String
        let parent: String
        let key: String
        let action: String

        init(_ row: Statement) throws(StoreError) {
            table = try row.next()
            column = try row.next()
            parent = try row.next()
            key = try row.next()
            action = try row.next()
        }
    }

    /// Makes the row agree with the .torrent, which is right about itself. A damaged .torrent is replaced by the
    /// backup's, if it has one.
    private mutating func examine(_ id: TorrentID) throws(StoreError) {
        guard let row = try db.torrents.row(id) else { return }
        var found = try metainfo(of: id)
        if found == nil, !row.hasMetadata { return try keepLink(row) }
        if found?.infoHash != row.infoHash, hasBackup {
            try db.execute(
                """
                REPLACE INTO metainfo SELECT m.* FROM old.metainfo AS m JOIN old.torrent AS o ON o.id = m.torrent_id
                WHERE o.id = ?1 AND (o.info_hash = ?2 OR ?3)
                """, id, row.infoHash, found == nil)
            found = try metainfo(of: id)
        }
        guard let metainfo = found, try belong(metainfo, row) else {
            outcome.salvaged.remove(id)
            outcome.fromBackup.remove(id)
            outcome.lost.append(row.name)
            return
        }
        try db.adopt(metainfo, id)
    }

    /// The metadata of a magnet link hasn't arrived, so there is nothing to agree with. If the link is lost, the info
    /// hash is enough of it: its trackers and web seeds have tables of their own.
    private func keepLink(_ row: TorrentRow) throws(StoreError) {
        try db.execute(
            "INSERT OR IGNORE INTO magnet (torrent_id, link) VALUES (?, ?)", row.id,
            MagnetLink(infoHash: row.infoHash, name: row.name))
    }

    /// Whether the .torrent belongs to the row. If their info hashes differ, the event log decides.
    private func belong(_ metainfo: Metainfo, _ row: TorrentRow) throws(StoreError) -> Bool {
        if metainfo.infoHash == row.infoHash { return true }
        guard try db.loggedInfoHash(of: row.id) == metainfo.infoHash else { return false }
        return try db.torrents.row(metainfo.infoHash) == nil
    }

    /// The decoded .torrent; `nil` when it is missing or can't be decoded.
    private func metainfo(of id: TorrentID) throws(StoreError) -> Metainfo? {
        guard let file = try db.metainfos.file(of: id) else { return nil }
        do throws(MetainfoError) { return try Metainfo(torrentFile: file) } catch { return nil }
    }

    /// Prevents the numbers of deleted rows from being used again.
    private func keepNumbersUnused(_ sequences: [String: Int64]) throws(StoreError) {
        var highest = sequences.filter { $0.value < Int64.max / 2 }
        let seen =
            try db.value("SELECT max(torrent_id) FROM event", as: Int64?.self) ?? nil
        highest["torrent"] = max(highest["torrent"] ?? 0, seen ?? 0)
        for (table, number) in highest {
            try db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", number, table)
        }
    }

    private func ids(_ sql: String) throws(StoreError) -> [TorrentID] {
        try db.values(sql)
    }
}

extension Connection {
    /// Makes the torrent's row agree with the .torrent.
    fileprivate func adopt(_ metainfo: Metainfo, _ id: TorrentID) throws(StoreError) {
        let skipped = Set(
            try values("SELECT idx FROM file WHERE torrent_id = ? AND wanted = 0", id, as: Int.self))
        var wantedBytes: Int64 = 0
        for file in metainfo.layout.files where !file.isPad && !skipped.contains(file.index) {
            wantedBytes += file.length
        }
        try execute("DELETE FROM file WHERE torrent_id = ? AND idx >= ?", id, metainfo.layout.files.count)
        try execute("DELETE FROM partial_piece WHERE torrent_id = ? AND piece >= ?", id, metainfo.geometry.pieceCount)
        try execute(
            """
            UPDATE torrent SET name = iif(piece_length IS NULL, ?7, name), info_hash = ?1, total_bytes = ?2, piece_length = ?3, piece_count = ?4, pieces_have = min(pieces_have, ?4), private = ?5,
                wanted_bytes = ?6, completed_bytes = min(completed_bytes, ?6)
            WHERE id = ?8
            """,
            metainfo.infoHash, metainfo.geometry.totalBytes, metainfo.geometry.pieceLength,
            metainfo.geometry.pieceCount, metainfo.isPrivate,
            wantedBytes, metainfo.name, id)
        // A backup may be from the time when its metadata hadn't arrived.
        try execute("DELETE FROM magnet WHERE torrent_id = ?", id)
        try execute("DELETE FROM metadata_block WHERE torrent_id = ?", id)
        try execute(
            "UPDATE metainfo SET pieces_offset = ?, info_offset = ?, info_length = ? WHERE torrent_id = ?",
            metainfo.pieceHashesRange.lowerBound, metainfo.infoRange.lowerBound, metainfo.infoRange.count, id)
    }
}
