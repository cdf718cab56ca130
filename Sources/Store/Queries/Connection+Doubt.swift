import Torrent

/// Claims that can't be believed any more: nothing is claimed, and all that was is looked at again, as after a crash (laws 1 and 2).
extension Connection {
    /// Puts pieces of the torrent in doubt that the database claims or knows as written to; without `onlyClaimed` all pieces that it has.
    ///
    /// A bitfield that doesn't add up is one of which nothing is known: then all pieces are in doubt. Answers how many are.
    @discardableResult
    package func doubtPieces(of id: TorrentID, onlyClaimed: Bool = false) throws(StoreError) -> Int {
        let population = try transaction(durability: .full) { () throws(StoreError) in
            guard let count = try pieceCount(of: id) else { throw noTorrent(id) }
            var doubtful = Bitfield(fullCount: count)
            if onlyClaimed {
                do throws(StoreError) {
                    let known = try claims(of: id, count: count)
                    doubtful = known.have
                    doubtful.formUnion(known.opened)
                } catch {
                    // What SQLite can't read is another matter than a row that it reads and that cannot be.
                    guard error.isOfRow else { throw error }
                }
            }
            try execute("DELETE FROM bitfield WHERE torrent_id = ?", id)
            for (number, bits) in PageBits.pages(doubtful) where !bits.isEmpty {
                try write(id, number, BitfieldPage(opened: bits), pieceCount: count)
            }
            try execute("UPDATE torrent SET pieces_have = 0, completed_bytes = 0 WHERE id = ?", id)
            try execute("UPDATE file SET completed_bytes = 0 WHERE torrent_id = ?", id)
            try dropSilentFiles(id)
            return doubtful.population
        }
        settleLosses(.claimsLost)
        return population
    }

    /// The same for every torrent, all of which begin anew from what is found on the disk; how many pieces are in doubt.
    func doubtEverything(onlyClaimed: (TorrentID) -> Bool) throws(StoreError) -> Int {
        try transaction(durability: .full) { () throws(StoreError) in
            let ids = try rows("SELECT id FROM torrent ORDER BY id") { (row) throws(StoreError) in try row.next(TorrentID.self) }
            var doubtful = 0
            for id in ids { doubtful += try doubtPieces(of: id, onlyClaimed: onlyClaimed(id)) }
            try execute("UPDATE torrent SET state = CASE WHEN paused THEN 'paused' ELSE 'queued' END, error = NULL")
            try execute("DELETE FROM live")
            return doubtful
        }
    }
}

extension StoreError {
    /// Whether a row that SQLite could read holds what cannot be: damage that stays with one torrent.
    package var isOfRow: Bool { code == .corrupt && sqliteCode == 0 }
    /// Whether SQLite found the file itself damaged.
    package var isOfFile: Bool { (code == .corrupt || code == .notADatabase) && sqliteCode != 0 }
}
