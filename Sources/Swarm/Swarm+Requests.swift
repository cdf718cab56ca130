import DequeModule
import Torrent

/// Sending requests and receiving blocks.
extension Swarm {
    /// A block arrived; its bytes stay with the shell. Call ``batchEnded(_:now:)`` after handing over everything that
    /// was read.
    package mutating func received(_ key: PeerKey, piece: Int, begin: Int, length: Int, now: Instant) -> BlockVerdict {
        guard let peer = peers[key] else { return .discard }
        guard geometry.contains(piece: piece, begin: begin, length: length) else {
            misbehaved(key, "a block outside its piece", now: now)
            return .discard
        }
        tally.downloaded(length, at: now)
        peer.downloaded.add(length, at: now)
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        guard let block = block(of: request), let sent = peer.takeRequest(block) else {
            tally.wasted(length)
            unasked(length, of: peer, now: now)
            return .discard
        }
        peer.lastBlockAt = now
        peer.isSnubbed = false
        peer.rejections = 0
        peer.pipeline.received(
            bytes: length, sentAt: sent.sentAt, now: now, limited: throttledUntil != nil || peer.outstanding == 0)
        // A late block may belong to a piece that was parked meanwhile, which then needs a new buffer.
        guard let piece = pieces[block.piece], piece.phase == .downloading,
            piece.isBuffered || pieces.hasRoom(for: geometry.length(of: block.piece), budget: settings.memoryBudget),
            piece.receive(block.block, from: key)
        else {
            if !sent.isReleased { pieces.released(block) }
            tally.wasted(length)
            return .discard
        }
        pieces.buffered(piece)
        if !sent.isReleased { piece.release(block.block) }
        if piece.requests(for: block.block) > 0 { cancelOthers(block, now: now) }
        if piece.isComplete { complete(piece, now: now) }
        return .store
    }

    /// Everything from one read was handed over: new requests go out in one batch.
    package mutating func batchEnded(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        peer.lastHeardAt = now
        if isFillDue { fillIfDue(now: now) } else { fill(peer, now: now) }
        considerCommit(now: now)
    }

    /// Returns the bytes that the peer still owes us, and its best rate in bytes per second.
    package func awaited(from key: PeerKey) -> (bytes: Int, rate: Double) {
        guard let peer = peers[key], !peer.isChoking else { return (0, 0) }
        return (peer.outstanding * Geometry.blockLength, peer.pipeline.bestRate)
    }

    /// Requests the blocks that a batch gave back from other peers, once for the whole batch. The shell calls this with
    /// ``batchEnded(_:now:)``.
    package mutating func fillIfDue(now: Instant) {
        guard isFillDue else { return }
        isFillDue = false
        fillAll(now: now)
    }

    mutating func fillAll(now: Instant) { forAll { swarm, peer in swarm.fill(peer, now: now) } }

    /// Calls `body` for each peer, starting with a different one in turn, so that no peer is always first to use up a
    /// limit.
    mutating func forAll(_ body: (inout Swarm, Peer) -> Void) {
        let all = orderedPeers
        for n in all.indices { body(&self, all[(n + rosterTurn) % all.count]) }
    }

    /// Sends as many requests as the peer's pipeline has room for.
    mutating func fill(_ peer: Peer, now: Instant) {
        guard mode == .running, faults.isNone, !faults.isHeld, !peer.isClosing, peer.amInterested, !peer.isSnubbed,
            now >= peer.pausedUntil
        else { return }
        guard !peer.isChoking || !peer.allowedFast.isEmpty else { return }
        let depth = peer.pipeline.depth
        var room = depth - peer.outstanding
        // A few large batches of requests cost less than many small ones; the pipeline stays three quarters full.
        guard room > 0, peer.outstanding == 0 || room * 4 >= depth else { return }
        while room > 0 {
            guard downloadBucket.allows(Geometry.blockLength, at: now) else {
                throttle(until: downloadBucket.refill(Geometry.blockLength, after: now))
                break
            }
            guard let block = nextBlock(for: peer, now: now) else {
                playEndGame(peer, room: room, now: now)
                break
            }
            ask(peer, block, now: now)
            room -= 1
        }
        sendIntents(now: now)
    }

