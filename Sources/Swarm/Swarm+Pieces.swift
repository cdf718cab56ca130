package import Torrent

/// Complete pieces: hashed, written, or blamed on a peer. And unverified pieces.
extension Swarm {
    mutating func complete(_ piece: ActivePiece, now: Instant) {
        pieces.completed(piece)
        verifyIfReady(piece)
        sendIntents(now: now)
    }

    /// Hashes and writes the piece once its write intent is recorded and no early write is under way.
    mutating func verifyIfReady(_ piece: ActivePiece) {
        guard piece.phase == .waiting, pieces.intents.recorded[piece.piece], !piece.isBeingWritten else { return }
        guard faults.isNone || faults.current?.kind == .database else { return piece.refused() }
        piece.verificationBegan()
        effects.append(
            .verify(
                Verification(
                    piece: piece.piece, fromDisk: piece.outsideMemory, written: piece.written,
                    wantsDigests: ledger.isWaiting(for: piece.piece),
                    isAwaited: piece.assignedSource != nil || pieces.isFetched)))
    }

    /// The piece passed its hash check and is written. Answers ``Effect/verify(_:)``.
    package mutating func verified(_ index: PieceIndex, digests: [UInt64], now: Instant) {
        guard let piece = pieces[index], piece.phase == .verifying else { return }
        commit.wrote(index)
        for (guilty, _) in ledger.passed(index, digests: digests).sorted(by: { $0.key < $1.key }) {
            ban(guilty, reason: "sent wrong blocks of piece \(index)", for: index, now: now)
        }
        credit(piece)
        noteRepair(of: piece)
        let owner = piece.assignedSource
        sources.endAssignment(of: piece)
        if commit.takeTaint(of: index) {
            pieces.passedUnsynced(piece)
            effects.append(.release(index))
            checkUnverified()
        } else {
            pieces.passed(piece)
            effects.append(.release(index))
            gained(index, now: now)
        }
        if isComplete { goalChanged(now: now) }
        if let owner, let source = sources[owner] { fill(source, now: now) }
        memoryWasFreed(now: now)
        considerCommit(now: now)
    }

    /// Credits the senders of a piece that passed its hash check.
    private mutating func credit(_ piece: ActivePiece) {
        let contributors = piece.contributors
        if contributors.count == 1, let sender = contributors.first { sources[sender]?.proved() }
        for (block, sender) in piece.senders.enumerated() {
            guard let sender else { continue }
            credit(sender, bytes: geometry.length(of: BlockRef(piece: piece.piece, block: block)))
        }
    }

    private func credit(_ sender: SourceKey, bytes: Int) {
        switch sender {
        case .peer(let key):
            guard let peer = peers[key] else { return }
            peer.source.verified(bytes: bytes)
            earn(peer, bytes: bytes)
        case .webSeed(let key): webSeeds[key]?.source.verified(bytes: bytes)
        }
    }

    /// The piece is present. It may only be in the page cache, so it is synced before it is recorded.
    private mutating func gained(_ index: PieceIndex, now: Instant) {
        commit.gained(index)
        for peer in peers.ordered where !peer.source.has(index) {
            if let superSeeding, superSeeding.conceals(from: peer.key) { continue }
            send(peer, .have(index), now: now)
        }
    }

    /// The piece failed its hash check. Answers ``Effect/verify(_:)``.
    package mutating func hashFailed(_ index: PieceIndex, digests: [UInt64], now: Instant) {
        guard let piece = pieces[index], piece.phase == .verifying else { return }
        tally.wasted(geometry.length(of: index))
        let contributors = piece.contributors
        let addresses = contributors.sorted().compactMap { address(of: $0) }
        if let unreported = ledger.mayReportFailure(at: now) {
            let webSeeds = contributors.sorted().compactMap { if case .webSeed(let key) = $0 { key } else { nil } }
            effects.append(
                .note(.pieceFailed(index, senders: addresses, unreported: unreported, webSeeds: webSeeds)))
        }
        // A failed sync lost these blocks, so no peer is to blame.
        if !commit.takeTaint(of: index) { blame(piece, contributors, digests: digests, now: now) }
        if piece.recordedCount > 0 { commit.forgetPartial(index) }
        sources.endAssignment(of: piece)
        pieces.failed(piece, using: &random)
        effects.append(.release(index))
        fillAll(now: now)
        continueStopping(now: now)
    }

    /// The address of the source, even if it is gone.
    func address(of key: SourceKey) -> PeerAddress? {
        switch key {
        case .peer(let key): peers.address(of: key)
        case .webSeed: nil
        }
    }

