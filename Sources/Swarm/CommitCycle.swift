import Torrent

/// Where the group commit stands: write blocks of incomplete pieces, sync, record, and again (law 1 of the design).
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
    /// Verified and written pieces that the database doesn't claim yet.
    var unrecorded: [PieceIndex] = []
    /// Their bytes.
    var bytes = 0
    /// What the next transaction says beside them.
    var record = Record()
    /// Pieces to which something was written since the last sync, whatever became of them: the files' fingerprints tell
    /// of it.
    var dirty: Set<PieceIndex> = []
    /// The pieces of the cycle under way.
    var pieces: [PieceIndex] = []
    /// Incomplete pieces with blocks on disk that the cycle under way makes durable and records.
    var partials: [ActivePiece] = []
    /// Pieces that were being written when a sync failed: their pages may be among the lost ones, though nobody says so
    /// again.
    var tainted: Set<PieceIndex> = []
    /// The transaction under way.
    var sent = Record()
    /// Somebody waits: don't wait for the interval.
    var isUrgent = false

    /// The last sync or transaction failed, and is not tried again before the fault is gone.
    var isRefused = false

    var isIdle: Bool { stage == .idle }
    var hasWork: Bool { !unrecorded.isEmpty || !record.isEmpty }
    /// What is to be synced.
    var touched: [PieceIndex] { dirty.union(pieces).union(partials.map(\.piece)).sorted() }
}