    private mutating func ask(_ peer: Peer, _ block: BlockRef, now: Instant) {
        downloadBucket.take(geometry.length(of: block))
        peer.request(block, at: now)
        send(peer, .request(wire(block)), now: now)
    }

    func wire(_ block: BlockRef) -> BlockRequest {
        BlockRequest(piece: block.piece, begin: block.block * Geometry.blockLength, length: geometry.length(of: block))
    }

    // MARK: Which block

    private mutating func nextBlock(for peer: Peer, now: Instant) -> BlockRef? {
        if let index = peer.currentPiece {
            if let block = take(from: index, for: peer) { return block }
            leave(index, peer)
            peer.currentPiece = nil
        }
        guard let index = nextPiece(for: peer, now: now) else { return nil }
        peer.currentPiece = index
        pieces[index]?.currentPeer = peer.key
        return take(from: index, for: peer)
    }

    private mutating func take(from index: PieceIndex, for peer: Peer) -> BlockRef? {
        guard let piece = pieces[index], pieces.isEligible(piece, for: peer, budget: settings.memoryBudget),
            let block = piece.takeFree()
        else { return nil }
        pieces.buffered(piece)
        return BlockRef(piece: index, block: block)
    }

    /// Chooses the piece to request from the peer next.
    ///
    /// A proven peer first helps with pieces that others left, then opens a new piece, then joins others. An unproven
    /// peer gets pieces of its own, so that bad data has one possible author, and only a few bytes at a time. When none
    /// are left, it joins others too.
    private mutating func nextPiece(for peer: Peer, now: Instant) -> PieceIndex? {
        let budget = settings.memoryBudget
        if peer.isProven {
            let left = pieces.unfilledPiece { $0.isEligible($1, for: peer, budget: budget) && $1.currentPeer == nil }
            return left?.piece ?? newPiece(for: peer, now: now)
                ?? pieces.unfilledPiece { $0.isEligible($1, for: peer, budget: budget) }?.piece
        }
        let own = peer.assignedPieces.filter { index in
            pieces[index].map { pieces.isEligible($0, for: peer, budget: budget) } ?? false
        }
        if let own = own.min() { return own }
        let owed = peer.assignedPieces.reduce(0) { $0 + geometry.length(of: $1) }
        let most = peers.count > 1 ? Self.probationBytes : max(Self.lonelyProbationBytes, 2 * geometry.pieceLength)
        guard owed < most else { return nil }
        if let index = newPiece(for: peer, now: now) {
            pieces[index]?.assignedPeer = peer.key
            peer.assignedPieces.insert(index)
            return index
        }
        guard peer.assignedPieces.isEmpty else { return nil }
        if let piece = pieces.unfilledPiece(where: { $0.isEligible($1, for: peer, budget: budget) }) {
            return piece.piece
        }
        // Only pieces that belong to other peers alone are left.
        guard
            let piece = pieces.unfilledPiece(where: {
                $1.assignedPeer != nil && $0.isFillable($1, by: peer, budget: budget)
            })
        else { return nil }
        endAssignment(of: piece)
        return piece.piece
    }

    private mutating func newPiece(for peer: Peer, now: Instant) -> PieceIndex? {
        guard pieces.hasRoom(for: geometry.pieceLength, budget: settings.memoryBudget),
            !pieces.picker.candidates.isEmpty, peer.ranDryAt != pieces.picker.insertions
        else { return nil }
        let index: PieceIndex?
        switch settings.picking {
        case .sequential: index = pieces.picker.first { peer.serves($0) }
        case .rarestFirst where pieces.have.population < PiecePicker.randomFirstPieces:
            index = pieces.picker.random(using: &random) { peer.serves($0) }
        case .rarestFirst: index = rarestPiece(for: peer)
        }
        guard let index else {
            peer.ranDryAt = pieces.picker.insertions
            return nil
        }
        pieces.activated(index, now: now)
        return index
    }

