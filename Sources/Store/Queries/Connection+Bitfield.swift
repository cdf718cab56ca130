import Torrent

extension Connection {
    /// The present pieces: on the disk, verified and synced. `count` is the torrent's number of pieces.
    package func have(of id: TorrentID, count: Int) throws(StoreError) -> Bitfield {
        try claims(of: id, count: count).have
    }

    /// The pieces with a write intent: they may have been written since the last commit, so they are rechecked after a
    /// crash.
    package func opened(of id: TorrentID, count: Int) throws(StoreError) -> Bitfield {
        try claims(of: id, count: count).opened
    }

    /// Both, read in one transaction. Throws when they are inconsistent: see ``doubtPieces(of:)``.
    package func claims(of id: TorrentID, count: Int) throws(StoreError) -> Claims {
        try transaction(.deferred) { () throws(StoreError) in
            let pages = try rows("SELECT \(BitfieldPage.columns) FROM bitfield WHERE torrent_id = ?", id) {
                (row) throws(StoreError) in
                try readPage(row, id, pieceCount: count)
            }
            var bytes = (
                have: [UInt8](repeating: 0, count: (count + 7) / 8),
                opened: [UInt8](repeating: 0, count: (count + 7) / 8)
            )
            for (number, page) in pages {
                let length = PageBits.count(page: number, of: count)
                let start = number * PageBits.pieceCount / 8
                let range = start..<start + (length + 7) / 8
                bytes.have.replaceSubrange(range, with: page.have.blob(count: length))
                bytes.opened.replaceSubrange(range, with: page.opened.blob(count: length))
            }
            let population = try first("SELECT pieces_have FROM torrent WHERE id = ?", id) { (row) throws(StoreError) in
                try row.next(Int.self)
            }
            guard let have = Bitfield(wire: bytes.have, count: count),
                let opened = Bitfield(wire: bytes.opened, count: count),
                population.map({ $0 == have.population }) ?? true
            else {
                throw fault(
                    .corrupt, torrent: id,
                    "the bitfield of torrent \(id) is damaged: start the engine, which re-checks its pieces")
            }
            return Claims(have: have, opened: opened)
        }
    }

    /// Records write intents: these pieces may be written from now on. Call it before the first of their bytes is
    /// written.
    ///
    /// The commit does not wait for the disk, because it only has to survive a killed process: a power cut can only
    /// lose intents of pieces that were not yet recorded as present.
    package func openPieces(_ id: TorrentID, _ pieces: [PieceIndex], now: Timestamp) throws(StoreError) {
        guard !pieces.isEmpty else { return }
        try transaction(durability: .lazy) { () throws(StoreError) in
            guard let count = try pieceCount(of: id) else { throw noTorrent(id) }
            var edits: [Int: BitfieldPage.Edit] = [:]
            edits.add(try checked(pieces, id, count), to: \.opened)
            _ = try edit(id, pieceCount: count, edits, at: now)
        }
    }

    /// Records that the pieces were read back and found good. A page's time moves only when `pieces` contains all
    /// present pieces of the page.
    package func markVerified(_ id: TorrentID, _ pieces: [PieceIndex], now: Timestamp) throws(StoreError) {
        try transaction { () throws(StoreError) in
            guard let count = try pieceCount(of: id) else { throw noTorrent(id) }
            var edits: [Int: BitfieldPage.Edit] = [:]
            edits.add(try checked(pieces, id, count), to: \.gained)
            for (number, edit) in edits {
                var page = try page(id, number, pieceCount: count)
                page.confirm(edit.gained, at: now)
                try write(id, number, page, pieceCount: count)
            }
            try execute("UPDATE torrent SET last_verified_at = ? WHERE id = ?", now, id)
        }
    }

    /// Records damage: the pieces are no longer present, the files' fingerprints are forgotten, and the torrent is not
    /// complete.
    ///
    /// `completedBytes` is what is left of the wanted files in recorded pieces.
    package func markDamaged(_ id: TorrentID, pieces: [PieceIndex], files: [Int], completedBytes: Int64)
        throws(StoreError)
    {
        try transaction(durability: .full) { () throws(StoreError) in
            guard let count = try pieceCount(of: id) else { throw noTorrent(id) }
            var edits: [Int: BitfieldPage.Edit] = [:]
            edits.add(try checked(pieces, id, count), to: \.lost)
            // No piece is gained, so the time is not used.
            let change = try edit(id, pieceCount: count, edits, at: Timestamp(0))
            try execute(
                "UPDATE torrent SET pieces_have = pieces_have + ?, completed_bytes = ?, completed_at = NULL WHERE id = ?",
                change, completedBytes, id)
            try clearFingerprints(id, files: files)
        }
        settleLosses(pieces.isEmpty ? .nothingLost : .claimsLost)
    }

    /// The pages that were verified longest ago, oldest first: the next pages for a scrub to read.
    package func oldestPages(of id: TorrentID, limit: Int) throws(StoreError) -> [VerifiedPage] {
        guard let count = try pieceCount(of: id) else { throw noTorrent(id) }
        return try rows(
            "SELECT page, verified_at FROM bitfield WHERE torrent_id = ? AND verified_at IS NOT NULL ORDER BY verified_at, page LIMIT ?",
            id, limit
        ) { (row) throws(StoreError) in
            let number: Int = try row.next()
            let start = min(number, count / PageBits.pieceCount) * PageBits.pieceCount
            let end = min(start + PageBits.pieceCount, count)
            return VerifiedPage(pieces: PieceIndex(start)..<PieceIndex(end), verifiedAt: try row.next())
        }
    }

    func pieceCount(of id: TorrentID) throws(StoreError) -> Int? {
        let count = try first("SELECT piece_count FROM torrent WHERE id = ?", id) { (row) throws(StoreError) in
            try row.next(Int.self)
        }
        guard count.map({ (0...Geometry.maximumPieceCount).contains($0) }) ?? true else {
            throw fault(
                .corrupt, torrent: id,
                "the piece count of torrent \(id) is invalid: remove the torrent and add it again")
        }
        return count
    }

    /// The pieces, if all of them are pieces of the torrent; throws otherwise.
    func checked(_ pieces: [PieceIndex], _ id: TorrentID, _ count: Int) throws(StoreError) -> [PieceIndex] {
        for piece in pieces where piece.value < 0 || piece.value >= count {
            throw fault(
                .constraint, torrent: id,
                "torrent \(id) has \(count) pieces, but no piece \(piece): this is a bug, please report it"
            )
        }
        return pieces
    }
}

/// The database's record of a torrent's pieces.
package struct Claims: Sendable, Hashable {
    /// Present: on the disk and synced.
    package let have: Bitfield
    /// Has a write intent: may have been written since the last commit.
    package let opened: Bitfield
}

/// The pieces of a page, and when the one verified longest ago was verified.
package struct VerifiedPage: Sendable, Hashable {
    package let pieces: Range<PieceIndex>
    package let verifiedAt: Timestamp
}
