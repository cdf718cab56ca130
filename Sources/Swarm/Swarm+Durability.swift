import Torrent

/// The ladder of law 1: verified, written, synced, recorded; and the faults of the machine that stop it for a while.
extension Swarm {
    // MARK: The note ahead of a write

    /// Has the database note down the pieces that were opened, and some that will be next, in one go.
    mutating func noteOpened(now: Instant) {
        let fresh = activeOrder.filter { !opened[$0] && !opening[$0] }
        guard !fresh.isEmpty else { return }
        let ahead = max(2, settings.openAheadBytes / geometry.pieceLength)
        let upcoming = picker.upcoming(min(ahead, 1024), sequential: settings.isSequential).filter { !opened[$0] && !opening[$0] }
        for piece in fresh + upcoming { opening.insert(piece) }
        openAhead = openAhead.filter { picker.candidates[$0] } + upcoming
        effects.append(.open(fresh + upcoming))
    }

    /// The database knows that these may be written; answers ``Effect/open(_:)``.
    package mutating func opened(_ pieces: [PieceIndex], now: Instant) {
        for index in pieces {
            opening.remove(index)
            opened.insert(index)
            if let piece = active[index] { verifyIfReady(piece) }
        }
        if mode == .stopping { continueStopping(now: now) }
    }

    package mutating func openFailed(_ pieces: [PieceIndex], fault: Fault, now: Instant) {
        for index in pieces { opening.remove(index) }
        enter(fault, now: now)
    }

    // MARK: The group commit

    mutating func considerCommit(now: Instant) {
        guard commit.isIdle, fault == nil else { return }
        if mode == .stopping {
            beginCommit(everything: true, now: now)
            return
        }
        guard mode == .running else { return }
        let isDue = now - commit.lastAt >= settings.commitInterval || commit.bytes >= settings.commitBytes || commit.isUrgent
        let isDone = isComplete && doubtful.isEmpty && active.isEmpty
        if commit.hasWork, isDue || isDone {
            beginCommit(everything: false, now: now)
        } else if isDue, activeOrder.contains(where: { active[$0].map { needsEarlyWrite($0, everything: false, now: now) } ?? false }) {
            beginCommit(everything: false, now: now)
        }
    }

    private func needsEarlyWrite(_ piece: ActivePiece, everything: Bool, now: Instant) -> Bool {
        piece.phase == .downloading && opened[piece.piece] && !piece.isBeingWritten && (everything || now - piece.openedAt >= settings.partialAge)
            && !piece.unwritten.isEmpty
    }

    private mutating func beginCommit(everything: Bool, now: Instant) {
        commit.lastAt = now
        commit.isUrgent = false
        commit.pieces = commit.unrecorded
        commit.unrecorded = []
        commit.bytes = 0
        var writing: Set<PieceIndex> = []
        for index in activeOrder {
            guard let piece = active[index], needsEarlyWrite(piece, everything: everything, now: now) else { continue }
            piece.isBeingWritten = true
            writing.insert(index)
            effects.append(.writeBlocks(index, piece.unwritten))
        }
        commit.partials = []
        commit.stage = .writing(writing)
        if writing.isEmpty { beginSync() }
    }

    /// The blocks stand in their place; answers ``Effect/writeBlocks(_:_:)``.
    package mutating func blocksWritten(_ index: PieceIndex, _ blocks: [Int], now: Instant) {
        if let piece = active[index] {
            for block in blocks { piece.markOnDisk(block) }
            piece.isBeingWritten = false
            commit.partials.insert(index)
            verifyIfReady(piece)
        }
        endEarlyWrite(index, now: now)
    }

    package mutating func blocksFailed(_ index: PieceIndex, _ blocks: [Int], fault: Fault, now: Instant) {
        active[index]?.isBeingWritten = false
        if let piece = active[index] { verifyIfReady(piece) }
        enter(fault, now: now)
        endEarlyWrite(index, now: now)
    }

    private mutating func endEarlyWrite(_ index: PieceIndex, now: Instant) {
        guard case .writing(var waiting) = commit.stage else { return }
        waiting.remove(index)
        commit.stage = .writing(waiting)
        if waiting.isEmpty { beginSync() }
    }

    private mutating func beginSync() {
        commit.stage = .syncing
        let touched = commit.pieces + commit.partials.sorted()
        guard !touched.isEmpty else {
            beginRecord()
            return
        }
        effects.append(.sync(touched))
    }

    /// All that was written to those pieces' files is durable; answers ``Effect/sync(_:)``.
    package mutating func synced(now: Instant) {
        guard commit.stage == .syncing else { return }
        beginRecord()
    }

    /// The sync failed: the pages may be gone, and what was written since the last record is in doubt.
    package mutating func syncFailed(fault: Fault, now: Instant) {
        guard commit.stage == .syncing else { return }
        commit.stage = .idle
        for index in commit.pieces where !recorded[index] {
            have.remove(index)
            doubtful.insert(index)
        }
        commit.pieces = []
        for piece in active.values { piece.distrustDisk() }
        enter(fault, now: now)
        if mode == .stopping { continueStopping(now: now) }
    }

