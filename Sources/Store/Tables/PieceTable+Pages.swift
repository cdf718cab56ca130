import Torrent

/// The pages of bitfields. Each holds the bits of 1024 pieces.
extension PieceTable {
    /// Reads, changes and writes the pages inside the caller's transaction, so that another writer's bits are
    /// preserved.
    ///
    /// Returns the change of the population of `have`.
    func edit(_ id: TorrentID, pieceCount: Int, _ edits: [Int: BitfieldPage.Edit], at moment: Timestamp)
        throws(StoreError) -> Int
    {
        precondition(db.transactionDepth > 0)
        var change = 0
        for (number, edit) in edits.sorted(by: { $0.key < $1.key }) {
            var page = try page(id, number, pieceCount: pieceCount)
            change += page.apply(edit, at: moment)
            try write(id, number, page, pieceCount: pieceCount)
        }
        return change
    }

    /// The page, or an empty one if there is no row.
    func page(_ id: TorrentID, _ number: Int, pieceCount: Int) throws(StoreError) -> BitfieldPage {
        let row: BitfieldRow? = try db.fetchOne("FROM bitfield WHERE torrent_id = ? AND page = ?", id, number)
        return try row.map { (row) throws(StoreError) in try page(row, of: id, pieceCount: pieceCount) }
            ?? BitfieldPage()
    }

    /// Decodes a row. Throws when its checksum is wrong, or when it can't belong to a torrent of that many pieces.
    func page(_ row: BitfieldRow, of id: TorrentID, pieceCount: Int) throws(StoreError) -> BitfieldPage {
        // A page from before checksums were introduced has none until it is next written.
        guard row.checksum.map({ $0 == row.expectedChecksum(id) }) ?? true, row.number >= 0,
            row.number < (pieceCount + PageBits.pieceCount - 1) / PageBits.pieceCount
        else { throw badPage(id, row.number) }
        let count = PageBits.count(page: row.number, of: pieceCount)
        guard let have = PageBits(row.have, count: count) else { throw badPage(id, row.number) }
        var page = BitfieldPage(have: have, verifiedAt: row.verifiedAt)
        if let opened = row.opened {
            guard let bits = PageBits(opened, count: count) else { throw badPage(id, row.number) }
            page.opened = bits
        }
        return page
    }

    func write(_ id: TorrentID, _ number: Int, _ page: BitfieldPage, pieceCount: Int) throws(StoreError) {
        guard !page.isSilent else {
            try db.execute("DELETE FROM bitfield WHERE torrent_id = ? AND page = ?", id, number)
            return
        }
        let count = PageBits.count(page: number, of: pieceCount)
        let have = page.have.blob(count: count)
        let opened = page.opened.isEmpty ? nil : page.opened.blob(count: count)
        try db.execute(
            """
            INSERT INTO bitfield (torrent_id, page, have, opened, verified_at, checksum) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (torrent_id, page) DO UPDATE SET have = excluded.have, opened = excluded.opened, verified_at = excluded.verified_at,
                checksum = excluded.checksum
            """,
            id, number, have, opened, page.verifiedAt, BitfieldRow.checksum(id, number, have, opened, page.verifiedAt))
    }

    private func badPage(_ id: TorrentID, _ number: Int) -> StoreError {
        db.fault(
            .corrupt, torrent: id,
            "page \(number) of the bitfield of torrent \(id) is damaged: start the engine, which re-checks its pieces"
        )
    }
}
