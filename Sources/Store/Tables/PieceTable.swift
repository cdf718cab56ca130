package import Torrent

/// The tables `bitfield` and `partial_piece`: which pieces are present, and which may have been written.
package struct PieceTable {
    let db: Connection

    /// The present pieces: on the disk, verified and synced. `count` is the torrent's number of pieces.
    package func have(of id: TorrentID, count: Int) throws(StoreError) -> Bitfield {
        try claims(of: id, count: count).have
    }

    /// The pieces with a write intent: they may have been written since the last commit, so they are rechecked after a
    /// crash.
    package func writeIntents(of id: TorrentID, count: Int) throws(StoreError) -> Bitfield {
        try claims(of: id, count: count).writeIntents
    }

    /// Both, read in one transaction. Throws when they are inconsistent: see ``unverify(_:)``.
    package func claims(of id: TorrentID, count: Int) throws(StoreError) -> Claims {
        try db.transaction(.deferred) { () throws(StoreError) in
            let pages = try db.fetchAll("FROM bitfield WHERE torrent_id = ?", id, as: BitfieldRow.self)
            var bytes = (
                have: [UInt8](repeating: 0, count: (count + 7) / 8),
                opened: [UInt8](repeating: 0, count: (count + 7) / 8)
            )
            for row in pages {
                let (number, page) = (row.number, try page(row, of: id, pieceCount: count))
                let length = PageBits.count(page: number, of: count)
                let start = number * PageBits.pieceCount / 8
                let range = start..<start + (length + 7) / 8
                bytes.have.replaceSubrange(range, with: page.have.blob(count: length))
                bytes.opened.replaceSubrange(range, with: page.opened.blob(count: length))
            }
            let population: Int? = try db.value("SELECT pieces_have FROM torrent WHERE id = ?", id)
            guard let have = Bitfield(wire: bytes.have, count: count),
                let opened = Bitfield(wire: bytes.opened, count: count),
                population.map({ $0 == have.population }) ?? true
            else {
                throw db.fault(
                    .corrupt, torrent: id,
                    "the bitfield of torrent \(id) is damaged: start the engine, which re-checks its pieces")
            }
            return Claims(have: have, writeIntents: opened)
        }
    }

    /// Whether the torrent has unverified pieces, which must be hashed before they count.
    package func hasUnverified(_ id: TorrentID) throws(StoreError) -> Bool {
        try db.value("SELECT EXISTS (SELECT 1 FROM bitfield WHERE torrent_id = ? AND opened IS NOT NULL)", id) ?? false
    }

    private struct PageAge: Row {
        static let columns = "page, verified_at"
        let number: Int
        let verifiedAt: Timestamp

        init(_ row: Statement) throws(StoreError) {
            number = try row.next()
            verifiedAt = try row.next()
        }
    }

    /// Records write intents: these pieces may be written from now on. Call it before the first of their bytes is
    /// written.
    ///
    /// The commit does not wait for the disk, because it only has to survive a killed process: a power cut can only
    /// lose intents of pieces that were not yet recorded as present.
    package func addWriteIntents(_ id: TorrentID, _ pieces: [PieceIndex], now: Timestamp) throws(StoreError) {
        guard !pieces.isEmpty else { return }
        try db.transaction(durability: .lazy) { () throws(StoreError) in
            guard let count = try self.count(of: id) else { throw db.noTorrent(id) }
            var edits: [Int: BitfieldPage.Edit] = [:]
            edits.add(try checked(pieces, id, count), to: \.opened)
            _ = try edit(id, pieceCount: count, edits, at: now)
        }
    }

    /// Records that the pieces were read back and found good. A page's time moves only when `pieces` contains all
    /// present pieces of the page.
    package func markVerified(_ id: TorrentID, _ pieces: [PieceIndex], now: Timestamp) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            guard let count = try self.count(of: id) else { throw db.noTorrent(id) }
            var edits: [Int: BitfieldPage.Edit] = [:]
            edits.add(try checked(pieces, id, count), to: \.gained)
            for (number, edit) in edits {
                var page = try page(id, number, pieceCount: count)
                page.confirm(edit.gained, at: now)
                try write(id, number, page, pieceCount: count)
            }
            try db.execute("UPDATE torrent SET last_verified_at = ? WHERE id = ?", now, id)
        }
    }

    /// Records damage: the pieces are no longer present, the files' fingerprints are forgotten, and the torrent is not
    /// complete.
    ///
    /// `completedBytes` is what is left of the wanted files in recorded pieces.
    package func markDamaged(_ id: TorrentID, pieces: [PieceIndex], files: [Int], completedBytes: Int64)
        throws(StoreError)
    {
        try db.transaction(durability: .full) { () throws(StoreError) in
            guard let count = try self.count(of: id) else { throw db.noTorrent(id) }
            var edits: [Int: BitfieldPage.Edit] = [:]
            edits.add(try checked(pieces, id, count), to: \.lost)
            // No piece is gained, so the time is not used.
            let change = try edit(id, pieceCount: count, edits, at: Timestamp(0))
            try db.execute(
                "UPDATE torrent SET pieces_have = pieces_have + ?, completed_bytes = ?, completed_at = NULL WHERE id = ?",
                change, completedBytes, id)
            try db.files.clearFingerprints(id, files: files)
        }
        db.settleLosses(pieces.isEmpty ? .nothingLost : .claimsLost)
    }

    /// Marks all pieces of the torrent as unverified, including those not recorded as present, because they may have
    /// been written since. Returns their number.
    @discardableResult
    package func unverify(_ id: TorrentID) throws(StoreError) -> Int {
        let count = try db.transaction(durability: .full) { () throws(StoreError) in
            guard let said: Int = try db.value("SELECT coalesce(piece_count, 0) FROM torrent WHERE id = ?", id) else {
                throw db.noTorrent(id)
            }
            // With an impossible count, no piece can be present or rechecked.
            let count = (0...Geometry.maximumPieceCount).contains(said) ? said : 0
            try db.execute("DELETE FROM bitfield WHERE torrent_id = ?", id)
            for (number, bits) in PageBits.pages(Bitfield(fullCount: count)) {
                try write(id, number, BitfieldPage(opened: bits), pieceCount: count)
            }
            try db.execute("UPDATE torrent SET pieces_have = 0, completed_bytes = 0 WHERE id = ?", id)
            try db.execute("UPDATE file SET completed_bytes = 0 WHERE torrent_id = ?", id)
            try db.files.dropSilent(id)
            return count
        }
        db.settleLosses(.claimsLost)
        return count
    }

    /// The pages that were verified longest ago, oldest first: the next pages for a scrub to read.
    package func oldestPages(of id: TorrentID, limit: Int) throws(StoreError) -> [VerifiedPage] {
        guard let count = try self.count(of: id) else { throw db.noTorrent(id) }
        let pages: [PageAge] = try db.fetchAll(
            "FROM bitfield WHERE torrent_id = ? AND verified_at IS NOT NULL ORDER BY verified_at, page LIMIT ?", id,
            limit)
        return pages.map { page in
            let start = min(page.number, count / PageBits.pieceCount) * PageBits.pieceCount
            let end = min(start + PageBits.pieceCount, count)
            return VerifiedPage(pieces: PieceIndex(start)..<PieceIndex(end), verifiedAt: page.verifiedAt)
        }
    }

    func count(of id: TorrentID) throws(StoreError) -> Int? {
        let count: Int? = try db.value("SELECT coalesce(piece_count, 0) FROM torrent WHERE id = ?", id)
        guard count.map({ (0...Geometry.maximumPieceCount).contains($0) }) ?? true else {
            throw db.fault(
                .corrupt, torrent: id,
                "the piece count of torrent \(id) is invalid: remove the torrent and add it again")
        }
        return count
    }

    /// The pieces, if all of them are pieces of the torrent; throws otherwise.
    func checked(_ pieces: [PieceIndex], _ id: TorrentID, _ count: Int) throws(StoreError) -> [PieceIndex] {
        for piece in pieces where piece.value < 0 || piece.value >= count {
            throw db.fault(
                .constraint, torrent: id,
                "torrent \(id) has \(count) pieces, but no piece \(piece): this is a bug, please report it"
            )
        }
        return pieces
    }
}
