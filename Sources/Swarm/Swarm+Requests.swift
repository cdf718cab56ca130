import DequeModule
import Torrent

/// What to do with a block that came.
package enum BlockVerdict: Equatable, Sendable {
    /// Copy it to its place in the piece's buffer.
    case store
    /// Nobody waits for it.
    case discard
}

/// Requests go out and blocks come in.
extension Swarm {
    /// A block came; its bytes are the shell's. Call ``batchEnded(_:now:)`` when all that was read is handed over.
    package mutating func received(_ key: PeerKey, piece: Int, begin: Int, length: Int, now: Instant) -> BlockVerdict {
        guard let peer = peers[key] else { return .discard }
        guard geometry.contains(piece: piece, begin: begin, length: length) else {
            misbehaved(key, "a block outside its piece", now: now)
            return .discard
        }
        downloadedBytes += Int64(length)
        downloadMeter.add(length, at: now)
        peer.downloaded.add(length, at: now)
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        guard let block = block(of: request), let sent = peer.takeRequest(block) else {
            wastedBytes += Int64(length)
            return .discard
        }
        peer.lastBlockAt = now
        peer.isSnubbed = false
        peer.pipeline.received(bytes: length, sentAt: sent.sentAt, now: now, limited: throttledUntil != nil || peer.outstanding == 0)
        guard let piece = active[block.piece], piece.phase == .downloading, piece.receive(block.block, from: key) else {
            if !sent.isReleased { active[block.piece]?.release(block.block) }
            wastedBytes += Int64(length)
            return .discard
        }
        if !sent.isReleased { piece.release(block.block) }
        if piece.requests[block.block] > 0 { cancelOthers(block, now: now) }
        if piece.isComplete { complete(piece, now: now) }
        return .store
    }

