package import Torrent

/// The table `imported`: torrents that were taken over from other clients.
package struct ImportTable {
    let db: Connection

    /// Records that the torrent was imported, and its past.
    package func insert(_ id: TorrentID, _ new: NewImport, _ past: TorrentPast, now: Timestamp) throws(StoreError) {
        try db.transaction { () throws(StoreError) in
            try db.execute(
                """
                INSERT INTO imported (torrent_id, client, source, at, rank, bytes, claimed, claim, omitted)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """, id, new.client, new.source, now, new.rank, new.bytes, new.claim?.population,
                new.claim.flatMap { $0.isEmpty ? nil : $0.bytes }, new.omitted)
            try db.execute(
                """
                UPDATE torrent SET downloaded_bytes = ?, uploaded_bytes = ?, wasted_bytes = ?,
                    added_at = coalesce(?, added_at), completed_at = ?, seeding_seconds = ? WHERE id = ?
                """, past.downloadedBytes, past.uploadedBytes, past.wastedBytes, past.addedAt, past.completedAt,
                past.seedTime.components.seconds, id)
        }
    }

    package func row(_ id: TorrentID) throws(StoreError) -> ImportRow? {
        try db.fetchFirstIfValid("FROM imported AS i WHERE torrent_id = ?", id)
    }

    /// The torrents whose payload wasn't hashed since they were imported, in the order in which it should be.
    package func unhashed() throws(StoreError) -> [ImportRow] {
        try db.fetchValid("FROM imported AS i WHERE hashed_at IS NULL ORDER BY rank, torrent_id")
    }

    /// Torrents with claimed pieces that turned out to be wrong or missing.
    package func withDamage(limit: Int) throws(StoreError) -> [ImportRow] {
        try db.fetchValid("FROM imported AS i WHERE wrong > 0 OR missing > 0 ORDER BY torrent_id LIMIT ?", limit)
    }

    /// Calls `body` with each imported torrent, in the order of their numbers.
    package func rows() throws(StoreError) -> [ImportRow] {
        try db.fetchValid("FROM imported AS i ORDER BY torrent_id")
    }

    package func sum() throws(StoreError) -> ImportSum? { try db.fetchFirstIfValid("FROM imported") }

    /// The pieces that the other client claimed to have, while they are unhashed; `nil` for every other torrent. An
    /// invalid claim is none.
    package func claim(of id: TorrentID, pieceCount: Int) throws(StoreError) -> Bitfield? {
        // Most torrents have no row, and a torrent with one is loaded seldom.
        let isWaiting: Bool? = try db.value(
            "SELECT claim IS NOT NULL FROM imported WHERE torrent_id = ? AND hashed_at IS NULL", id)
        guard let isWaiting else { return nil }
        guard isWaiting, let bytes: [UInt8] = try db.value("SELECT claim FROM imported WHERE torrent_id = ?", id),
            let claim = Bitfield(fromPeer: bytes, count: pieceCount)
        else { return Bitfield(count: pieceCount) }
        return claim
    }

    /// Records that the payload was hashed, and how many claimed pieces were wrong, and how many weren't there. Returns
    /// whether the row changed.
    @discardableResult
    package func end(_ id: TorrentID, wrong: Int, missing: Int, now: Timestamp) throws(StoreError) -> Bool {
        try db.execute(
            """
            UPDATE imported SET hashed_at = ?, wrong = ?, missing = ?, claim = NULL
            WHERE torrent_id = ? AND hashed_at IS NULL
            """, now, wrong, missing, id) > 0
    }
}
