import Torrent

extension Connection {
    /// The pieces that are on the disk and synced; `count` is the torrent's count of pieces.
    package func have(of id: TorrentID, count: Int) throws(StoreError) -> Bitfield {
        try claims(of: id, count: count).have
    }

    /// The pieces that may have been written since the last commit: after a crash they are to be looked at.
    package func opened(of id: TorrentID, count: Int) throws(StoreError) -> Bitfield {
        try claims(of: id, count: count).opened
    }

    /// Both, as they are at one moment. Throws when they don't add up: see ``doubtPieces(of:)``.
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

    /// Writes down that these pieces may be written from now on; it must be called before the first of their bytes is.
    ///
    /// The commit does not wait for the disk: it has to outlive a killed process, and what a power cut takes was not
    /// claimed by anybody.
    package func openPieces(_ id: TorrentID, _ pieces: [PieceIndex], now: Timestamp) throws(StoreError) {
        guard !pieces.isEmpty else { return }
        try transaction(durability: .lazy) { () throws(StoreError) in
            guard let count = try pieceCount(of: id) else { throw noTorrent(id) }
            var edits: [Int: BitfieldPage.Edit] = [:]
            edits.add(try checked(pieces, id, count), to: \.opened)
            _ = try edit(id, pieceCount: count, edits, at: now)
        }
    }

    /// All pieces of a page were read back and found good. A page's time moves only when all pieces that it has are in
    /// `pieces`.
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

    /// Damage was found: the pieces are not had any more, the files' fingerprints are forgotten, and the torrent is not
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
            // No piece is gained, so the moment is not looked at.
            let change = try edit(id, pieceCount: count, edits, at: Timestamp(0))
            try execute(
                "UPDATE torrent SET pieces_have = pieces_have + ?, completed_bytes = ?, completed_at = NULL WHERE id = ?",
                change, completedBytes, id)
            try clearFingerprints(id, files: files)
        }
        settleLosses(pieces.isEmpty ? .nothingLost : .claimsLost)
    }

    /// The pages whose verification is the oldest, oldest first: what a scrub reads next.
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

    /// The pieces, when all of them are the torrent's.
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

/// What the database says of a torrent's pieces.
package struct Claims: Sendable, Hashable {
    /// On the disk and synced.
    package let have: Bitfield
    /// May have been written since the last commit.
    package let opened: Bitfield
}

/// The pieces of a page, and when the one of them that waits the longest was verified.
package struct VerifiedPage: Sendable, Hashable {
    package let pieces: Range<PieceIndex>
    package let verifiedAt: Timestamp
}