    /// All that one read brought was handed over: requests go out again, in one batch.
    package mutating func batchEnded(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key] else { return }
        peer.lastHeardAt = now
        fill(peer, now: now)
        considerCommit(now: now)
    }

    mutating func fillAll(now: Instant) {
        for peer in sortedPeers { fill(peer, now: now) }
    }

    /// Sends as many requests as the peer's pipeline has room for.
    mutating func fill(_ peer: Peer, now: Instant) {
        guard mode == .running, fault == nil, !peer.isClosing, peer.amInterested, !peer.isSnubbed else { return }
        guard !peer.isChoking || !peer.allowedFast.isEmpty else { return }
        let depth = peer.pipeline.depth
        var room = depth - peer.outstanding
        // Few large batches of requests cost less than many small ones; the pipeline stays three quarters full.
        guard room > 0, peer.outstanding == 0 || room * 4 >= depth else { return }
        var tokens = downloadBucket.available(at: now)
        while room > 0 {
            guard let block = nextBlock(for: peer, now: now) else { break }
            let length = geometry.length(of: block)
            guard tokens >= length else {
                active[block.piece]?.release(block.block)
                throttledUntil = [throttledUntil, downloadBucket.refill(length, after: now)].compactMap(\.self).min()
                return
            }
            tokens -= length
            downloadBucket.take(length)
            ask(peer, block, now: now)
            room -= 1
        }
        if room > 0 { playEndGame(peer, room: room, now: now) }
        noteOpened(now: now)
    }

    private mutating func ask(_ peer: Peer, _ block: BlockRef, now: Instant) {
        peer.request(block, at: now)
        send(peer, .request(wire(block)), now: now)
    }

    func wire(_ block: BlockRef) -> BlockRequest {
        BlockRequest(piece: block.piece, begin: block.block * Geometry.blockLength, length: geometry.length(of: block))
    }

    // MARK: Which block

    private mutating func nextBlock(for peer: Peer, now: Instant) -> BlockRef? {
        if let index = peer.working {
            if let block = take(from: index, for: peer) { return block }
            peer.working = nil
        }
        guard let index = nextPiece(for: peer, now: now) else { return nil }
        peer.working = index
        active[index]?.worker = peer.key
        return take(from: index, for: peer)
    }

    private func take(from index: PieceIndex, for peer: Peer) -> BlockRef? {
        guard let piece = active[index], isEligible(piece, for: peer) else { return nil }
        return piece.takeFree().map { BlockRef(piece: index, block: $0) }
    }

    private func isEligible(_ piece: ActivePiece, for peer: Peer) -> Bool {
        piece.phase == .downloading && piece.freeCount > 0 && (piece.exclusive == nil || piece.exclusive == peer.key)
            && peer.serves(piece.piece) && wanted[piece.piece]
    }

    /// A peer that has proved itself helps with what others left, then opens a piece, then joins others. One that hasn't gets
    /// pieces of its own, so that a lie has one possible author, and little room for it.
    private mutating func nextPiece(for peer: Peer, now: Instant) -> PieceIndex? {
        if peer.isProven {
            return leftPiece(for: peer) ?? newPiece(for: peer, now: now) ?? sharedPiece(for: peer)
        }
        if let own = activeOrder.first(where: { active[$0]?.exclusive == peer.key && isEligible(active[$0]!, for: peer) }) { return own }
        let owed = peer.exclusive.reduce(0) { $0 + geometry.length(of: $1) }
        guard owed < max(Self.probationBytes, 1) else { return nil }
        if let index = newPiece(for: peer, now: now) {
            active[index]?.exclusive = peer.key
            peer.exclusive.insert(index)
            return index
        }
        guard peer.exclusive.isEmpty else { return nil }
        return leftPiece(for: peer)
    }

    /// A piece whose worker has gone.
    private func leftPiece(for peer: Peer) -> PieceIndex? {
        activeOrder.first { index in
            guard let piece = active[index] else { return false }
            return piece.worker == nil && isEligible(piece, for: peer)
        }
    }

    private func sharedPiece(for peer: Peer) -> PieceIndex? { activeOrder.first { index in active[index].map { isEligible($0, for: peer) } ?? false } }

    private mutating func newPiece(for peer: Peer, now: Instant) -> PieceIndex? {
        let isRoom = activeBytes + geometry.pieceLength <= settings.memoryBudget || active.count < 2
        guard isRoom, !picker.candidates.isEmpty else { return nil }
        let index: PieceIndex?
        if settings.isSequential {
            index = picker.first { peer.serves($0) }
        } else if have.population < PiecePicker.randomFirstPieces {
            index = picker.random(using: &random) { peer.serves($0) }
        } else {
            index = rarestPiece(for: peer)
        }
        guard let index else { return nil }
        open(index, now: now)
        return index
    }

    /// The rarest candidate, or one as rare that is noted down in the database already.
    private func rarestPiece(for peer: Peer) -> PieceIndex? {
        guard let rarest = picker.rarest(where: { peer.serves($0) }), !opened[rarest], !opening[rarest] else {
            return picker.rarest { peer.serves($0) }
        }
        let rarity = picker.availability(of: rarest)
        return openAhead.first { picker.candidates[$0] && picker.availability(of: $0) <= rarity && peer.serves($0) } ?? rarest
    }

    // MARK: End-game

    /// A peer with nothing left to do takes over blocks that others will send late or never (BEP 3: end-game).
    private mutating func playEndGame(_ peer: Peer, room: Int, now: Instant) {
        guard peer.isProven || peer.exclusive.isEmpty, activeBytes > 0, now >= peer.nextEndGame else { return }
        peer.nextEndGame = now + .milliseconds(100)
        let own = max(peer.pipeline.bestRate, Double(peer.downloaded.rate(at: now)), 65536)
        var late: [(block: BlockRef, seconds: Double)] = []
        for holder in sortedPeers where holder.key != peer.key && !holder.isClosing {
            let rate = holder.lastBlockAt.map { now - $0 > .seconds(1) } ?? true ? 0 : holder.pipeline.bestRate
            var position = 0
            for request in holder.requests where !request.isReleased {
                position += 1
                guard let piece = active[request.block.piece], piece.phase == .downloading, peer.serves(piece.piece),
                    !piece.received[request.block.block], piece.requests[request.block.block] < Self.endGameCopies
                else { continue }
                late.append((request.block, rate <= 0 ? 3600 : Double(position * Geometry.blockLength) / rate))
            }
        }
        guard !late.isEmpty else { return }
        late.sort { $0.seconds > $1.seconds }
        var asked = 0
        for (block, seconds) in late where asked < room {
            let ours = Double((peer.outstanding + 1) * Geometry.blockLength) / own + (peer.pipeline.smallestRTT ?? .zero).inSeconds
            guard ours < seconds * Self.endGameGain else { break }
            guard !peer.requests.contains(where: { $0.block == block }) else { continue }
            active[block.piece]?.request(block.block)
            downloadBucket.take(geometry.length(of: block))
            ask(peer, block, now: now)
            asked += 1
        }
    }

    /// The block is here: nobody else needs to send it.
    private mutating func cancelOthers(_ block: BlockRef, now: Instant) {
        for other in sortedPeers {
            guard let request = other.takeRequest(block) else { continue }
            if !request.isReleased {
                active[block.piece]?.release(block.block)
                downloadBucket.giveBack(geometry.length(of: block))
            }
            send(other, .cancel(wire(block)), now: now)
            fill(other, now: now)
        }
    }
}
