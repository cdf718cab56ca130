import DequeModule
import Torrent

/// A piece is complete: hashed, written, or blamed on somebody.
extension Swarm {
    mutating func complete(_ piece: ActivePiece, now: Instant) {
        piece.phase = .waiting
        verifyIfReady(piece)
        noteOpened(now: now)
    }

    /// Hashes and writes the piece once the database knows that it may be written and no early write is under way.
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
                    piece: piece.piece, fromDisk: piece.fromDisk, isWritten: piece.onDisk, wantsDigests: ledger.isWaiting(for: piece.piece))))
    }

    /// The piece hashes right and is written; answers ``Effect/verify(_:)``.
    package mutating func verified(_ index: PieceIndex, digests: [UInt64], now: Instant) {
        guard let piece = active[index], piece.phase == .verifying else { return }
        for (guilty, _) in ledger.passed(index, digests: digests).sorted(by: { $0.key < $1.key }) {
            ban(guilty, reason: "sent blocks of piece \(index) that were wrong")
        }
        let contributors = piece.contributors
        if contributors.count == 1, let sender = contributors.first { peers[sender]?.isProven = true }
        let owner = piece.exclusive
        closeActive(index)
        have.insert(index)
        commit.unrecorded.append(index)
        commit.bytes += geometry.length(of: index)
        for peer in sortedPeers where !peer.has(index) { send(peer, .have(index), now: now) }
        if isComplete {
            for peer in sortedPeers { updateInterest(of: peer, now: now) }
        } else if let owner, let peer = peers[owner] {
            fill(peer, now: now)
        }
        considerCommit(now: now)
    }

    /// The piece's bytes are wrong; answers ``Effect/verify(_:)``.
    package mutating func hashFailed(_ index: PieceIndex, digests: [UInt64], now: Instant) {
        guard let piece = active[index], piece.phase == .verifying else { return }
        wastedBytes += Int64(geometry.length(of: index))
        let contributors = piece.contributors
        let addresses = contributors.sorted().compactMap { peers[$0]?.address ?? formerAddresses[$0] }
        effects.append(.note(.pieceFailed(index, senders: addresses)))
        if let guilty = ledger.failed(index, senders: piece.senders, digests: digests) {
            ban(guilty, reason: "sent piece \(index), which fails its hash")
        } else {
            // Someone lied: until it is known who, each has to prove itself again.
            for key in contributors {
                peers[key]?.isProven = false
                if let address = peers[key]?.address { book.hashFailed(address) }
            }
        }
        if piece.recordedBlocks > 0 {
            commit.record.partials.append(PartialPiece(piece: index, blocks: Array(repeating: false, count: piece.blockCount)))
        }
        closeActive(index)
        makeCandidate(index)
        fillAll(now: now)
    }

    /// The disk refused the piece, which stays in its buffer; answers ``Effect/verify(_:)``.
    package mutating func writeFailed(_ index: PieceIndex, fault: Fault, now: Instant) {
        guard let piece = active[index], piece.phase == .verifying else { return }
        piece.phase = .awaitingDisk
        enter(fault, now: now)
    }

    /// The piece is given up, unless something is still under way with it.
    mutating func abandon(_ piece: ActivePiece) {
        guard piece.phase == .downloading, !piece.isBeingWritten else { return }
        for peer in sortedPeers {
            for request in peer.requests where request.block.piece == piece.piece {
                _ = peer.takeRequest(request.block)
                if !request.isReleased { piece.release(request.block.block) }
                effects.append(.send(peer.key, .cancel(wire(request.block))))
            }
            if peer.working == piece.piece { peer.working = nil }
        }
        wastedBytes += Int64(piece.unwritten.reduce(0) { $0 + geometry.length(of: BlockRef(piece: piece.piece, block: $1)) })
        closeActive(piece.piece)
    }

    // MARK: Pieces in doubt

    mutating func checkDoubtful() {
        guard !checks.isRunning, !doubtful.isEmpty, fault == nil else { return }
        checks = CheckTally(isRunning: true)
        effects.append(.check(Array(doubtful.pieces)))
    }

    /// What is on disk of a piece.
    package enum CheckVerdict: Equatable, Sendable {
        case good, bad, missing
        /// The disk doesn't let us see; the piece stays in doubt.
        case unreadable(Fault)
        /// The check was ended; the piece stays in doubt.
        case unchecked
    }

    /// A doubtful piece was hashed on disk; answers ``Effect/check(_:)``, once for each of its pieces.
    package mutating func checked(_ index: PieceIndex, _ verdict: CheckVerdict, now: Instant) {
        guard doubtful[index] else { return }
        checks.pending = max(0, checks.pending - 1)
        switch verdict {
        case .good:
            doubtful.remove(index)
            checks.good += 1
            have.insert(index)
            // It may stand in the page cache alone: it is synced before it is recorded.
            commit.unrecorded.append(index)
            commit.bytes += geometry.length(of: index)
            for peer in sortedPeers where !peer.has(index) { send(peer, .have(index), now: now) }
        case .bad, .missing:
            doubtful.remove(index)
            if verdict == .bad { checks.bad += 1 } else { checks.missing += 1 }
            commit.record.closed.append(index)
            opened.remove(index)
            makeCandidate(index)
        case .unreadable(let fault):
            enter(fault, now: now)
        case .unchecked:
            break
        }
    }

    /// All answers to the last ``Effect/check(_:)`` have come.
    package mutating func checkEnded(now: Instant) {
        guard checks.isRunning else { return }
        checks.isRunning = false
        effects.append(.note(.checkedAll(good: checks.good, bad: checks.bad, missing: checks.missing)))
        for peer in sortedPeers { updateInterest(of: peer, now: now) }
        fillAll(now: now)
        commit.isUrgent = true
        considerCommit(now: now)
        noteCompletion()
        if mode == .stopping { continueStopping(now: now) }
    }

    /// Pieces that were had turned out damaged, or the user wants them looked at again.
    package mutating func doubt(_ pieces: Bitfield, now: Instant) {
        let new = pieces.subtracting(doubtful)
        for index in new.pieces where active[index] == nil {
            have.remove(index)
            recorded.remove(index)
            picker.remove(index)
            doubtful.insert(index)
            opened.insert(index)
            commit.record.doubted.append(index)
        }
        commit.unrecorded.removeAll { doubtful[$0] }
        completionNoted = false
        checkDoubtful()
    }

    /// Another process found these recorded pieces damaged, and has told the database.
    package mutating func lost(_ pieces: Bitfield, now: Instant) {
        for index in pieces.pieces where have[index] {
            have.remove(index)
            recorded.remove(index)
            commit.unrecorded.removeAll { $0 == index }
            makeCandidate(index)
        }
        completionNoted = isComplete
        for peer in sortedPeers { updateInterest(of: peer, now: now) }
        fillAll(now: now)
    }
}
