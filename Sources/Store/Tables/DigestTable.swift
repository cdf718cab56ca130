package import Torrent

/// The table `digest`: the SHA-256 of files whose pieces were all good.
///
/// A torrent's pieces fix the content of its files, so a digest stays right as long as the pieces are recorded as
/// present; whether they are is asked when a manifest is made.
package struct DigestTable {
    let db: Connection

    /// The digests of a torrent's files, by the file's index.
    package func rows(of id: TorrentID) throws(StoreError) -> [Int: DigestRow] {
        let rows: [DigestRow] = try db.fetchValid("FROM digest WHERE torrent_id = ?", id)
        return Dictionary(rows.map { ($0.file, $0) }) { first, _ in first }
    }

    /// Records digests of files that a verification has just read. A digest that differs from the recorded
    /// one, although all pieces are good in both, means that one of the contents was made to have the same SHA-1 as the
    /// other; it is logged, and the new digest stands.
    package func save(_ id: TorrentID, _ digests: [FileDigest], now: Timestamp) throws(StoreError) {
        guard !digests.isEmpty else { return }
        try db.transaction { () throws(StoreError) in
            for digest in digests {
                let known: SHA256Digest? = try db.value(
                    "SELECT sha256 FROM digest WHERE torrent_id = ? AND idx = ?", id, digest.file)
                if let known, known != digest.sha256 {
                    try db.events.append(
                        .failed,
                        "file \(digest.file + 1) has another SHA-256 than before, although its pieces match in both: "
                            + "one of the two contents was forged (was \(Hex.encode(known)), is \(Hex.encode(digest.sha256)))",
                        torrent: id, now: now)
                }
                try db.execute(
                    """
                    INSERT INTO digest (torrent_id, idx, sha256, read_at) VALUES (?, ?, ?, ?)
                    ON CONFLICT (torrent_id, idx) DO UPDATE SET sha256 = excluded.sha256, read_at = excluded.read_at
                    """, id, digest.file, digest.sha256, now)
            }
        }
    }
}
