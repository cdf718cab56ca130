import Torrent

/// The ladder of law 1: verified, written, synced, recorded; and the faults of the machine that stop it for a while.
extension Swarm {
    // MARK: The note ahead of a write

    /// Has the database note down the pieces that were opened, and some that will be next, in one go.
    mutating func noteOpened(now: Instant) {
        // What is out of reach isn't written to: a stop before it is back leaves no note.
        guard !unopened.isEmpty, fault?.kind != .offline, mode == .running || mode == .stopping else { return }
        // The record under way takes back notes of its closed pieces: theirs follow it.
        let closing = Set(commit.sent.closed)
        let fresh = unopened.filter { active[$0] != nil && !opened[$0] && !opening[$0] && !closing.contains($0) }
        unopened.removeAll { !closing.contains($0) }
        guard !fresh.isEmpty else { return }
        var ahead: [PieceIndex] = []
        if mode == .running {
            let count = min(max(2, settings.openAheadBytes / geometry.pieceLength), Self.maximumOpenAhead)
            ahead = picker.upcoming(count, sequential: settings.isSequential).filter {
                !opened[$0] && !opening[$0] && !closing.contains($0)
            }
        }
        for piece in fresh + ahead { opening.insert(piece) }
        openAhead = ahead.reversed() + openAhead.filter { picker.candidates[$0] }
        let noted = Set(fresh + ahead)
        commit.record.closed.removeAll { noted.contains($0) }
        effects.append(.open(fresh + ahead))
    }

    /// The database knows that these may be written; answers ``Effect/open(_:)``.
    package mutating func opened(_ pieces: [PieceIndex], now: Instant) {
        for index in pieces {
            opening.remove(index)
            opened.insert(index)
            if let piece = active[index] { verifyIfReady(piece) }
        }
        continueStopping(now: now)
    }

    package mutating func openFailed(_ pieces: [PieceIndex], fault: Fault, now: Instant) {
        for index in pieces {
            opening.remove(index)
            if active[index] != nil { unopened.append(index) }
        }
        enter(fault, now: now)
        continueStopping(now: now)
    }

    // MARK: The group commit

    /// Begins the next cycle when it is time. Incomplete pieces are looked at with the ticks alone: there may be many.
    mutating func considerCommit(withPartials: Bool = false, now: Instant) {
        guard mode == .running else { return continueStopping(now: now) }
        guard commit.isIdle, canRecord else { return }
        let isDue =
            now - commit.lastAt >= settings.commitInterval || commit.bytes >= settings.commitBytes || commit.isUrgent
        let isDone = isComplete && doubtful.isEmpty && bufferedCount == 0
        if commit.hasWork
            ? isDue || isDone
            : withPartials && isDue && fault == nil && activeOrder.contains(where: { needsEarlyWrite($0, now: now) })
        {
            beginCommit(now: now)
        }
    }

    private func needsEarlyWrite(_ piece: ActivePiece, now: Instant) -> Bool {
        piece.hasUnwritten && piece.phase == .downloading && opened[piece.piece] && !piece.isBeingWritten
            && (mode == .stopping || now - piece.openedAt >= settings.partialAge)
    }

    private mutating func beginCommit(now: Instant) {
        commit.lastAt = now
        commit.isUrgent = false
        commit.pieces = commit.unrecorded
        commit.unrecorded = []
        commit.bytes = 0
        var writing: Set<PieceIndex> = []
        for piece in activeOrder where fault == nil && needsEarlyWrite(piece, now: now) {
            piece.isBeingWritten = true
            writing.insert(piece.piece)
            effects.append(.writeBlocks(piece.piece, piece.unwritten))
        }
        commit.stage = .writing(writing)
        if writing.isEmpty { beginSync(now: now) }
    }

    /// The blocks stand in their place; answers ``Effect/writeBlocks(_:_:)``.
    package mutating func blocksWritten(_ index: PieceIndex, _ blocks: [Int], now: Instant) {
        commit.dirty.insert(index)
        if let piece = active[index], piece.isBeingWritten {
            for block in blocks { piece.markOnDisk(block) }
            piece.isBeingWritten = false
            verifyIfReady(piece)
        }
        endEarlyWrite(index, now: now)
    }

    package mutating func blocksFailed(_ index: PieceIndex, _ blocks: [Int], fault: Fault, now: Instant) {
        enter(fault, now: now)
        commit.dirty.insert(index)
        if let piece = active[index], piece.isBeingWritten {
            piece.isBeingWritten = false
            verifyIfReady(piece)
        }
        endEarlyWrite(index, now: now)
    }

