import DequeModule
package import Torrent

/// Uploading: requests are queued, served within limits, and dropped by choking.
extension Swarm {
    /// The peer requests a block.
    package mutating func requested(_ key: PeerKey, piece: Int, begin: Int, length: Int, now: Instant) {
        guard let peer = peers[key], !peer.isClosing else { return }
        guard geometry.contains(piece: piece, begin: begin, length: length), length <= Self.longestRequest else {
            return misbehaved(key, "a request outside its piece", now: now)
        }
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        guard !peer.amChoking, pieces.have[request.piece], mode == .running,
            superSeeding?.mayServe(request.piece, to: key) ?? true, peer.serving.add(request)
        else {
            charge(peer, .refusal, now: now)
            refuse(request, of: peer, now: now)
            return
        }
        pump(peer, now: now)
    }

    /// The peer no longer wants the block.
    package mutating func cancelled(_ key: PeerKey, piece: Int, begin: Int, length: Int, now: Instant) {
        guard let peer = peers[key], geometry.contains(piece: piece, begin: begin, length: length) else { return }
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        charge(peer, .refusal, now: now)
        if peer.serving.cancel(request) { refuse(request, of: peer, now: now) }
    }

    /// The block was sent. Answers ``Effect/serve(_:_:)``.
    package mutating func served(_ key: PeerKey, _ request: BlockRequest, now: Instant) {
        tally.uploaded(request.length, at: now)
        guard let peer = peers[key] else { return }
        peer.serving.served(request, now: now)
        superSeeding?.sent(request.piece, to: key, now: now)
        peer.said(now: now)
        // Serving requests is our purpose, so the message costs the peer nothing.
        peer.earn(WorkBudget.Work.message.rawValue)
        pump(peer, now: now)
    }

    /// The block could not be read, or the connection is closed; `fault` is the disk's error. Answers
    /// ``Effect/serve(_:_:)``.
    package mutating func serveFailed(_ key: PeerKey, _ request: BlockRequest, fault: Fault?, now: Instant) {
        limits.sendFailed(request.length)
        if let fault {
            // A piece that can't be read is not present; the other pieces are still served.
            var unreadable = Bitfield(count: geometry.pieceCount)
            unreadable.insert(request.piece)
            if fault.kind == .offline { enter(fault, now: now) } else { recheck(unreadable, now: now) }
        }
        guard let peer = peers[key] else { return }
        peer.serving.failed(request)
        if fault != nil { refuse(request, of: peer, now: now) }
        pump(peer, now: now)
    }

    /// Whether so many bytes of metadata may be sent now (BEP 9). They count against the upload limit, not as payload.
    package mutating func maySendMetadata(_ bytes: Int, now: Instant) -> Bool {
        guard limits.maySend(bytes, now: now) else { return false }
        limits.sent(bytes)
        return true
    }

    /// Pumps each peer, starting with a different one in turn, so that no peer is always first to use up a limit.
    mutating func pumpAll(now: Instant) {
        let (all, turn) = (peers.ordered, limits.turn)
        for n in all.indices { pump(all[(n + turn) % all.count], now: now) }
    }

    mutating func pump(_ peer: Peer, now: Instant) {
        guard !peer.isClosing, !faults.isOffline else { return }
        while let request = uploader.takeRequest(of: peer, within: &limits, now: now) {
            effects.append(.serve(peer.key, request))
        }
    }

    private mutating func refuse(_ request: BlockRequest, of peer: Peer, now: Instant) {
        if peer.supportsFast { send(peer, .reject(request), now: now) }
    }

    // MARK: Choking

    mutating func choke(_ peer: Peer, now: Instant) {
        guard !peer.amChoking else { return }
        let dropped = peer.choke()
        send(peer, .choke, now: now)
        for request in dropped { refuse(request, of: peer, now: now) }
    }

    mutating func unchoke(_ peer: Peer, now: Instant) {
        guard peer.amChoking else { return }
        peer.unchoke()
        send(peer, .unchoke, now: now)
    }

    /// Unchokes interested peers at once while slots are free, without waiting for the next round.
    mutating func unchokeIfRoom(now: Instant) {
        guard mode == .running else { return }
        let chosen = uploader.unchokedBetweenRounds(
            peers, slots: settings.uploadSlots, isSeeding: isComplete, now: now)
        for key in chosen {
            if let peer = peers[key] { unchoke(peer, now: now) }
        }
    }

    /// Chokes and unchokes peers if a round is due.
    mutating func chokeRound(now: Instant) {
        let round = uploader.takeRound(
            peers, slots: settings.uploadSlots, isSeeding: isComplete, now: now, using: &random)
        guard let chosen = round else { return }
        for peer in peers.ordered {
            if chosen.contains(peer.key) { unchoke(peer, now: now) } else { choke(peer, now: now) }
        }
    }
}
