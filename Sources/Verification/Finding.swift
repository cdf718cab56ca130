import Disk
import Store
import Torrent

/// The result of verifying a part of a torrent, to be recorded in the database.
package struct Finding: Sendable {
    package let torrent: StoredTorrent
    /// Claimed, and right.
    package var confirmed: [PieceIndex] = []
    /// Right and synced, and not claimed before.
    package var adopted: [PieceIndex] = []
    /// Claimed, and wrong or missing.
    package var damaged: [PieceIndex] = []
    /// Files as they are, all of whose claims were looked at.
    package var fingerprints: [FingerprintRow] = []
    /// Files with damage that are not there any more.
    package var missingFiles: [Int] = []
    /// The volume that the payload is on, when the database is to remember it.
    package var volume: Volume?
    /// Set with what was found of the torrent in all, when it is through.
    package var result: VerificationResult?

    package var id: TorrentID { torrent.row.id }

    package init(_ torrent: StoredTorrent, result: VerificationResult? = nil) {
        self.torrent = torrent
        self.result = result
    }
}
