import Torrent

/// Complete pieces: hashed, written, or blamed on a peer.
extension Swarm {
    mutating func complete(_ piece: ActivePiece, now: Instant) {
        piece.phase = .waiting
        verifyIfReady(piece)
        noteOpened(now: now)
    }

    /// Hashes and writes the piece once its write intent is recorded and no early write is under way.
    mutating func verifyIfReady(_ piece: ActivePiece) {
        guard piece.phase == .waiting, opened[piece.piece], !piece.isBeingWritten else { return }
        guard fault == nil || fault?.kind == .database else {
            piece.phase = .awaitingDisk
            return
        }
        piece.phase = .verifying
        effects.append(
            .verify(
                Verification(
                    piece: piece.piece, fromDisk: piece.fromDisk, isWritten: piece.onDisk,
                    wantsDigests: ledger.isWaiting(for: piece.piece),
                    isAwaited: piece.exclusive != nil || isFetched)))
    }

    /// Whether every wanted block has arrived, even if some hash checks are still under way.
    private var isFetched: Bool { picker.candidates.isEmpty && activeOrder.allSatisfy { $0.phase != .downloading } }

    /// The piece passed its hash check and is written. Answers ``Effect/verify(_:)``.
    package mutating func verified(_ index: PieceIndex, digests: [UInt64], now: Instant) {
        guard let piece = active[index], piece.phase == .verifying else { return }
        commit.dirty.insert(index)
        for (guilty, _) in ledger.passed(index, digests: digests).sorted(by: { $0.key < $1.key }) {
            ban(guilty, reason: "sent wrong blocks of piece \(index)", now: now)
        }
        let contributors = piece.contributors
        if contributors.count == 1, let sender = contributors.first { peers[sender]?.isProven = true }
        for (block, sender) in piece.senders.enumerated() {
            guard let peer = sender.flatMap({ peers[$0] }) else { continue }
            let length = geometry.length(of: BlockRef(piece: index, block: block))
            peer.verifiedBytes += Int64(length)
            earn(peer, bytes: length)
        }
        let owner = piece.exclusive
        if piece.recordedCount > 0 { heldPartials[index] = PartialPiece(piece: index, blocks: piece.recorded) }
        closeActive(piece)
        if commit.tainted.remove(index) != nil {
            distrust(index)
            checkDoubtful()
        } else {
            gain(index, now: now)
        }
        if isComplete { goalChanged(now: now) }
        if let owner, let peer = peers[owner] { fill(peer, now: now) }
        considerCommit(now: now)
    }

    /// Counts the piece as present. It may only be in the page cache, so it is synced before it is recorded.
    private mutating func gain(_ index: PieceIndex, now: Instant) {
        have.insert(index)
        commit.unrecorded.append(index)
        commit.bytes += geometry.length(of: index)
        for peer in orderedPeers where !peer.has(index) { send(peer, .have(index), now: now) }
    }

    /// The piece failed its hash check. Answers ``Effect/verify(_:)``.
    package mutating func hashFailed(_ index: PieceIndex, digests: [UInt64], now: Instant) {
        guard let piece = active[index], piece.phase == .verifying else { return }
        wastedBytes += Int64(geometry.length(of: index))
        let contributors = piece.contributors
        let addresses = contributors.sorted().compactMap { peers[$0]?.address ?? formerAddresses[$0] }
        if let untold = failureNotes.allows(at: now) {
            effects.append(.note(.pieceFailed(index, senders: addresses, untold: untold)))
        }
        // A failed sync lost these blocks, so no peer is to blame.
        if commit.tainted.remove(index) == nil { blame(piece, contributors, digests: digests, now: now) }
        if piece.recordedCount > 0 { commit.record.partials.append(.nothing(of: index)) }
        closeActive(piece)
        makeCandidate(index)
        fillAll(now: now)
        continueStopping(now: now)
    }

    private mutating func blame(_ piece: ActivePiece, _ contributors: Set<PeerKey>, digests: [UInt64], now: Instant) {
        if let guilty = ledger.failed(piece.piece, senders: piece.senders, digests: digests) {
            return ban(guilty, reason: "sent piece \(piece.piece), which failed its hash check", now: now)
        }
        // One of them sent bad data. Until the sender is known, each must prove itself again.
        for key in contributors {
            peers[key]?.isProven = false
            if let address = peers[key]?.address { book.hashFailed(address) }
        }
    }