    private mutating func endEarlyWrite(_ index: PieceIndex, now: Instant) {
        guard case .writing(var waiting) = commit.stage, waiting.remove(index) != nil else { return }
        commit.stage = .writing(waiting)
        if waiting.isEmpty { beginSync(now: now) }
    }

    private mutating func beginSync(now: Instant) {
        commit.stage = .syncing
        commit.partials = activeOrder.filter { $0.onDiskCount > $0.recordedCount }
        let touched = commit.touched
        guard !touched.isEmpty else { return beginRecord(now: now) }
        commit.dirty = []
        effects.append(.sync(touched))
    }

    /// All that was written to those pieces' files is durable; answers ``Effect/sync(_:)``.
    package mutating func synced(now: Instant) {
        guard commit.stage == .syncing else { return }
        if fault == nil { endTrial() }
        beginRecord(now: now)
    }

    /// The sync failed: the pages may be gone, and what was written since the last record is in doubt. The kernel says
    /// so once for all of a file's pages (fsync(2)), so that holds for what later cycles would have synced too.
    package mutating func syncFailed(fault: Fault, now: Instant) {
        guard commit.stage == .syncing else { return }
        commit.stage = .idle
        commit.isRefused = true
        commit.dirty.formUnion(commit.touched)
        for index in commit.pieces + commit.unrecorded where have[index] {
            have.remove(index)
            distrust(index)
        }
        commit.pieces = []
        commit.partials = []
        commit.unrecorded = []
        commit.bytes = 0
        for piece in activeOrder {
            if piece.phase == .verifying { commit.tainted.insert(piece.piece) } else { distrustDisk(of: piece) }
        }
        enter(fault, now: now)
        continueStopping(now: now)
    }

    private mutating func beginRecord(now: Instant) {
        commit.stage = .recording
        var record = commit.record
        commit.record = Record()
        record.pieces = commit.pieces.filter { have[$0] }
        commit.partials.removeAll { $0.isClosed }
        record.partials += commit.partials.map { PartialPiece(piece: $0.piece, blocks: $0.onDisk) }
        if mode == .stopping, fault == nil {
            // At rest it is known what stands on disk: nothing is in doubt but what was so before.
            record.closed += opened.pieces.filter { !doubtful[$0] && !have[$0] && active[$0]?.phase != .verifying }
        }
        commit.sent = record
        guard !record.isEmpty else { return recorded(now: now) }
        effects.append(.record(record))
    }

    /// The transaction is durable; answers ``Effect/record(_:)``.
    package mutating func recorded(now: Instant) {
        guard commit.stage == .recording else { return }
        commit.stage = .idle
        let record = commit.sent
        commit.sent = Record()
        for index in record.pieces where have[index] {
            heldPartials[index] = nil
            recorded.insert(index)
            opened.remove(index)
        }
        for index in record.closed { opened.remove(index) }
        for (piece, partial) in zip(commit.partials, record.partials.suffix(commit.partials.count)) {
            if !piece.isClosed {
                piece.markRecorded(partial.blocks)
            } else if have[piece.piece] || doubtful[piece.piece] {
                // It became whole meanwhile: should a sync lose it, these blocks are there.
                heldPartials[piece.piece] = partial
            } else {
                // It failed its hash meanwhile.
                commit.record.partials.append(.nothing(of: piece.piece))
            }
        }
        commit.pieces = []
        commit.partials = []
        for piece in activeOrder where !wanted[piece.piece] { abandon(piece, now: now) }
        parkIdle()
        noteOpened(now: now)
        noteCompletion()
        considerCommit(now: now)
    }

    /// The database didn't take it: nothing was recorded, and it is tried again.
    package mutating func recordFailed(fault: Fault, now: Instant) {
        guard commit.stage == .recording else { return }
        commit.stage = .idle
        commit.unrecorded = commit.pieces.filter { have[$0] } + commit.unrecorded
        commit.bytes = commit.unrecorded.reduce(0) { $0 + geometry.length(of: $1) }
        let sent = commit.sent
        commit.sent = Record()
        commit.record.doubted = sent.doubted + commit.record.doubted
        commit.record.lost = sent.lost + commit.record.lost
        // A piece that was opened again isn't closed any more.
        commit.record.closed = sent.closed.filter { active[$0] == nil } + commit.record.closed
        commit.record.partials = sent.partials.filter { !$0.blocks.contains(true) } + commit.record.partials
        commit.pieces = []
        commit.partials = []
        commit.isRefused = true
        enter(fault, now: now)
        continueStopping(now: now)
    }

