package import Torrent

/// The progress of one torrent since its last record. All of it was synced to the disk before.
package struct ProgressRecord: Sendable {
    package let torrent: TorrentID
    /// Verified, written and synced: from now on these pieces are present.
    package var newPieces: [PieceIndex] = []
    /// Found missing or damaged: these pieces are no longer present.
    package var lostPieces: [PieceIndex] = []
    /// Written and synced, but unverified: the blocks of incomplete pieces. An empty mask deletes the piece's record.
    package var partials: [PartialPieceRow] = []
    /// No longer unverified, and not present: their write intent was never used, or they were checked and given up.
    package var closedPieces: [PieceIndex] = []
    /// Damage that is recorded in the transaction in which its pieces stop being present or unverified.
    package var damage: [NewDamage] = []
    /// Damaged pieces that are among the new ones.
    package var repairedPieces: [RepairedPiece] = []
    /// The files' fingerprints after the sync.
    package var files: [FingerprintRow] = []
    /// The bytes in recorded pieces of each changed file.
    package var fileBytes: [FileBytes] = []
    package var downloadedDelta: Int64 = 0
    package var uploadedDelta: Int64 = 0
    package var wastedDelta: Int64 = 0
    /// Bytes of wanted files in recorded pieces, including this record's; `nil` keeps the saved value.
    package var completedBytes: Int64?
    /// When the new pieces were verified.
    package let verifiedAt: Timestamp
    /// Set when this record completes the wanted files.
    package var completedAt: Timestamp?

    package init(torrent: TorrentID, verifiedAt: Timestamp) {
        self.torrent = torrent
        self.verifiedAt = verifiedAt
    }
}
