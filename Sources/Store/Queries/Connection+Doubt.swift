import Torrent

/// Marks pieces as unverified when their records can't be trusted: nothing counts as present, and everything is
/// rechecked, as after a crash (laws 1 and 2).
extension Connection {
    /// Marks all pieces of the torrent as unverified, including those not recorded as present, because they may have
    /// been written since. Returns their number.
    @discardableResult
    package func doubtPieces(of id: TorrentID) throws(StoreError) -> Int {
        let count = try transaction(durability: .full) { () throws(StoreError) in
            guard
                let said = try first(
                    "SELECT piece_count FROM torrent WHERE id = ?", id,
                    row: { (row) throws(StoreError) in try row.next(Int.self) })
            else { throw noTorrent(id) }
            // With an impossible count, no piece can be present or rechecked.
            let count = (0...Geometry.maximumPieceCount).contains(said) ? said : 0
            try execute("DELETE FROM bitfield WHERE torrent_id = ?", id)
            for (number, bits) in PageBits.pages(Bitfield(fullCount: count)) {
                try write(id, number, BitfieldPage(opened: bits), pieceCount: count)
            }
            try execute("UPDATE torrent SET pieces_have = 0, completed_bytes = 0 WHERE id = ?", id)
            try execute("UPDATE file SET completed_bytes = 0 WHERE torrent_id = ?", id)
            try dropSilentFiles(id)
            return count
        }
        settleLosses(.claimsLost)
        return count
    }
}

extension StoreError {
    /// Whether SQLite could read a row that holds an invalid value. Such damage affects only one torrent.
    package var isOfRow: Bool { code == .corrupt && sqliteCode == 0 }
    /// Whether SQLite found the file itself damaged.
    package var isOfFile: Bool { (code == .corrupt || code == .notADatabase) && sqliteCode != 0 }
}
