package import Torrent

/// The ladder of law 1: verified, written, synced, recorded.
extension Swarm {
    // MARK: Write intents

    /// Records the write intents of active pieces that have none, and of some that will be active next, in one
    /// transaction.
    mutating func sendIntents(now: Instant) {
        // While the payload is offline nothing can be written, so a stop before it returns must leave no write intent.
        guard pieces.intents.hasUnsent, !faults.isOffline, mode == .running || mode == .stopping else { return }
        let ahead = min(max(2, settings.intentsAheadBytes / geometry.pieceLength), Self.maximumIntentsAhead)
        let taken = pieces.takeIntents(
            ahead: mode == .running ? ahead : 0, settings.picking, except: Set(commit.closing))
        guard !taken.isEmpty else { return }
        commit.intentsSent(taken)
        effects.append(.recordIntents(taken))
    }

    /// These pieces may be written to: their write intents are recorded. Answers ``Effect/recordIntents(_:)``.
    package mutating func intentsRecorded(_ indices: [PieceIndex], now: Instant) {
        for index in indices {
            pieces.intentRecorded(index)
            if let piece = pieces[index] { verifyIfReady(piece) }
        }
        continueStopping(now: now)
    }

    package mutating func intentsFailed(_ indices: [PieceIndex], fault: Fault, now: Instant) {
        for index in indices { pieces.intentRefused(index) }
        enter(fault, now: now)
        continueStopping(now: now)
    }

    // MARK: The group commit

    /// Begins the next commit cycle when it is due. Only ticks look at incomplete pieces, because there may be many.
    mutating func considerCommit(withPartials: Bool = false, now: Instant) {
        guard mode == .running else { return continueStopping(now: now) }
        guard commit.isIdle, commit.canRecord(despite: faults.current) else { return }
        let isDue = commit.isDue(settings, now: now)
        if commit.hasWork {
            let isDone = pieces.bufferedCount == 0 && pieces.unverified.isEmpty && isComplete
            if isDue || isDone { beginCommit(now: now) }
        } else if withPartials, isDue, pieces.active.contains(where: { needsEarlyWrite($0, now: now) }) {
            beginCommit(now: now)
        }
    }

    private func needsEarlyWrite(_ piece: ActivePiece, now: Instant) -> Bool {
        faults.isNone && piece.hasUnwritten && piece.phase == .downloading && pieces.intents.recorded[piece.piece]
            && !piece.isBeingWritten && !repairs[piece.piece]
            && (mode == .stopping || now - piece.activatedAt >= settings.partialAge)
    }

    private mutating func beginCommit(now: Instant) {
        let early = faults.isNone ? pieces.active.filter { needsEarlyWrite($0, now: now) } : []
        commit.began(early: early, now: now)
        for piece in early {
            piece.earlyWriteBegan()
            effects.append(.writeBlocks(piece.piece, piece.unwritten))
        }
        if early.isEmpty { beginSync(now: now) }
    }

    /// The blocks were written to their files. Answers ``Effect/writeBlocks(_:_:)``.
    package mutating func blocksWritten(_ index: PieceIndex, _ blocks: [Int], now: Instant) {
        endEarlyWrite(index, written: blocks, now: now)
    }

    package mutating func blocksFailed(_ index: PieceIndex, _ blocks: [Int], fault: Fault, now: Instant) {
        enter(fault, now: now)
        endEarlyWrite(index, written: [], now: now)
    }

    private mutating func endEarlyWrite(_ index: PieceIndex, written: [Int], now: Instant) {
        if let piece = pieces[index], piece.isBeingWritten {
            piece.earlyWriteEnded(written: written)
            verifyIfReady(piece)
        }
        if commit.earlyWriteEnded(index) { beginSync(now: now) }
    }

    private mutating func beginSync(now: Instant) {
        let touched = commit.syncBegan(pieces.active)
        if touched.isEmpty { beginRecord(now: now) } else { effects.append(.sync(touched)) }
    }