    /// Whether a sync and a transaction may be tried: where there is only no room for more to be written, what is there
    /// is still recorded.
    private var canRecord: Bool {
        switch fault?.kind {
        case nil: true
        case .diskFull, .database, .databaseFull, .ownership: !commit.isRefused
        case .input, .offline: false
        }
    }

    mutating func noteCompletion() {
        guard !completionNoted, !isInspecting, isCompleteAndRecorded else { return }
        isInspecting = true
        if mode == .running { effects.append(.inspect) } else { endInspection() }
    }

    /// The files were looked at; these pieces lie in some that another program changed. Answers ``Effect/inspect``.
    package mutating func inspected(_ changed: Bitfield, now: Instant) {
        guard isInspecting else { return }
        if changed.isEmpty || !isCompleteAndRecorded {
            endInspection()
        } else {
            isInspecting = false
            doubt(changed, now: now)
        }
    }

    /// Tells of the completion, if it still holds.
    mutating func endInspection() {
        guard isInspecting else { return }
        isInspecting = false
        guard isCompleteAndRecorded else { return }
        completionNoted = true
        effects.append(.note(.completed))
    }

    // MARK: Coming to rest

    /// What is left to do after ``stop(now:)``, with every answer that comes.
    mutating func continueStopping(now: Instant) {
        guard mode == .stopping, commit.isIdle, !checks.isRunning else { return }
        guard !activeOrder.contains(where: { $0.phase == .verifying || $0.isBeingWritten }) else { return }
        guard opening.isEmpty else { return }
        // What the machine refuses can't be waited for; it stays in doubt and is looked at by the next start.
        guard canRecord else { return rest() }
        if fault == nil { noteOpened(now: now) }
        guard opening.isEmpty else { return }
        let hasUnwritten = fault == nil && activeOrder.contains { needsEarlyWrite($0, now: now) }
        let hasOpened = fault == nil && opened.pieces.contains { !doubtful[$0] && !have[$0] }
        if commit.hasWork || hasUnwritten || hasOpened || fault == nil && !commit.dirty.isEmpty {
            beginCommit(now: now)
        } else {
            rest()
        }
    }

    private mutating func rest() {
        mode = .stopped
        emptyBuffers()
        effects.append(.stopped)
    }

    // MARK: Faults

    mutating func enter(_ new: Fault, now: Instant) {
        let isBack = onTrial?.fault == new
        if fault != new, !isBack {
            effects.append(.note(.fault(new)))
            probePause = Self.probeInterval
        } else if isBack {
            probePause = min(probePause * 2, Self.longestProbePause)
        }
        fault = new
        onTrial = nil
        if !isProbing { nextProbe = now + probePause }
    }

    /// What failed has succeeded, or nothing has failed for a while.
    mutating func endTrial() {
        guard let (old, _) = onTrial else { return }
        onTrial = nil
        effects.append(.note(.faultGone(old.kind)))
    }

    /// Nothing is requested until ``release(now:)``: it isn't known yet whether files that were found may be written
    /// to.
    package mutating func hold() { isHeld = true }

    package mutating func release(now: Instant) {
        guard isHeld else { return }
        isHeld = false
        fillAll(now: now)
    }

    /// Looks now whether the fault is gone, if it is of this kind.
    package mutating func hastenProbe(of kind: Fault.Kind, now: Instant) {
        guard fault?.kind == kind, !isProbing else { return }
        probePause = Self.probeInterval
        nextProbe = now
        wake(now: now)
    }

    /// The payload can't be reached: nothing is asked of peers or disk until it is back.
    package mutating func wentOffline(_ text: String, now: Instant) { enter(Fault(.offline, text), now: now) }

    /// Whether the fault still holds; answers ``Effect/probe(_:)``.
    package mutating func probed(_ still: Fault?, now: Instant) {
        isProbing = false
        guard let old = fault else { return }
        if let still {
            enter(still, now: now)
            return
        }
        fault = nil
        commit.isRefused = false
        nextProbe = nil
        if old.kind == .input {
            // No look at the disk can tell: what failed is tried again.
            onTrial = (old, now + Self.probeInterval)
        } else {
            effects.append(.note(.faultGone(old.kind)))
        }
        guard mode == .running || mode == .stopping else { return }
        for piece in activeOrder {
            if piece.phase == .awaitingDisk { piece.phase = .waiting }
            verifyIfReady(piece)
        }
        noteOpened(now: now)
        checkDoubtful()
        noteCompletion()
        commit.isUrgent = true
        considerCommit(now: now)
        fillAll(now: now)
        pumpAll(now: now)
        dialMore(now: now)
    }
}