    /// The disk refused the piece, which stays in its buffer. Answers ``Effect/verify(_:)``.
    package mutating func writeFailed(_ index: PieceIndex, fault: Fault, now: Instant) {
        guard let piece = active[index], piece.phase == .verifying else { return }
        piece.phase = .awaitingDisk
        commit.dirty.insert(index)
        if commit.tainted.remove(index) != nil { distrustDisk(of: piece) }
        enter(fault, now: now)
        continueStopping(now: now)
    }

    /// The wanted pieces changed, or are all present: updates our interest in each peer and our upload-only state (BEP
    /// 21).
    mutating func goalChanged(now: Instant) {
        for peer in orderedPeers {
            updateInterest(of: peer, now: now)
            sayUploadOnly(to: peer, now: now)
        }
    }

    // MARK: Unverified pieces

    mutating func checkDoubtful() {
        guard mode == .running, !checks.isRunning, !doubtful.isEmpty, fault == nil else { return }
        checks = CheckTally(isRunning: true)
        effects.append(.check(Array(doubtful.pieces)))
    }

    /// The result of hashing a piece on disk.
    package enum CheckVerdict: Equatable, Sendable {
        case good, bad, missing
        /// The disk can't be read; the piece stays unverified.
        case unreadable(Fault)
        /// The check was cancelled; the piece stays unverified.
        case unchecked
    }

    /// An unverified piece was hashed on disk. Answers ``Effect/check(_:)``, once for each of its pieces.
    package mutating func checked(_ index: PieceIndex, _ verdict: CheckVerdict, now: Instant) {
        guard doubtful[index] else { return }
        switch verdict {
        case .good:
            doubtful.remove(index)
            checks.good += 1
            gain(index, now: now)
        case .bad, .missing:
            doubtful.remove(index)
            if verdict == .bad { checks.bad += 1 } else { checks.missing += 1 }
            opened.remove(index)
            commit.record.closed.append(index)
            // An earlier run may have written to the piece, so the record that it is no longer unverified must carry
            // its files' fingerprints.
            commit.dirty.insert(index)
            takeUpHeld(index, isThere: verdict == .bad)
            makeCandidate(index)
        case .unreadable(let fault):
            enter(fault, now: now)
        case .unchecked:
            break
        }
    }

    /// The piece is not whole: its recorded blocks count, unless all of them were recorded, which means that the data
    /// is bad.
    private mutating func takeUpHeld(_ index: PieceIndex, isThere: Bool) {
        guard let partial = heldPartials.removeValue(forKey: index) else { return }
        if isThere, partial.blocks.contains(false) {
            restore(partial)
        } else {
            commit.record.partials.append(.nothing(of: index))
        }
    }

    /// All answers to the last ``Effect/check(_:)`` have arrived.
    package mutating func checkEnded(now: Instant) {
        guard checks.isRunning else { return }
        checks.isRunning = false
        let isIncomplete = checks.isIncomplete
        effects.append(.note(.checkedAll(good: checks.good, bad: checks.bad, missing: checks.missing)))
        goalChanged(now: now)
        fillAll(now: now)
        commit.isUrgent = true
        considerCommit(now: now)
        noteCompletion()
        if isIncomplete { checkDoubtful() }
    }

    /// Marks the piece as unverified: it is hashed again before it counts as present or becomes a candidate.
    mutating func distrust(_ index: PieceIndex) {
        doubtful.insert(index)
        if checks.isRunning { checks.isIncomplete = true }
    }

    /// Marks pieces for a recheck, because present pieces turned out damaged or the user asked for it.
    package mutating func doubt(_ pieces: Bitfield, now: Instant) {
        let new = pieces.subtracting(doubtful)
        for index in new.pieces where active[index] == nil {
            have.remove(index)
            recorded.remove(index)
            picker.remove(index)
            distrust(index)
            opened.insert(index)
            commit.record.doubted.append(index)
        }
        forgetUnrecorded { new[$0] }
        completionNoted = false
        checkDoubtful()
    }

    /// Another process found these recorded pieces damaged and has already recorded that in the database.
    package mutating func lost(_ pieces: Bitfield, now: Instant) {
        for index in pieces.pieces where have[index] {
            have.remove(index)
            recorded.remove(index)
            makeCandidate(index)
        }
        forgetUnrecorded { pieces[$0] }
        completionNoted = isComplete
        goalChanged(now: now)
        fillAll(now: now)
    }

    private mutating func forgetUnrecorded(where isGone: (PieceIndex) -> Bool) {
        commit.unrecorded.removeAll(where: isGone)
        commit.bytes = commit.unrecorded.reduce(0) { $0 + geometry.length(of: $1) }
    }
}
