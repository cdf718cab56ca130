import Torrent

/// The ladder of law 1 (verified, written, synced, recorded), and the machine's faults that halt it.
extension Swarm {
    // MARK: The note ahead of a write

    /// Records the write intents of newly opened pieces, and of some that will be opened next, in one transaction.
    mutating func noteOpened(now: Instant) {
        // While the payload is offline nothing can be written, so a stop before it returns must leave no write intent.
        guard !unopened.isEmpty, fault?.kind != .offline, mode == .running || mode == .stopping else { return }
        // The record under way closes the write intents of these pieces; new intents for them must come after it.
        let closing = Set(commit.sent.closed)
        let fresh = unopened.filter { active[$0] != nil && !opened[$0] && !opening[$0] && !closing.contains($0) }
        unopened.removeAll { !closing.contains($0) }
        guard !fresh.isEmpty else { return }
        var ahead: [PieceIndex] = []
        if mode == .running {
            let count = min(max(2, settings.openAheadBytes / geometry.pieceLength), Self.maximumOpenAhead)
            ahead = picker.upcoming(count, settings.picking).filter {
                !opened[$0] && !opening[$0] && !closing.contains($0)
            }
        }
        for piece in fresh + ahead { opening.insert(piece) }
        openAhead = ahead.reversed() + openAhead.filter { picker.candidates[$0] }
        let noted = Set(fresh + ahead)
        commit.record.closed.removeAll { noted.contains($0) }
        effects.append(.open(fresh + ahead))
    }

    /// These pieces may be written to: their write intents are recorded. Answers ``Effect/open(_:)``.
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

    /// Begins the next commit cycle when it is due. Only ticks look at incomplete pieces, because there may be many.
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

    /// The blocks were written to their files. Answers ``Effect/writeBlocks(_:_:)``.
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

    /// Everything written to these pieces' files is durable. Answers ``Effect/sync(_:)``.
    package mutating func synced(now: Instant) {
        guard commit.stage == .syncing else { return }
        if fault == nil { endTrial() }
        beginRecord(now: now)
    }

    /// The sync failed: pages may be lost, so everything written since the last record is unverified. The kernel
    /// reports the error only once for all pages of a file (fsync(2)), so writes that later cycles would have synced
    /// are affected too. Answers ``Effect/sync(_:)``.
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
            // At rest the contents of the disk are known, so only pieces that were unverified before stay unverified.
            record.closed += opened.pieces.filter { !doubtful[$0] && !have[$0] && active[$0]?.phase != .verifying }
        }
        commit.sent = record
        guard !record.isEmpty else { return recorded(now: now) }
        effects.append(.record(record))
    }

    /// The transaction is durable. Answers ``Effect/record(_:)``.
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
                // The piece was completed meanwhile. If a sync loses it, these blocks are still recorded.
                heldPartials[piece.piece] = partial
            } else {
                // The piece failed its hash check meanwhile.
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

    /// The database rejected the record: nothing was recorded, and the record is retried. Answers
    /// ``Effect/record(_:)``.
    package mutating func recordFailed(fault: Fault, now: Instant) {
        guard commit.stage == .recording else { return }
        commit.stage = .idle
        commit.unrecorded = commit.pieces.filter { have[$0] } + commit.unrecorded
        commit.bytes = commit.unrecorded.reduce(0) { $0 + geometry.length(of: $1) }
        let sent = commit.sent
        commit.sent = Record()
        commit.record.doubted = sent.doubted + commit.record.doubted
        commit.record.lost = sent.lost + commit.record.lost
        // A piece that was opened again is no longer closed.
        commit.record.closed = sent.closed.filter { active[$0] == nil } + commit.record.closed
        commit.record.partials = sent.partials.filter { !$0.blocks.contains(true) } + commit.record.partials
        commit.pieces = []
        commit.partials = []
        commit.isRefused = true
        enter(fault, now: now)
        continueStopping(now: now)
    }

    /// Whether a sync and a transaction may be tried. A full disk only prevents writes, so existing data is still
    /// recorded.
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

    /// The files were inspected; `changed` holds the pieces in files that another program changed. Answers
    /// ``Effect/inspect``.
    package mutating func inspected(_ changed: Bitfield, now: Instant) {
        guard isInspecting else { return }
        if changed.isEmpty || !isCompleteAndRecorded {
            endInspection()
        } else {
            isInspecting = false
            doubt(changed, now: now)
        }
    }

    /// Reports the completion if it still holds.
    mutating func endInspection() {
        guard isInspecting else { return }
        isInspecting = false
        guard isCompleteAndRecorded else { return }
        completionNoted = true
        effects.append(.note(.completed))
    }

    // MARK: Coming to rest

    /// Does the remaining work after ``stop(now:)``. Each answer calls this again.
    mutating func continueStopping(now: Instant) {
        guard mode == .stopping, commit.isIdle, !checks.isRunning else { return }
        guard !activeOrder.contains(where: { $0.phase == .verifying || $0.isBeingWritten }) else { return }
        guard opening.isEmpty else { return }
        // Work that the machine refuses can't be waited for; its pieces stay unverified and the next start checks them.
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

    /// Clears the fault on trial: a retry succeeded, or nothing has failed for a while.
    mutating func endTrial() {
        guard let (old, _) = onTrial else { return }
        onTrial = nil
        effects.append(.note(.faultGone(old.kind)))
    }

    /// Holds all requests until ``release(now:)``, because whether existing files may be written to is not known yet.
    package mutating func hold() { isHeld = true }

    package mutating func release(now: Instant) {
        guard isHeld else { return }
        isHeld = false
        fillAll(now: now)
    }

    /// Probes the fault now if it is of this kind.
    package mutating func hastenProbe(of kind: Fault.Kind, now: Instant) {
        guard fault?.kind == kind, !isProbing else { return }
        probePause = Self.probeInterval
        nextProbe = now
        wake(now: now)
    }

    /// The payload is unreachable: nothing is requested from peers or the disk until it returns.
    package mutating func wentOffline(_ text: String, now: Instant) { enter(Fault(.offline, text), now: now) }

    /// `still` is the fault that remains, or `nil` if it is gone. Answers ``Effect/probe(_:)``.
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
            // A probe can't detect this fault, so the failed operation is retried.
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
