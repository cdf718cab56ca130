import DequeModule
import Torrent

/// Uploading: requests are queued, served within limits, and dropped by choking.
extension Swarm {
    /// The peer requests a block.
    package mutating func requested(_ key: PeerKey, piece: Int, begin: Int, length: Int, now: Instant) {
        guard let peer = peers[key], !peer.isClosing else { return }
        guard geometry.contains(piece: piece, begin: begin, length: length), length <= Self.longestRequest else {
            return misbehaved(key, "a request outside its piece", now: now)
        }
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        guard !peer.amChoking, pieces.have[request.piece], peer.serveQueue.count < Self.longestServeQueue,
            mode == .running
        else {
            charge(peer, .refusal, now: now)
            refuse(request, of: peer, now: now)
            return
        }
        peer.serveQueue.append(request)
        pump(peer, now: now)
    }

    /// The peer no longer wants the block.
    package mutating func cancelled(_ key: PeerKey, piece: Int, begin: Int, length: Int, now: Instant) {
        guard let peer = peers[key], geometry.contains(piece: piece, begin: begin, length: length) else { return }
        let request = BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
        charge(peer, .refusal, now: now)
        guard let index = peer.serveQueue.firstIndex(of: request) else { return }
        peer.serveQueue.remove(at: index)
        refuse(request, of: peer, now: now)
    }

    /// The block was sent. Answers ``Effect/serve(_:_:)``.
    package mutating func served(_ key: PeerKey, _ request: BlockRequest, now: Instant) {
        tally.uploaded(request.length, at: now)
        guard let peer = peers[key] else { return }
        peer.uploaded.add(request.length, at: now)
        peer.servingBytes -= request.length
        // Serving requests is our purpose, so the message costs the peer nothing.
        earn(peer, WorkBudget.Work.message.rawValue)
        peer.lastSaidAt = now
        peer.lastServedAt = now
        peer.servingSince = now
        pump(peer, now: now)
    }

    /// The block could not be read, or the connection is closed; `fault` is the disk's error. Answers
    /// ``Effect/serve(_:_:)``.
    package mutating func serveFailed(_ key: PeerKey, _ request: BlockRequest, fault: Fault?, now: Instant) {
        uploadBucket.giveBack(request.length)
        if let fault {
            // A piece that can't be read is not present; the other pieces are still served.
            var unreadable = Bitfield(count: geometry.pieceCount)
            unreadable.insert(request.piece)
            if fault.kind == .offline { enter(fault, now: now) } else { recheck(unreadable, now: now) }
        }
        guard let peer = peers[key] else { return }
        peer.servingBytes -= request.length
        if fault != nil { refuse(request, of: peer, now: now) }
        pump(peer, now: now)
    }

    /// The most bytes that may be read and sent to the peer at once. The limit starts low and grows with what the peer
    /// has received, because a new peer may never read.
    private func servedAhead(of peer: Peer) -> Int {
        min(mostServedAhead, Self.servedAheadAtFirst + Int(peer.uploaded.total / 2))
    }

    mutating func pumpAll(now: Instant) { forAll { swarm, peer in swarm.pump(peer, now: now) } }

    mutating func pump(_ peer: Peer, now: Instant) {
        guard !peer.isClosing, !faults.isOffline else { return }
        while let request = peer.serveQueue.first, peer.servingBytes < servedAhead(of: peer) {
            guard uploadBucket.allows(request.length, at: now) else {
                throttle(until: uploadBucket.refill(request.length, after: now))
                return
            }
            peer.serveQueue.removeFirst()
            uploadBucket.take(request.length)
            if peer.servingBytes == 0 { peer.servingSince = now }
            peer.servingBytes += request.length
            effects.append(.serve(peer.key, request))
        }
    }

    /// A limit is reached: transfers that wait for it resume at `instant`.
    mutating func throttle(until instant: Instant) { throttledUntil = min(throttledUntil ?? instant, instant) }

    private mutating func refuse(_ request: BlockRequest, of peer: Peer, now: Instant) {
        if peer.supportsFast { send(peer, .reject(request), now: now) }
    }

    // MARK: Choking

    mutating func choke(_ peer: Peer, now: Instant) {
        guard !peer.amChoking else { return }
        peer.amChoking = true
        send(peer, .choke, now: now)
        let dropped = peer.serveQueue
        peer.serveQueue = []
        for request in dropped { refuse(request, of: peer, now: now) }
    }

    mutating func unchoke(_ peer: Peer, now: Instant) {
        guard peer.amChoking else { return }
        peer.amChoking = false
        send(peer, .unchoke, now: now)
    }

    /// Unchokes interested peers at once while slots are free, without waiting for the next round.
    mutating func unchokeIfRoom(now: Instant) {
        guard mode == .running else { return }
        for key in choker.fill(contenders(now: now), slots: settings.uploadSlots) {
            if let peer = peers[key] { unchoke(peer, now: now) }
        }
    }

    mutating func chokeRound(now: Instant) {
        let chosen = choker.choose(
            contenders(now: now), slots: settings.uploadSlots, isSeeding: isComplete, now: now, using: &random)
        for peer in orderedPeers {
            if chosen.contains(peer.key) { unchoke(peer, now: now) } else { choke(peer, now: now) }
        }
    }

    private func contenders(now: Instant) -> [Choker.Contender] {
        let isSeeding = isComplete
        return orderedPeers.filter { !$0.isClosing }.map { peer in
            Choker.Contender(
                key: peer.key, isInterested: peer.isInterested, isSnubbed: peer.isSnubbed, isUnchoked: !peer.amChoking,
                rate: isSeeding ? peer.uploaded.rate(at: now) : peer.downloaded.rate(at: now),
                connectedAt: peer.connectedAt)
        }
    }
}
