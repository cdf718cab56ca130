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
        let source = peer.source
        source.received(bytes: length, now: now)
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        guard let block = block(of: request), let sent = source.takeRequest(block) else {
            tally.wasted(length)
            unasked(length, of: peer, now: now)
            return .discard
        }
        source.answered(sent, bytes: length, limited: limits.resumeAt != nil, now: now)
        // A late block may belong to a piece that was parked meanwhile, which then needs a new buffer.
        guard let piece = pieces[block.piece], piece.phase == .downloading,
            piece.isBuffered || pieces.hasRoom(for: geometry.length(of: block.piece), budget: settings.memoryBudget),
            piece.receive(block.block, from: source.key)
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
        if requester.takeFillDue() { fillAll(now: now) } else { fill(peer, now: now) }
        considerCommit(now: now)
    }

    /// Returns the bytes that the peer still owes us, and its best rate in bytes per second.
    package func awaited(from key: PeerKey) -> (bytes: Int, rate: Double) {
        guard let peer = peers[key], !peer.isChoking else { return (0, 0) }
        return (peer.source.outstanding * Geometry.blockLength, peer.source.pipeline.bestRate)
    }

    /// Requests the blocks that a batch gave back from other peers, once for the whole batch. The shell calls this with
    /// ``batchEnded(_:now:)``.
    package mutating func fillIfDue(now: Instant) {
        if requester.takeFillDue() { fillAll(now: now) }
    }

    mutating func fillAll(now: Instant) { forAll { swarm, peer in swarm.fill(peer, now: now) } }

    /// Calls `body` for each peer, starting with a different one in turn, so that no peer is always first to use up a
    /// limit.
    mutating func forAll(_ body: (inout Swarm, Peer) -> Void) {
        let (all, turn) = (peers.ordered, peers.turn)
        for n in all.indices { body(&self, all[(n + turn) % all.count]) }
    }

    /// Sends as many requests as the peer's pipeline has room for.
    mutating func fill(_ peer: Peer, now: Instant) {
        guard mode == .running, faults.isNone, !faults.isHeld, !peer.isClosing, peer.amInterested
        else { return }
        let source = peer.source
        guard !source.isPaused(now: now), source.servesAny else { return }
        let depth = source.pipeline.depth
        var room = depth - source.outstanding
        // A few large batches of requests cost less than many small ones; the pipeline stays three quarters full.
        guard room > 0, source.outstanding == 0 || room * 4 >= depth else { return }
        while room > 0 {
            guard limits.mayRequest(Geometry.blockLength, now: now) else { break }
            let next = requester.takeBlock(
                for: source, of: &pieces, among: sources, settings, now: now, using: &random)
            guard let block = next else {
                let late = requester.takeLateBlocks(for: source, of: pieces, among: sources, room: room, now: now)
                for block in late { ask(peer, block, now: now) }
                break
            }
            ask(peer, block, now: now)
            room -= 1
        }
        sendIntents(now: now)
    }

    private mutating func ask(_ peer: Peer, _ block: BlockRef, now: Instant) {
        limits.requested(geometry.length(of: block))
        peer.source.request(block, at: now)
        send(peer, .request(wire(block)), now: now)
    }

    func wire(_ block: BlockRef) -> BlockRequest {
        BlockRequest(piece: block.piece, begin: block.block * Geometry.blockLength, length: geometry.length(of: block))
    }

    /// Cancels the requests for a block that has arrived from another peer.
    private mutating func cancelOthers(_ block: BlockRef, now: Instant) {
        for other in peers.ordered {
            guard let request = other.source.takeRequest(block) else { continue }
            if !request.isReleased {
                pieces[block.piece]?.release(block.block)
                limits.requestEnded(geometry.length(of: block))
            }
            send(other, .cancel(wire(block)), now: now)
            fill(other, now: now)
        }
    }
}
