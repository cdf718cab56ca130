import Torrent

/// The group commit: writes blocks of incomplete pieces early, syncs, and records what was synced (law 1 of the
/// design).
///
/// The cycle repeats. Only what was written before a sync began is in the claim that follows it.
struct CommitMachine: ~Copyable {
    private enum Stage: Equatable {
        case idle
        /// Early writes of blocks are under way.
        case writing(Set<PieceIndex>)
        case syncing
        case recording
    }

    /// The payload's files, which claims count the bytes of.
    private var files: PayloadFiles
    private var stage = Stage.idle
    private var lastAt = Instant.origin
    /// Verified and written pieces that the database doesn't record as present yet, and their bytes.
    private var unrecorded: [PieceIndex] = []
    private var unrecordedBytes = 0
    /// Everything else that the next transaction records.
    private var next = Claim()
    /// Pieces that were written to since the last sync, whatever their outcome, because the write changed their files'
    /// fingerprints.
    private var dirty: Set<PieceIndex> = []
    /// The pieces of the cycle under way.
    private var pieces: [PieceIndex] = []
    /// Incomplete pieces with blocks on disk that the cycle under way makes durable and records.
    private var partials: [ActivePiece] = []
    /// Pieces that were being written when a sync failed. Their pages may be lost, and the kernel reports that only
    /// once.
    private var tainted: Set<PieceIndex> = []
    /// The claim of the transaction under way.
    private var sent = Claim()
    /// Whether the next cycle should begin without waiting for the interval.
    private var isUrgent = false
    /// Whether the last sync or transaction failed. Neither is retried before the fault is gone.
    private var isRefused = false

    init(files: PayloadFiles) { self.files = files }

    // MARK: Queries

    var isIdle: Bool { stage == .idle }
    var isSyncing: Bool { stage == .syncing }
    var isRecording: Bool { stage == .recording }
    var hasWork: Bool { !unrecorded.isEmpty || !next.isEmpty }
    /// Whether files were written to since the last sync.
    var isDirty: Bool { !dirty.isEmpty }
    /// The pieces whose write intents end with the transaction under way.
    var closing: [PieceIndex] { sent.closed }

    /// Whether a sync and a transaction may be tried. A full disk only prevents writes, so existing data is still
    /// recorded.
    func canRecord(despite fault: Fault?) -> Bool {
        switch fault?.kind {
        case nil: true
        case .diskFull, .database, .databaseFull, .ownership, .readOnly: !isRefused
        case .input, .offline: false
        }
    }

    /// Whether the interval has passed, or there is enough to record.
    func isDue(_ settings: SwarmSettings, now: Instant) -> Bool {
        now - lastAt >= settings.commitInterval || unrecordedBytes >= settings.commitBytes || isUrgent
    }

    // MARK: What happened to pieces

    /// The user selected other files.
    mutating func selected(_ files: PayloadFiles) { self.files = files }

    /// The torrent starts; the first interval begins.
    mutating func started(unverified: [PieceIndex], now: Instant) {
        lastAt = now
        // The database must call these pieces unverified from now on, so that a stop during the recheck forgets
        // nothing. The claim goes out at once, before any write intent for a piece that is written to after the
        // recheck.
        if !unverified.isEmpty { next.unverified = unverified }
        isUrgent = hasWork
    }

    mutating func hurry() { isUrgent = true }

    /// The piece is present, and will be recorded.
    mutating func gained(_ piece: PieceIndex) {
        unrecorded.append(piece)
        unrecordedBytes += files.geometry.length(of: piece)
    }

    /// The piece was written to.
    mutating func wrote(_ piece: PieceIndex) { dirty.insert(piece) }

    mutating func becameUnverified(_ pieces: [PieceIndex]) { next.unverified += pieces }

    /// The pieces were recorded as present and aren't any more.
    mutating func lostRecorded(_ pieces: [PieceIndex]) {
        next.unverified += pieces
        next.closed += pieces
        isUrgent = true
    }

    /// The piece is no longer unverified, and not present. An earlier run may have written to it, so the claim must
    /// carry its files' fingerprints.
    mutating func foundBad(_ piece: PieceIndex) {
        next.closed.append(piece)
        dirty.insert(piece)
    }

    /// The database must forget the recorded blocks of the piece.
    mutating func forgetPartial(_ piece: PieceIndex) { next.partials.append(.nothing(of: piece)) }

    /// These pieces get new write intents, which must not end with the next claim.
    mutating func intentsSent(_ pieces: [PieceIndex]) {
        let sent = Set(pieces)
        next.closed.removeAll { sent.contains($0) }
    }

    /// Present pieces were lost: those that are not in `present` wait for no commit.
    mutating func keepOnly(_ present: Bitfield) {
        unrecorded.removeAll { !present[$0] }
        countUnrecorded()
    }

