package import Disk
package import Store
package import Torrent

/// The result of verifying a part of a torrent, to be recorded in the database.
package struct Finding: Sendable {
    package let torrent: StoredTorrent
    /// Recorded as present, and good.
    package var confirmed: [PieceIndex] = []
    /// Good and synced, but not recorded as present before.
    package var adopted: [PieceIndex] = []
    /// Recorded as present, but wrong or missing.
    package var damaged: [PieceIndex] = []
    /// Those of them in files that another program changed: their bytes are kept.
    package var edited: [PieceIndex] = []
    /// The current fingerprints of files whose recorded pieces were all checked.
    package var fingerprints: [FingerprintRow] = []
    /// The SHA-256 of files all of whose pieces were good.
    package var digests: [FileDigest] = []
    /// Files with damage that no longer exist.
    package var missingFiles: [Int] = []
    /// The volume of the payload, if the database is to remember it.
    package var volume: Volume?
    /// What became of another client's claim, set when the payload of an imported torrent was hashed.
    package var audit: ImportAudit.Outcome?
    /// The result for the whole torrent, set when its verification has ended.
    package var result: VerificationResult?

    package var id: TorrentID { torrent.row.id }

    package init(_ torrent: StoredTorrent, result: VerificationResult? = nil) {
        self.torrent = torrent
        self.result = result
    }
}