    /// Returns the rarest candidate, or one as rare whose write intent is already recorded.
    private mutating func rarestPiece(for peer: Peer) -> PieceIndex? {
        guard let rarest = pieces.picker.rarest(where: { peer.serves($0) }) else { return nil }
        if pieces.intents.covers(rarest) { return rarest }
        let rarity = pieces.picker.availability(of: rarest)
        let near = pieces.upcoming(Self.searchedAhead)
        return near.last {
            pieces.picker.candidates[$0] && pieces.picker.availability(of: $0) <= rarity && peer.serves($0)
        } ?? rarest
    }

    // MARK: Pieces of one peer

    /// Ends `peer`'s work on the piece, if `peer` is the one that fills it.
    func leave(_ index: PieceIndex?, _ peer: Peer) {
        guard let index, let piece = pieces[index], piece.currentPeer == peer.key else { return }
        piece.currentPeer = nil
    }

    /// Allows any peer to be asked for blocks of the piece.
    func endAssignment(of piece: ActivePiece) {
        guard let owner = piece.assignedPeer else { return }
        piece.assignedPeer = nil
        peers[owner]?.assignedPieces.remove(piece.piece)
    }

    // MARK: End-game

    /// Requests blocks that other peers will send late or never from a peer with nothing left to do (BEP 3: end-game).
    private mutating func playEndGame(_ peer: Peer, room: Int, now: Instant) {
        guard peer.isProven || peer.assignedPieces.isEmpty, pieces.bufferedCount > 0, now >= peer.nextEndGame else {
            return
        }
        peer.nextEndGame = now + Self.endGamePause
        let own = max(peer.pipeline.bestRate, Double(peer.downloaded.rate(at: now)), Self.assumedRate)
        let rtt = (peer.pipeline.smallestRTT ?? .zero).inSeconds
        func time(_ count: Int) -> Double { Double((peer.outstanding + count) * Geometry.blockLength) / own + rtt }
        let soonest = time(1) / Self.endGameGain
        var late: [(block: BlockRef, seconds: Double)] = []
        for holder in orderedPeers where holder.key != peer.key && holder.outstanding > 0 {
            let rate = expectedRate(of: holder, now: now)
            guard Double(holder.outstanding * Geometry.blockLength) > soonest * rate else { continue }
            var position = 0
            for request in holder.requests where !request.isReleased {
                position += 1
                let seconds = rate <= 0 ? .infinity : Double(position * Geometry.blockLength) / rate
                let block = request.block
                guard seconds > soonest, let piece = pieces[block.piece], piece.phase == .downloading,
                    peer.serves(block.piece),
                    !piece.isReceived(block.block), piece.requests(for: block.block) < Self.endGameCopies
                else { continue }
                late.append((block, seconds))
            }
        }
        late.sort { $0.seconds > $1.seconds }
        var asked = 0
        for (block, seconds) in late where asked < room {
            guard time(1) < seconds * Self.endGameGain else { break }
            guard !peer.requests.contains(where: { $0.block == block && !$0.isReleased }) else { continue }
            pieces[block.piece]?.request(block.block)
            ask(peer, block, now: now)
            asked += 1
        }
    }

    /// Returns the expected rate of the peer in bytes per second; zero if it has sent nothing for a while.
    private func expectedRate(of peer: Peer, now: Instant) -> Double {
        guard let oldest = peer.requests.first(where: { !$0.isReleased }) else { return 0 }
        let since = max(oldest.sentAt, peer.lastBlockAt ?? oldest.sentAt)
        if now - since > Self.endGamePatience { return 0 }
        return peer.pipeline.bestRate > 0 ? peer.pipeline.bestRate : Self.assumedRate
    }

    /// Cancels the requests for a block that has arrived from another peer.
    private mutating func cancelOthers(_ block: BlockRef, now: Instant) {
        for other in orderedPeers {
            guard let request = other.takeRequest(block) else { continue }
            if !request.isReleased {
                pieces[block.piece]?.release(block.block)
                downloadBucket.giveBack(geometry.length(of: block))
            }
            send(other, .cancel(wire(block)), now: now)
            fill(other, now: now)
        }
    }
}