    private mutating func countUnrecorded() {
        unrecordedBytes = unrecorded.reduce(0) { $0 + files.geometry.length(of: $1) }
    }

    /// Whether a sync failed while the piece was being written. The answer is given once.
    mutating func takeTaint(of piece: PieceIndex) -> Bool { tainted.remove(piece) != nil }

    /// The fault is gone: syncs and transactions may be tried again.
    mutating func faultIsGone() { isRefused = false }

    // MARK: The cycle

    /// Begins a cycle. The blocks of the pieces in `early` are written first.
    mutating func began(early: [ActivePiece], now: Instant) {
        lastAt = now
        isUrgent = false
        pieces = unrecorded
        unrecorded = []
        unrecordedBytes = 0
        stage = .writing(Set(early.map(\.piece)))
    }

    /// An early write ended. Returns whether it was the last one of the cycle.
    mutating func earlyWriteEnded(_ piece: PieceIndex) -> Bool {
        dirty.insert(piece)
        guard case .writing(var waiting) = stage, waiting.remove(piece) != nil else { return false }
        stage = .writing(waiting)
        return waiting.isEmpty
    }

    /// The early writes ended. Returns the pieces to sync.
    mutating func syncBegan(_ active: [ActivePiece]) -> [PieceIndex] {
        stage = .syncing
        partials = active.filter { $0.onDiskCount > $0.recordedCount }
        let touched = self.touched
        dirty = []
        return touched
    }

    private var touched: [PieceIndex] { dirty.union(pieces).union(partials.map(\.piece)).sorted() }

    /// The sync failed: pages may be lost, so everything written since the last claim is unverified. The kernel reports
    /// the error only once for all pages of a file (fsync(2)), so writes that later cycles would have synced are
    /// affected too.
    mutating func syncFailed(_ states: inout PieceStates) {
        stage = .idle
        isRefused = true
        dirty.formUnion(touched)
        for piece in pieces { states.lostSync(piece) }
        for piece in unrecorded { states.lostSync(piece) }
        pieces = []
        partials = []
        unrecorded = []
        unrecordedBytes = 0
        for piece in states.active {
            if piece.phase == .verifying { tainted.insert(piece.piece) } else { states.lostSync(piece) }
        }
    }

    /// Everything written before the sync is durable. Returns whether a transaction must record it; ``claim(_:_:)``
    /// says what. `idle` are pieces whose write intents end.
    mutating func recordBegan(_ states: borrowing PieceStates, closing idle: [PieceIndex]) -> Bool {
        stage = .recording
        sent = next
        next = Claim()
        sent.pieces = pieces.filter { states.have[$0] }
        partials.removeAll { $0.isClosed }
        sent.partials += partials.map { PartialPiece(piece: $0.piece, blocks: $0.written) }
        sent.closed += idle
        return !sent.isEmpty
    }

    /// Assembles the whole claim of the transaction that begins. `transfer` is what it reports.
    mutating func claim(_ states: borrowing PieceStates, _ transfer: Transfer) -> Claim {
        sent.complete(recorded: states.recorded, wanted: states.wanted, files: files, transfer: transfer)
        return sent
    }

    /// The transaction is durable.
    mutating func recorded(_ states: inout PieceStates) {
        stage = .idle
        states.recorded(sent.pieces, closed: sent.closed)
        for (piece, partial) in zip(partials, sent.partials.suffix(partials.count))
        where !states.recorded(partial, of: piece) {
            forgetPartial(piece.piece)
        }
        pieces = []
        partials = []
        sent = Claim()
    }

    /// The database refused the transaction: nothing was recorded, and everything is claimed again later. Returns the
    /// transfers that were not reported.
    mutating func recordFailed(_ states: borrowing PieceStates) -> Transfer {
        stage = .idle
        isRefused = true
        unrecorded = pieces.filter { states.have[$0] } + unrecorded
        countUnrecorded()
        next.unverified = sent.unverified + next.unverified
        // A piece that became active again is no longer closed.
        next.closed = sent.closed.filter { states[$0] == nil } + next.closed
        next.partials = sent.partials.filter(\.blocks.isEmpty) + next.partials
        pieces = []
        partials = []
        defer { sent = Claim() }
        return sent.transfer
    }

    // MARK: Invariants

    /// Descriptions of what is inconsistent with the states of the pieces, for tests; empty if nothing is.
    func faults(_ states: borrowing PieceStates) -> [String] {
        var found: [String] = []
        let waiting = Set(unrecorded + pieces)
        for piece in states.have.subtracting(states.recorded).pieces where !waiting.contains(piece) {
            found.append("piece \(piece) waits for no commit")
        }
        if unrecordedBytes != unrecorded.reduce(0, { $0 + files.geometry.length(of: $1) }) {
            found.append("bytes to be recorded are miscounted")
        }
        return found
    }
}
