import Torrent

/// One row of the table `bitfield`, and its changes.
struct BitfieldPage {
    var have = PageBits()
    var opened = PageBits()
    /// When the piece of ``have`` that was verified longest ago was verified; `nil` when there is none.
    var verifiedAt: Timestamp?

    /// The changes that one transaction makes to the page, applied in the order of the fields.
    struct Edit {
        var lost = PageBits()
        var gained = PageBits()
        var closed = PageBits()
        var opened = PageBits()
    }

    var isSilent: Bool { have.isEmpty && opened.isEmpty }

    static let columns = "page, have, opened, verified_at, checksum"

    /// The FNV-1a 64 hash of all values of a row. It detects bits that flip on the disk, which SQLite's own checks
    /// don't.
    static func checksum(_ id: TorrentID, _ number: Int, _ have: [UInt8], _ opened: [UInt8]?, _ verifiedAt: Timestamp?)
        -> Int64
    {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ bytes: some Sequence<UInt8>) {
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        func add(_ number: Int64) {
            for shift in stride(from: 0, to: 64, by: 8) {
                add(CollectionOfOne(UInt8(truncatingIfNeeded: number >> shift)))
            }
        }
        add(id.rawValue)
        add(Int64(number))
        add(Int64(have.count))
        add(have)
        add(Int64(opened?.count ?? -1))
        add(opened ?? [])
        // `.min` can't be the time of a verification.
        add(verifiedAt?.rawValue ?? .min)
        return Int64(bitPattern: hash)
    }

    /// Applies the edit and returns the change of the population of ``have``.
    mutating func apply(_ edit: Edit, at moment: Timestamp) -> Int {
        let before = have.population
        have.subtract(edit.lost)
        if have.isEmpty { verifiedAt = nil }
        if !edit.gained.isEmpty {
            have.formUnion(edit.gained)
            verifiedAt = min(verifiedAt ?? moment, moment)
        }
        opened.subtract(edit.gained)
        opened.subtract(edit.closed)
        opened.formUnion(edit.opened)
        return have.population - before
    }

    /// All pieces of `verified` were read back and found good. The page's time moves only if `verified` covers all its
    /// pieces, because the page is as old as its oldest piece.
    mutating func confirm(_ verified: PageBits, at moment: Timestamp) {
        if !have.isEmpty, have.isSubset(of: verified) { verifiedAt = moment }
    }
}

extension [Int: BitfieldPage.Edit] {
    /// Adds pieces to one set of the edits of their pages.
    mutating func add(_ pieces: [PieceIndex], to set: WritableKeyPath<BitfieldPage.Edit, PageBits>) {
        for piece in pieces {
            let (page, bit) = PageBits.place(piece)
            self[page, default: BitfieldPage.Edit()][keyPath: set].insert(bit)
        }
    }
}

extension Connection {
    /// Reads, changes and writes the pages inside the caller's transaction, so that another writer's bits are
    /// preserved.
    ///
    /// Returns the change of the population of `have`.
    func edit(_ id: TorrentID, pieceCount: Int, _ edits: [Int: BitfieldPage.Edit], at moment: Timestamp)
        throws(StoreError) -> Int
    {
        precondition(transactionDepth > 0)
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
        try first("SELECT \(BitfieldPage.columns) FROM bitfield WHERE torrent_id = ? AND page = ?", id, number) {
            (row) throws(StoreError) in
            try readPage(row, id, pieceCount: pieceCount).page
        } ?? BitfieldPage()
    }

    /// Decodes a row of ``BitfieldPage/columns``.
    func readPage(_ row: Statement, _ id: TorrentID, pieceCount: Int) throws(StoreError) -> (
        number: Int, page: BitfieldPage
    ) {
        let number: Int = try row.next()
        let have: [UInt8] = try row.next()
        let opened: [UInt8]? = try row.next()
        let verifiedAt: Timestamp? = try row.next()
        let checksum: Int64? = try row.next()
        // A page from before checksums were introduced has none until it is next written.
        guard checksum.map({ $0 == BitfieldPage.checksum(id, number, have, opened, verifiedAt) }) ?? true else {
            throw badPage(id, number)
        }
        guard number >= 0, number < (pieceCount + PageBits.pieceCount - 1) / PageBits.pieceCount else {
            throw badPage(id, number)
        }
        let count = PageBits.count(page: number, of: pieceCount)
        guard let haveBits = PageBits(have, count: count) else { throw badPage(id, number) }
        var page = BitfieldPage(have: haveBits, verifiedAt: verifiedAt)
        if let opened {
            guard let bits = PageBits(opened, count: count) else { throw badPage(id, number) }
            page.opened = bits
        }
        return (number, page)
    }

    func write(_ id: TorrentID, _ number: Int, _ page: BitfieldPage, pieceCount: Int) throws(StoreError) {
        guard !page.isSilent else {
            try execute("DELETE FROM bitfield WHERE torrent_id = ? AND page = ?", id, number)
            return
        }
        let count = PageBits.count(page: number, of: pieceCount)
        let have = page.have.blob(count: count)
        let opened = page.opened.isEmpty ? nil : page.opened.blob(count: count)
        try execute(
            """
            INSERT INTO bitfield (torrent_id, page, have, opened, verified_at, checksum) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (torrent_id, page) DO UPDATE SET have = excluded.have, opened = excluded.opened, verified_at = excluded.verified_at,
                checksum = excluded.checksum
            """,
            id, number, have, opened, page.verifiedAt, BitfieldPage.checksum(id, number, have, opened, page.verifiedAt))
    }

    private func badPage(_ id: TorrentID, _ number: Int) -> StoreError {
        fault(
            .corrupt, torrent: id,
            "page \(number) of the bitfield of torrent \(id) is damaged: start the engine, which re-checks its pieces"
        )
    }
}
