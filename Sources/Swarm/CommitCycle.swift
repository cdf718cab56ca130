import Torrent

/// The state of the group commit, which repeats: write blocks of incomplete pieces, sync, record (law 1 of the design).
struct CommitCycle {
    enum Stage: Equatable {
        case idle
        /// Early writes of blocks are under way.
        case writing(Set<PieceIndex>)
        case syncing
        case recording
    }

    var stage = Stage.idle
    var lastAt = Instant.origin
    /// Verified and written pieces that the database doesn't record as present yet.
    var unrecorded: [PieceIndex] = []
    /// The total bytes of these pieces.
    var bytes = 0
    /// Everything else that the next transaction records.
    var record = Record()
    /// Pieces that were written to since the last sync, whatever their outcome, because the write changed their files'
    /// fingerprints.
    var dirty: Set<PieceIndex> = []
    /// The pieces of the cycle under way.
    var pieces: [PieceIndex] = []
    /// Incomplete pieces with blocks on disk that the cycle under way makes durable and records.
    var partials: [ActivePiece] = []
    /// Pieces that were being written when a sync failed. Their pages may be lost, and the kernel reports that only
    /// once.
    var tainted: Set<PieceIndex> = []
    /// The record of the transaction under way.
    var sent = Record()
    /// Whether the next cycle should begin without waiting for the interval.
    var isUrgent = false

    /// Whether the last sync or transaction failed. Neither is retried before the fault is gone.
    var isRefused = false

    var isIdle: Bool { stage == .idle }
    var hasWork: Bool { !unrecorded.isEmpty || !record.isEmpty }
    /// The pieces to sync.
    var touched: [PieceIndex] { dirty.union(pieces).union(partials.map(\.piece)).sorted() }
}
