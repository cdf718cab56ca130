package import Torrent

/// What one transaction records about a torrent. All of it is true of the disk: it was synced before.
///
/// The database applies the claim in the order `unverified`, `closed`, `pieces`.
package struct Claim: Equatable, Sendable {
    /// The bytes of one file in recorded pieces.
    package struct FileBytes: Hashable, Sendable {
        /// The file's index in the torrent.
        package let file: Int
        package let completed: Int64
    }

    /// Pieces that passed their hash check on disk: present from now on, no longer unverified, and without a block
    /// mask.
    package var pieces: [PieceIndex] = []
    /// Pieces that are unverified from now on, whether or not they were recorded as present; the next start checks
    /// them.
    package var unverified: [PieceIndex] = []
    /// Pieces whose write intent ends and that are no longer unverified.
    package var closed: [PieceIndex] = []
    /// Blocks of incomplete pieces that are in their place on disk. An empty mask forgets the piece.
    package var partials: [PartialPiece] = []

    // What follows from them.

    /// The pieces that the database records as present after the transaction.
    package internal(set) var claimed = Bitfield(count: 0)
    /// Bytes of wanted files in these pieces.
    package internal(set) var completedBytes: Int64 = 0
    /// The completed bytes of each file that a changed piece touches.
    package internal(set) var fileBytes: [FileBytes] = []
    /// Whether every wanted piece is recorded after the transaction.
    package internal(set) var isComplete = false
    /// Transfers since the last claim.
    package internal(set) var transfer = Transfer()

    init() {}

    /// Whether there is nothing to record.
    var isEmpty: Bool { pieces.isEmpty && unverified.isEmpty && partials.isEmpty && closed.isEmpty }

    /// Derives the rest from the changes. `recorded` is what the database holds before the transaction.
    mutating func complete(recorded: Bitfield, wanted: Bitfield, files: PayloadFiles, transfer: Transfer) {
        claimed = recorded
        // In the order of the transaction: a piece that became unverified and was found good since is present.
        for piece in unverified { claimed.remove(piece) }
        for piece in pieces { claimed.insert(piece) }
        completedBytes = files.wantedBytes(in: claimed)
        fileBytes = files.bytes(touchedBy: pieces + unverified, in: claimed)
        isComplete = wanted.isSubset(of: claimed)
        self.transfer = transfer
    }
}
