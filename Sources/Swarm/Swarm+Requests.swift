package import Torrent

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
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        guard let verdict = received(request, from: peer.source, now: now) else {
            unasked(length, of: peer, now: now)
            return .discard
        }
        return verdict
    }

    /// A block arrived from the source. Returns `nil` if it wasn't requested.
    mutating func received(_ request: BlockRequest, from source: BlockSource, now: Instant) -> BlockVerdict? {
        let length = request.length
        tally.downloaded(length, at: now)
        source.received(bytes: length, now: now)
        guard let block = block(of: request), let sent = source.takeRequest(block) else {
            tally.wasted(length)
            return nil
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
        if piece.requests(for: block.block) > 0 { cancelOthers(block, of: piece, now: now) }
        if piece.isComplete { complete(piece, now: now) }
        return .store
    }

    /// Everything from one read was handed over: new requests go out in one batch.
    package mutating func batchEnded(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        peer.heard(now: now)
        superSeed(peer, now: now)
        if requester.takeFillDue() { fillAll(now: now) } else { fill(peer.source, now: now) }
        considerCommit(now: now)
    }

    /// Returns the bytes that the peer still owes us, and its best rate in bytes per second.
    package func awaited(from key: PeerKey) -> (bytes: Int, rate: Double) {
        guard let peer = peers[key], !peer.isChoking else { return (0, 0) }
        return (peer.source.outstanding * Geometry.blockLength, peer.source.pipeline.bestRate)
    }

    /// Requests the blocks that a batch gave back from other sources, once for the whole batch. The shell calls this
    /// with ``batchEnded(_:now:)``.
    package mutating func fillIfDue(now: Instant) {
        if requester.takeFillDue() { fillAll(now: now) }
    }

    /// Fills each source, starting with a different one in turn, so that no source is always first to use up a limit.
    mutating func fillAll(now: Instant) {
        let (all, turn) = (sources.ordered, limits.turn)
        for n in all.indices { fill(all[(n + turn) % all.count], now: now) }
    }

    /// Sends as many requests as the source's pipeline has room for.
    mutating func fill(_ source: BlockSource, now: Instant) {
        if case .webSeed(let key) = source.key {
            if let seed = webSeeds[key] { fill(seed, now: now) }
            return
        }
        guard mode == .running, faults.isNone, !faults.isHeld, !source.hasEnded, source.isInteresting else { return }
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
                let late = requester.takeLateBlocks(
                    for: source, of: pieces, among: sources, settings, room: min(room, limits.affordableBlocks),
                    now: now)
                for block in late { ask(source, block, now: now) }
                break
            }
            ask(source, block, now: now)
            room -= 1
        }
        sendIntents(now: now)
    }

    /// A piece left the memory. Sources that found it full go on now if nothing else will make them. A peer is asked
    /// for more with each block that it sends; one of which nothing is outstanding would wait for the next tick. So
    /// would a web seed without a run, which goes on as soon as a whole run fits.
    mutating func memoryWasFreed(now: Instant) {
        let budget = settings.memoryBudget
        for seed in webSeeds.ordered
        where seed.wantsRun && pieces.hasRoom(for: seed.wantedRun(most: budget / 4), budget: budget) {
            fill(seed, now: now)
        }
        guard pieces.hasRoom(for: geometry.pieceLength, budget: budget), requester.takeMemoryShortage() else { return }
        for peer in peers.ordered where peer.source.outstanding == 0 { fill(peer.source, now: now) }
    }

    private mutating func ask(_ source: BlockSource, _ block: BlockRef, now: Instant) {
        limits.requested(geometry.length(of: block))
        source.request(block, at: now)
        effects.append(.request(source.key, wire(block)))
    }

    func wire(_ block: BlockRef) -> BlockRequest {
        BlockRequest(piece: block.piece, begin: block.block * Geometry.blockLength, length: geometry.length(of: block))
    }

    /// Cancels the requests for a block that has arrived from another source.
    private mutating func cancelOthers(_ block: BlockRef, of piece: ActivePiece, now: Instant) {
        for key in piece.takeRivals(for: block.block) {
            if let other = sources[key], cancel(block, of: other, now: now) { fill(other, now: now) }
        }
        // Seldom: who was asked first gave the block back, and it was asked for anew before it was asked for again.
        guard piece.requests(for: block.block) > 0 else { return }
        for other in sources.ordered where cancel(block, of: other, now: now) { fill(other, now: now) }
    }

    /// Cancels the source's request for the block. Returns whether there was one.
    @discardableResult
    mutating func cancel(_ block: BlockRef, of source: BlockSource, now: Instant) -> Bool {
        guard let request = source.cancelRequest(block, at: now) else { return false }
        if !request.isReleased {
            pieces[block.piece]?.release(block.block)
            if source.key.paysAhead { limits.requestEnded(geometry.length(of: block)) }
        }
        guard source.key.paysAhead else {
            cancelled(source)
            return true
        }
        effects.append(.cancel(source.key, wire(block)))
        return true
    }

    /// The source will not deliver the block.
    mutating func refused(_ request: BlockRequest, by source: BlockSource, now: Instant) {
        guard let block = block(of: request), let sent = source.takeRequest(block), !sent.isReleased else { return }
        pieces.released(block)
        limits.requestEnded(request.length)
        pieces.left(block.piece, by: source.key)
        leavePiece(source)
        if let piece = pieces[block.piece], piece.assignedSource == source.key { sources.endAssignment(of: piece) }
        pieces[block.piece]?.endSoleSource(source.key)
        // Other sources are asked first; this one is not asked again at once.
        source.rejected(pausedUntil: now + Self.rejectPause)
        if source.rejections >= Self.maximumRejections { snub(source, now: now) }
        requester.releasedBlocks()
    }

    // MARK: Slow sources

    /// Checks at each tick for requests without an answer.
    mutating func watch(_ source: BlockSource, now: Instant) {
        source.dropReleased(before: now + .seconds(-60))
        if let since = source.awaitsSince {
            let limit = source.lastBlockAt == nil ? Self.firstBlockAfter : Self.snubAfter
            if now - since > limit + (source.pipeline.smallestRTT ?? .zero) { snub(source, now: now) }
        } else {
            source.forgiveSnub(olderThan: Self.snubPause, now: now)
        }
    }

    private mutating func snub(_ source: BlockSource, now: Instant) {
        source.snubbed(now: now)
        giveBack(source, keepRequests: true)
    }

    /// Frees the source's requests and pieces for other sources.
    mutating func giveBack(_ source: BlockSource, keepRequests: Bool) {
        for block in source.releaseRequests(keep: keepRequests) {
            pieces.released(block)
            if source.key.paysAhead { limits.requestEnded(geometry.length(of: block)) }
        }
        for index in source.assignedPieces { pieces[index]?.assignedSource = nil }
        pieces.endSoleSource(source.key)
        source.endAssignments()
        leavePiece(source)
    }

    /// The source no longer fills its current piece.
    private func leavePiece(_ source: BlockSource) {
        if let piece = source.currentPiece { pieces.left(piece, by: source.key) }
        source.fills(nil)
    }
}