    private mutating func blame(_ piece: ActivePiece, _ contributors: Set<SourceKey>, digests: [UInt64], now: Instant) {
        if let guilty = ledger.failed(piece.piece, senders: piece.senders, digests: digests) {
            let reason = "sent piece \(piece.piece), which failed its hash check"
            return ban(guilty, reason: reason, for: piece.piece, now: now)
        }
        pieces.disputed(piece.piece)
        // One of them sent bad data. Until the sender is known, each must prove itself again.
        for key in contributors {
            sources[key]?.mustProveItself()
            if let address = peers[key]?.address { book.hashFailed(address) }
        }
    }

    /// The disk refused the piece, which stays in its buffer. Answers ``Effect/verify(_:)``.
    package mutating func writeFailed(_ index: PieceIndex, fault: Fault, now: Instant) {
        guard let piece = pieces[index], piece.phase == .verifying else { return }
        piece.refused()
        commit.wrote(index)
        if commit.takeTaint(of: index) { pieces.lostSync(piece) }
        enter(fault, now: now)
        continueStopping(now: now)
    }

    // MARK: Pieces that are given up

    /// Stops downloading pieces that are no longer wanted.
    mutating func abandonUnwanted(now: Instant) {
        for piece in pieces.active where !pieces.wanted[piece.piece] { abandon(piece, now: now) }
    }

    /// Stops downloading the piece: cancels its requests and keeps only the blocks on disk.
    private mutating func abandon(_ piece: ActivePiece, now: Instant) {
        guard piece.phase == .downloading, !piece.isBeingWritten, piece.isBuffered || piece.onDiskCount == 0 else {
            return
        }
        for source in sources.ordered {
            for request in source.requests.filter({ $0.block.piece == piece.piece }) {
                cancel(request.block, of: source, now: now)
            }
            if source.currentPiece == piece.piece { source.fills(nil) }
        }
        piece.currentSource = nil
        sources.endAssignment(of: piece)
        for block in piece.unwritten {
            tally.wasted(geometry.length(of: BlockRef(piece: piece.piece, block: block)))
        }
        pieces.abandoned(piece, using: &random)
        effects.append(.release(piece.piece))
    }

    /// Parks recorded pieces that no peer fills when memory runs short, because their peers may never return.
    mutating func parkIdle() {
        guard pieces.bufferedBytes > settings.memoryBudget / 2 else { return }
        for piece in pieces.active where piece.isParkable {
            pieces.parked(piece)
            effects.append(.release(piece.piece))
        }
    }

    // MARK: Unverified pieces

    /// The result of hashing a piece on disk.
    package enum CheckVerdict: Equatable, Sendable {
        case good, bad, missing
        /// The disk can't be read; the piece stays unverified.
        case unreadable(Fault)
        /// The check was cancelled; the piece stays unverified.
        case unchecked
    }

    mutating func checkUnverified() {
        guard mode == .running, !pieces.recheck.isRunning, !pieces.unverified.isEmpty, faults.isNone else { return }
        effects.append(.check(pieces.recheckBegan()))
    }

    /// An unverified piece was hashed on disk. Answers ``Effect/check(_:)``, once for each of its pieces.
    package mutating func checked(_ index: PieceIndex, _ verdict: CheckVerdict, now: Instant) {
        guard pieces.unverified[index] else { return }
        switch verdict {
        case .good:
            pieces.rechecked(good: index)
            repairs.remove(index)
            gained(index, now: now)
        case .bad, .missing:
            commit.foundBad(index)
            if pieces.rechecked(bad: index, isMissing: verdict == .missing, using: &random) {
                commit.forgetPartial(index)
            }
        case .unreadable(let fault):
            enter(fault, now: now)
        case .unchecked:
            break
        }
    }

    /// All answers to the last ``Effect/check(_:)`` have arrived.
    package mutating func checkEnded(now: Instant) {
        let recheck = pieces.recheck
        guard recheck.isRunning else { return }
        pieces.recheckEnded()
        effects.append(.note(.checkedAll(good: recheck.good, bad: recheck.bad, missing: recheck.missing)))
        goalChanged(now: now)
        fillAll(now: now)
        commit.hurry()
        considerCommit(now: now)
        considerSuperSeeding(now: now)
        noteCompletion()
        if recheck.isIncomplete { checkUnverified() }
    }

    /// Pieces must be hashed again before they count as present: some turned out damaged, or the user asked for it.
    package mutating func recheck(_ indices: Bitfield, now: Instant) {
        commit.becameUnverified(pieces.mustBeRechecked(indices))
        commit.keepOnly(pieces.have)
        completion.isUndone()
        checkUnverified()
    }

    /// Another process found these recorded pieces damaged and has already recorded that in the database.
    package mutating func lost(_ indices: Bitfield, now: Instant) {
        for index in indices.pieces { pieces.lost(index, using: &random) }
        commit.keepOnly(pieces.have)
        completion.lostPieces(isComplete: isComplete)
        goalChanged(now: now)
        fillAll(now: now)
    }
}