    private mutating func beginRecord() {
        commit.stage = .recording
        var record = commit.record
        commit.record = Record()
        record.pieces = commit.pieces.filter { have[$0] }
        for index in commit.partials.sorted() {
            guard let piece = active[index], piece.onDiskCount != piece.recordedBlocks, piece.onDiskCount > 0 else { continue }
            record.partials.append(PartialPiece(piece: index, blocks: piece.onDisk))
        }
        if mode == .stopping {
            // At rest it is known what stands on disk: nothing is in doubt but what was so before.
            record.closed += opened.pieces.filter { !doubtful[$0] && !have[$0] && active[$0]?.phase != .verifying }
        }
        commit.sent = record
        guard !record.isEmpty else {
            recorded(now: now(record))
            return
        }
        effects.append(.record(record))
    }

    /// An empty record needs no transaction and no time.
    private func now(_: Record) -> Instant { commit.lastAt }

    /// The transaction is durable; answers ``Effect/record(_:)``.
    package mutating func recorded(now: Instant) {
        guard commit.stage == .recording else { return }
        commit.stage = .idle
        let record = commit.sent
        for index in record.pieces where have[index] {
            recorded.insert(index)
            opened.remove(index)
        }
        for index in record.lost { recorded.remove(index) }
        for index in record.closed where active[index]?.phase != .verifying { opened.remove(index) }
        for partial in record.partials {
            active[partial.piece]?.recordedBlocks = partial.blocks.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        commit.sent = Record()
        commit.pieces = []
        noteCompletion()
        if mode == .stopping { continueStopping(now: now) } else { considerCommit(now: now) }
    }

    /// The database didn't take it: nothing was recorded, and it is tried again.
    package mutating func recordFailed(fault: Fault, now: Instant) {
        guard commit.stage == .recording else { return }
        commit.stage = .idle
        commit.unrecorded = commit.pieces.filter { have[$0] } + commit.unrecorded
        commit.bytes = commit.unrecorded.reduce(0) { $0 + geometry.length(of: $1) }
        let sent = commit.sent
        commit.record.doubted = sent.doubted + commit.record.doubted
        commit.record.lost = sent.lost + commit.record.lost
        commit.record.closed = sent.closed + commit.record.closed
        commit.record.partials = sent.partials.filter { !$0.blocks.contains(true) } + commit.record.partials
        commit.sent = Record()
        commit.pieces = []
        enter(fault, now: now)
        if mode == .stopping { continueStopping(now: now) }
    }

    mutating func noteCompletion() {
        guard !completionNoted, isCompleteAndRecorded else { return }
        completionNoted = true
        effects.append(.note(.completed))
    }

    // MARK: Coming to rest

    mutating func continueStopping(now: Instant) {
        guard mode == .stopping else { return }
        if fault != nil, commit.isIdle, !isVerifying {
            // What the machine refuses can't be waited for; it stays in doubt and is looked at by the next start.
            rest()
            return
        }
        guard commit.isIdle, !isVerifying, opening.isEmpty, !checks.isRunning else { return }
        let hasUnwritten = activeOrder.contains { active[$0].map { needsEarlyWrite($0, everything: true, now: now) } ?? false }
        let hasOpened = opened.pieces.contains { !doubtful[$0] && !have[$0] }
        if commit.hasWork || hasUnwritten || hasOpened {
            beginCommit(everything: true, now: now)
        } else {
            rest()
        }
    }

    private var isVerifying: Bool { active.values.contains { $0.phase == .verifying || $0.isBeingWritten } }

    private mutating func rest() {
        mode = .stopped
        effects.append(.stopped)
    }

    // MARK: Faults

    mutating func enter(_ new: Fault, now: Instant) {
        if fault != new { effects.append(.note(.fault(new))) }
        fault = new
        nextProbe = now + Self.probeInterval
    }

    /// The payload can't be reached: nothing is asked of peers or disk until it is back.
    package mutating func wentOffline(_ text: String, now: Instant) { enter(Fault(.offline, text), now: now) }

    /// Whether the fault still holds; answers ``Effect/probe(_:)``.
    package mutating func probed(_ still: Fault?, now: Instant) {
        guard let old = fault else { return }
        if let still {
            enter(still, now: now)
            return
        }
        fault = nil
        nextProbe = nil
        effects.append(.note(.faultGone(old.kind)))
        for index in activeOrder {
            guard let piece = active[index] else { continue }
            if piece.phase == .awaitingDisk { piece.phase = .waiting }
            verifyIfReady(piece)
        }
        noteOpened(now: now)
        checkDoubtful()
        commit.isUrgent = true
        considerCommit(now: now)
        fillAll(now: now)
        dialMore(now: now)
    }
}
