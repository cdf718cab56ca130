package import Torrent

/// The table `damage`: pieces that were recorded as present and turned out not to be.
package struct DamageTable {
    let db: Connection

    /// The most repaired pieces that are kept; the oldest are deleted when another one is repaired.
    package static let repairedLimit = 100_000

    /// The damage of the torrent that isn't repaired, by piece.
    package func standing(of id: TorrentID) throws(StoreError) -> [DamageRow] {
        try db.fetchValid("FROM damage AS d WHERE d.torrent_id = ? AND d.state <> 'repaired' ORDER BY d.piece", id)
    }

    /// All damage that isn't repaired, by torrent and piece.
    package func standing(limit: Int = .max) throws(StoreError) -> [DamageRow] {
        try db.fetchValid(
            "FROM damage AS d WHERE d.state <> 'repaired' ORDER BY d.torrent_id, d.piece LIMIT ?", limit)
    }

    /// The newest damage of the torrent or of all, newest first.
    package func rows(of id: TorrentID? = nil, limit: Int) throws(StoreError) -> [DamageRow] {
        guard let id else { return try db.fetchValid("FROM damage AS d ORDER BY d.id DESC LIMIT ?", limit) }
        return try db.fetchValid("FROM damage AS d WHERE d.torrent_id = ? ORDER BY d.id DESC LIMIT ?", id, limit)
    }

    /// How many pieces are damaged and not repaired. Reads only an index.
    package func standingCount() throws(StoreError) -> Int {
        try db.value("SELECT count(*) FROM damage WHERE state <> 'repaired'") ?? 0
    }

    /// Torrents with standing damage.
    package func torrents() throws(StoreError) -> [TorrentID] {
        try db.values("SELECT DISTINCT torrent_id FROM damage WHERE state <> 'repaired' ORDER BY torrent_id")
    }

    /// Records damage. A piece whose damage stands already gets the new kind; a repair that didn't last is counted.
    package func add(_ new: [NewDamage], of id: TorrentID, now: Timestamp) throws(StoreError) {
        try db.transaction(durability: .full) { () throws(StoreError) in
            for damage in new {
                try db.execute(
                    """
                    INSERT INTO damage (torrent_id, piece, kind, state, path, file_offset, bytes, bad_bytes, volume_id, found_at)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT volume_id FROM torrent WHERE id = ?1), ?9)
                    ON CONFLICT (torrent_id, piece) WHERE state <> 'repaired' DO UPDATE SET
                        kind = excluded.kind, file_offset = excluded.file_offset, bad_bytes = excluded.bad_bytes,
                        tries = tries + (state = 'written'), state = excluded.state
                    """, id, damage.piece.value, damage.kind,
                    damage.isHeld ? DamageRow.State.held : DamageRow.State.waiting, damage.path, damage.fileOffset,
                    damage.bytes, damage.badBytes, now)
            }
        }
    }

    /// Moves standing damage of these pieces to another state.
    package func setState(_ id: TorrentID, _ pieces: [PieceIndex], _ state: DamageRow.State) throws(StoreError) {
        guard !pieces.isEmpty else { return }
        try db.transaction { () throws(StoreError) in
            for piece in pieces {
                try db.execute(
                    "UPDATE damage SET state = ? WHERE torrent_id = ? AND piece = ? AND state <> 'repaired'", state, id,
                    piece.value)
            }
        }
    }

    /// Stops the repair of what is to be fetched on the volume. Returns the torrents whose damage changed.
    package func hold(on volume: VolumeID) throws(StoreError) -> [TorrentID] {
        try db.transaction(durability: .full) { () throws(StoreError) in
            let torrents: [TorrentID] = try db.values(
                "SELECT DISTINCT torrent_id FROM damage WHERE volume_id = ? AND state IN ('waiting', 'unavailable')",
                volume)
            try db.execute(
                "UPDATE damage SET state = 'held' WHERE volume_id = ? AND state IN ('waiting', 'unavailable')", volume)
            return torrents
        }
    }

    /// Marks the pieces as written; their claim is recorded in the same transaction.
    func written(_ pieces: [RepairedPiece], of id: TorrentID) throws(StoreError) {
        for piece in pieces {
            try db.execute(
                """
                UPDATE damage SET state = 'written', source = ?, bad_bytes = coalesce(?, bad_bytes), bad_bits = ?,
                    path = coalesce(?, path), file_offset = coalesce(?, file_offset)
                WHERE torrent_id = ? AND piece = ? AND state <> 'repaired'
                """, piece.source, piece.badBytes, piece.badBits, piece.firstBad?.path, piece.firstBad?.fileOffset, id,
                piece.piece.value)
        }
    }

    /// The pieces were read back and are good.
    package func repaired(_ pieces: [PieceIndex], of id: TorrentID, now: Timestamp) throws(StoreError) {
        guard !pieces.isEmpty else { return }
        try db.transaction(durability: .full) { () throws(StoreError) in
            for piece in pieces {
                try db.execute(
                    """
                    UPDATE damage SET state = 'repaired', repaired_at = ?
                    WHERE torrent_id = ? AND piece = ? AND state <> 'repaired'
                    """, now, id, piece.value)
            }
            try db.execute(
                """
                DELETE FROM damage WHERE state = 'repaired' AND id <= (
                    SELECT id FROM damage WHERE state = 'repaired' ORDER BY id DESC LIMIT 1 OFFSET ?)
                """, Self.repairedLimit)
        }
    }

    /// What stands and what was repaired, over all torrents of each volume.
    package func sums() throws(StoreError) -> [DamageSum] {
        try db.fetchAll("FROM damage GROUP BY volume_id")
    }
}

/// The damage on a volume.
package struct DamageSum: Row, Sendable, Hashable {
    package static let columns = """
        volume_id, count(*), sum(state = 'repaired'), sum(state IN ('waiting', 'written')), sum(state = 'unavailable'), \
        sum(state = 'held')
        """

    package let volume: VolumeID?
    package let found: Int
    package let repaired: Int
    package let waiting: Int
    package let unavailable: Int
    package let held: Int

    package init(_ row: Statement) throws(StoreError) {
        volume = try row.next()
        found = try row.next()
        repaired = try row.next()
        waiting = try row.next()
        unavailable = try row.next()
        held = try row.next()
    }

    /// How many pieces are damaged and not repaired.
    package var standing: Int { found - repaired }
}
