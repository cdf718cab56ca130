import Torrent

extension PieceTable {
    /// The group commit: one durable transaction for all torrents that changed.
    ///
    /// Everything in the records must have been synced before. Returns the torrents that no longer exist; their records
    /// are dropped.
    @discardableResult
    package func record(_ batch: [ProgressRecord]) throws(StoreError) -> [TorrentID] {
        guard !batch.isEmpty else { return [] }
        let gone = try db.transaction(.immediate, durability: .full) { () throws(StoreError) in
            var gone: [TorrentID] = []
            for record in batch {
                if let count = try count(of: record.torrent) {
                    try apply(record, pieceCount: count)
                } else {
                    gone.append(record.torrent)
                }
            }
            return gone
        }
        db.settleLosses(batch.contains { !$0.lostPieces.isEmpty } ? .claimsLost : .nothingLost)
        return gone
    }

    /// The blocks of incomplete pieces that are on the disk, lowest piece first.
    package func partials(of id: TorrentID) throws(StoreError) -> [PartialPieceRow] {
        try db.fetchValid("FROM partial_piece WHERE torrent_id = ? ORDER BY piece", id)
    }

    private func apply(_ record: ProgressRecord, pieceCount: Int) throws(StoreError) {
        let id = record.torrent
        var edits: [Int: BitfieldPage.Edit] = [:]
        edits.add(try checked(record.lostPieces, id, pieceCount), to: \.lost)
        edits.add(try checked(record.newPieces, id, pieceCount), to: \.gained)
        edits.add(try checked(record.closedPieces, id, pieceCount), to: \.closed)
        let change = try edit(id, pieceCount: pieceCount, edits, at: record.verifiedAt)
        try writePartials(record, pieceCount)
        if !record.damage.isEmpty { try db.damage.add(record.damage, of: id, now: record.verifiedAt) }
        try db.damage.written(record.repairedPieces, of: id)
        for file in record.files { try db.files.saveFingerprint(id, file, at: record.verifiedAt) }
        for file in record.fileBytes { try db.files.saveBytes(id, file) }
        try db.execute(
            """
            UPDATE torrent SET pieces_have = pieces_have + ?, downloaded_bytes = downloaded_bytes + ?, uploaded_bytes = uploaded_bytes + ?,
                wasted_bytes = wasted_bytes + ?, completed_bytes = coalesce(?, completed_bytes), completed_at = coalesce(?, completed_at),
                last_verified_at = CASE WHEN ? THEN max(coalesce(last_verified_at, ?), ?) ELSE last_verified_at END
            WHERE id = ?
            """,
            change, record.downloadedDelta, record.uploadedDelta, record.wastedDelta, record.completedBytes,
            record.completedAt,
            !record.newPieces.isEmpty, record.verifiedAt, record.verifiedAt, id)
        try db.traffic.add(
            downloaded: record.downloadedDelta, uploaded: record.uploadedDelta, wasted: record.wastedDelta,
            now: record.verifiedAt)
    }

    private func writePartials(_ record: ProgressRecord, _ pieceCount: Int) throws(StoreError) {
        for partial in record.partials {
            _ = try checked([partial.piece], record.torrent, pieceCount)
            if partial.blocks.allSatisfy({ $0 == 0 }) {
                try forgetPartial(record.torrent, partial.piece)
            } else {
                try db.execute(
                    "INSERT INTO partial_piece (torrent_id, piece, blocks) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET blocks = excluded.blocks",
                    record.torrent, partial.piece, partial.blocks)
            }
        }
        for piece in record.newPieces { try forgetPartial(record.torrent, piece) }
    }

    private func forgetPartial(_ id: TorrentID, _ piece: PieceIndex) throws(StoreError) {
        try db.execute("DELETE FROM partial_piece WHERE torrent_id = ? AND piece = ?", id, piece)
    }
}
