package import Torrent

/// The small messages of BEP 3, 6, 10 and 21.
extension Swarm {
    package mutating func choked(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key], !peer.isChoking else { return }
        peer.source.closed()
        charge(peer, .turn, now: now)
        // With the fast extension each request is still answered, by its block or a reject (BEP 6).
        giveBack(peer.source, keepRequests: peer.supportsFast)
        requester.releasedBlocks()
    }

    package mutating func unchoked(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key], peer.isChoking else { return }
        peer.source.opened()
        charge(peer, .turn, now: now)
        fill(peer.source, now: now)
    }

    package mutating func interested(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key], !peer.isInterested else { return }
        peer.becameInterested(true)
        charge(peer, .interest, now: now)
        unchokeIfRoom(now: now)
    }

    package mutating func notInterested(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key], peer.isInterested else { return }
        peer.becameInterested(false)
        charge(peer, .interest, now: now)
        if !peer.amChoking {
            choke(peer, now: now)
            unchokeIfRoom(now: now)
        }
    }

    /// The peer sent a bitfield. BEP 3 allows it only as the first message; later ones are tolerated.
    package mutating func bitfield(_ key: PeerKey, _ announced: Bitfield, now: Instant) {
        guard let peer = peers[key], !peer.isClosing else { return }
        precondition(announced.count == geometry.pieceCount)
        if let old = peer.source.have, old != announced, old.isSubset(of: announced) {
            // Some clients send a bitfield where that is shorter than many HAVEs. It costs as much as those would.
            for piece in announced.subtracting(old).pieces { has(key, piece.value, now: now) }
            return
        }
        let count = peer.sentBitfield()
        charge(peer, .statement, now: now)
        guard count <= Self.maximumBitfields else {
            return misbehaved(key, "repeated bitfields", now: now)
        }
        peer.source.hasMoreToOffer()
        if peer.source.hasAll {
            pieces.seedLeft()
        } else if let old = peer.source.have {
            for piece in old.pieces { pieces.lostCopy(piece, using: &random) }
        }
        if announced.isFull {
            becomeSeed(peer)
        } else {
            peer.source.announced(announced)
            for piece in announced.pieces { pieces.gainedCopy(piece, using: &random) }
            superSeedHeard(announced, from: peer, now: now)
        }
        updateInterest(of: peer, now: now)
        fill(peer.source, now: now)
    }

    /// The peer has no piece (BEP 6).
    package mutating func haveNone(_ key: PeerKey, now: Instant) {
        bitfield(key, Bitfield(count: geometry.pieceCount), now: now)
    }
    package mutating func haveAll(_ key: PeerKey, now: Instant) {
        bitfield(key, Bitfield(fullCount: geometry.pieceCount), now: now)
    }

    package mutating func has(_ key: PeerKey, _ piece: Int, now: Instant) {
        guard let peer = peers[key], !peer.isClosing else { return }
        guard piece >= 0, piece < geometry.pieceCount else {
            return misbehaved(key, "HAVE of the nonexistent piece \(piece)", now: now)
        }
        let source = peer.source
        guard !source.hasAll else { return }
        // A peer that sent no bitfield has no pieces until it announces some.
        let index = PieceIndex(piece)
        guard source.gained(index, of: geometry.pieceCount) else { return }
        pieces.gainedCopy(index, using: &random)
        if superSeeding != nil { superSeedHeard(index, from: peer, now: now) }
        if !source.hasLost, let held = source.have, held.isFull {
            for piece in held.pieces { pieces.lostCopy(piece, using: &random) }
            becomeSeed(peer)
        }
        guard pieces.wanted[index], !pieces.have[index] else { return }
        source.hasMoreToOffer()
        if !peer.amInterested { updateInterest(of: peer, now: now) }
        if source.outstanding == 0 { fill(peer.source, now: now) }
    }

    /// The peer no longer has a piece (BEP 54).
    package mutating func dontHave(_ key: PeerKey, _ piece: Int, now: Instant) {
        guard let peer = peers[key], !peer.isClosing, piece >= 0, piece < geometry.pieceCount,
            peer.source.has(PieceIndex(piece))
        else { return }
        charge(peer, .statement, now: now)
        if peer.source.hasAll {
            peer.source.lostSome(of: geometry.pieceCount)
            pieces.seedLeft()
            for piece in geometry.pieces { pieces.gainedCopy(piece, using: &random) }
        }
        peer.source.lost(PieceIndex(piece))
        pieces.lostCopy(PieceIndex(piece), using: &random)
        updateInterest(of: peer, now: now)
    }

    /// The peer serves this piece even while it chokes us (BEP 6).
    package mutating func allowedFast(_ key: PeerKey, _ piece: Int, now: Instant) {
        guard let peer = peers[key], piece >= 0, piece < geometry.pieceCount, peer.source.allowedCount < 64 else {
            return
        }
        charge(peer, .offer, now: now)
        peer.source.allowed(PieceIndex(piece))
        fill(peer.source, now: now)
    }

    /// The peer will not answer a request (BEP 6).
    package mutating func rejected(_ key: PeerKey, _ request: BlockRequest, now: Instant) {
        guard let peer = peers[key] else { return }
        charge(peer, .refusal, now: now)
        refused(request, by: peer.source, now: now)
    }

    /// The peer requests metadata, sends it, or refuses it (BEP 9).
    package mutating func chargeMetadata(_ key: PeerKey, now: Instant) {
        guard let peer = peers[key], !peer.isClosing else { return }
        charge(peer, .refusal, now: now)
    }

    /// The peer's extension handshake (BEP 10, BEP 21). `port` is the port on which the peer listens.
    package mutating func extended(_ key: PeerKey, reqq: Int?, uploadOnly: Bool?, port: UInt16? = nil, now: Instant) {
        guard let peer = peers[key], !peer.isClosing else { return }
        charge(peer, .statement, now: now)
        if let port, peer.isIncoming, !peer.hasSaidPort {
            listens(peer, at: PeerAddress(peer.address.host, port: port), now: now)
        }
        if let reqq { peer.source.limitsRequests(to: reqq) }
        if let uploadOnly { peer.saysUploadOnly(uploadOnly) }
        fill(peer.source, now: now)
    }

    /// The wanted pieces changed, or are all present: updates our interest in each peer and our upload-only state (BEP
    /// 21).
    mutating func goalChanged(now: Instant) {
        for peer in peers.ordered {
            updateInterest(of: peer, now: now)
            sayUploadOnly(to: peer, now: now)
        }
        for seed in webSeeds.ordered { updateInterest(of: seed.source) }
    }

    mutating func updateInterest(of peer: Peer, now: Instant) {
        guard updateInterest(of: peer.source) else { return }
        send(peer, peer.amInterested ? .interested : .notInterested, now: now)
    }

    /// Updates whether the source has pieces that we want. Returns whether that changed.
    @discardableResult
    func updateInterest(of source: BlockSource) -> Bool {
        if source.hasAll { return source.isInteresting(!isComplete) }
        guard let has = source.have else { return source.isInteresting(false) }
        return source.isInteresting(pieces.wanted.subtracting(pieces.have).intersects(has))
    }

    private mutating func becomeSeed(_ peer: Peer) {
        peer.source.announcedAll()
        pieces.seedArrived()
        superSeedHeardSeed(peer)
    }

    func block(of request: BlockRequest) -> BlockRef? {
        guard geometry.contains(piece: request.piece.value, begin: request.begin, length: request.length),
            request.begin % Geometry.blockLength == 0
        else { return nil }
        let block = BlockRef(piece: request.piece, block: request.begin / Geometry.blockLength)
        return geometry.length(of: block) == request.length ? block : nil
    }
}