    /// Everything written to these pieces' files is durable. Answers ``Effect/sync(_:)``.
    package mutating func synced(now: Instant) {
        guard commit.isSyncing else { return }
        if faults.isNone { endTrial() }
        beginRecord(now: now)
    }

    /// The sync failed, so everything written since the last claim is unverified. Answers ``Effect/sync(_:)``.
    package mutating func syncFailed(fault: Fault, now: Instant) {
        guard commit.isSyncing else { return }
        commit.syncFailed(&pieces)
        enter(fault, now: now)
        continueStopping(now: now)
    }

    private mutating func beginRecord(now: Instant) {
        // At rest the contents of the disk are known, so write intents end. A cycle that began before the stop wrote
        // nothing of pieces younger than `partialAge`: their blocks are written in the next one, under their intents.
        let idle =
            mode == .stopping && faults.isNone
            ? pieces.idleIntents.filter { pieces[$0].map { !needsEarlyWrite($0, now: now) } ?? true } : []
        guard commit.recordBegan(pieces, closing: idle) else { return recorded(now: now) }
        effects.append(.record(commit.claim(pieces, tally.takeUnreported())))
    }

    /// The transaction is durable. Answers ``Effect/record(_:)``.
    package mutating func recorded(now: Instant) {
        guard commit.isRecording else { return }
        commit.recorded(&pieces)
        abandonUnwanted(now: now)
        parkIdle()
        sendIntents(now: now)
        noteCompletion()
        considerCommit(now: now)
    }

    /// The database rejected the claim: nothing was recorded, and the claim is made again. Answers
    /// ``Effect/record(_:)``.
    package mutating func recordFailed(fault: Fault, now: Instant) {
        guard commit.isRecording else { return }
        tally.wasRefused(commit.recordFailed(pieces))
        enter(fault, now: now)
        continueStopping(now: now)
    }

    // MARK: Completion

    mutating func noteCompletion() {
        guard !completion.isReported, isCompleteAndRecorded, completion.isDue() else { return }
        if mode == .running { effects.append(.inspect) } else { endInspection() }
    }

    /// The files were inspected; `changed` holds the pieces in files that another program changed. Answers
    /// ``Effect/inspect``.
    package mutating func inspected(_ changed: Bitfield, now: Instant) {
        guard completion.isInspecting else { return }
        if changed.isEmpty || !isCompleteAndRecorded {
            endInspection()
        } else {
            _ = completion.inspectionEnded()
            recheck(changed, now: now)
        }
    }

    /// Reports the completion if it still holds.
    mutating func endInspection() {
        guard completion.inspectionEnded(), isCompleteAndRecorded else { return }
        completion.reported()
        effects.append(.note(.completed))
    }

    // MARK: Coming to rest

    /// Does the remaining work after ``stop(now:)``. Each answer calls this again.
    mutating func continueStopping(now: Instant) {
        guard mode == .stopping, commit.isIdle, !pieces.recheck.isRunning else { return }
        guard !pieces.active.contains(where: { $0.phase == .verifying || $0.isBeingWritten }) else { return }
        guard pieces.intents.pending.isEmpty else { return }
        // Work that the machine refuses can't be waited for; its pieces stay unverified and the next start checks them.
        guard commit.canRecord(despite: faults.current) else { return rest() }
        if faults.isNone { sendIntents(now: now) }
        guard pieces.intents.pending.isEmpty else { return }
        let isLeft =
            faults.isNone
            && (commit.isDirty || pieces.hasIdleIntents || pieces.active.contains { needsEarlyWrite($0, now: now) })
        if commit.hasWork || isLeft { beginCommit(now: now) } else { rest() }
    }

    /// Empties all buffers. A later start takes every piece as it is on disk.
    private mutating func rest() {
        mode = .stopped
        for piece in pieces.active {
            sources.endAssignment(of: piece)
            if pieces.rested(piece, using: &random) { effects.append(.release(piece.piece)) }
        }
        effects.append(.stopped)
    }
}
