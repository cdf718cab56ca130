import Torrent

/// Super-seeding (BEP 16): what the torrent as a whole does about it. ``SuperSeeding`` decides which piece is announced
/// to which peer.
extension Swarm {
    /// The time after which a peer that said nothing of its pieces has none.
    private static let silenceMeansNone = Duration.seconds(1)

    /// Whether few pieces are announced to each peer.
    package var isSuperSeeding: Bool { superSeeding.map { !$0.isOver } ?? false }

    /// The number of pieces that connected peers have, while we super-seed; otherwise `nil`.
    package var spreadPieces: Int? {
        guard isSuperSeeding else { return nil }
        return geometry.pieces.count { pieces.picker.copies(of: $0) > 0 }
    }

    /// Begins or ends super-seeding, as the settings and the pieces demand. Only who has everything can super-seed, or
    /// who may have it and looks.
    mutating func considerSuperSeeding(now: Instant) {
        let isMeant = settings.superSeeds && pieces.isNoneMissing
        if !settings.superSeeds { superSeedingEnded = false }
        if superSeeding == nil {
            guard isMeant, mode == .running, !superSeedingEnded, geometry.pieceCount > 1 else { return }
            var machine = SuperSeeding(pieceCount: geometry.pieceCount, seed: random.next(), now: now)
            for peer in peers.ordered { machine.arrived(peer.key, knowsAll: true) }
            superSeeding = machine
        } else if !isMeant, isSuperSeeding {
            superSeeding?.end()
        }
    }

    /// What is due at a tick.
    mutating func superSeedTick(now: Instant) {
        guard superSeeding != nil else { return }
        if isSuperSeeding {
            let guests = peers.ordered.lazy.filter { peer in
                !peer.isClosing && (peer.source.have != nil || now - peer.connectedAt > Self.silenceMeansNone)
            }.map { SuperSeeding.Guest(key: $0.key, isUnchoked: !$0.amChoking, isInterested: $0.isInterested) }
            let all = Array(guests)
            let news = superSeeding?.tick(all, copies: { Self.copies(of: $0, pieces) }, now: now) ?? []
            for (key, indices) in news { tell(key, of: indices, now: now) }
        }
        guard let machine = superSeeding, machine.isOver else { return }
        for peer in peers.ordered where machine.conceals(from: peer.key) {
            let rest = superSeeding?.rest(for: peer.key, of: pieces.have) { peer.source.has($0) } ?? []
            tell(peer.key, of: rest, now: now)
        }
        guard superSeeding?.isFinished ?? true else { return }
        superSeeding = nil
        superSeedingEnded = settings.superSeeds && pieces.isNoneMissing
    }

    /// Announces another piece to the peer if it has room for an offer.
    mutating func superSeed(_ peer: Peer, now: Instant) {
        guard superSeeding?.hasPlace(for: peer.key) ?? false, peer.source.have != nil, !peer.isClosing else { return }
        let offers =
            superSeeding?.offers(
                to: peer.key, isUnchoked: !peer.amChoking, copies: { Self.copies(of: $0, pieces) }, now: now) ?? []
        tell(peer.key, of: offers, now: now)
    }

    /// A peer that isn't a seed announced the piece.
    mutating func superSeedHeard(_ piece: PieceIndex, from peer: Peer, now: Instant) {
        superSeeding?.announced(piece, by: peer.key, copies: pieces.picker.copies(of: piece), now: now)
    }

    /// A peer said which pieces it has.
    mutating func superSeedHeard(_ announced: Bitfield, from peer: Peer, now: Instant) {
        superSeeding?.announced(announced, by: peer.key, copies: { pieces.picker.copies(of: $0) }, now: now)
    }

    /// A peer has every piece.
    mutating func superSeedHeardSeed(_ peer: Peer) {
        superSeeding?.isSeed(peer.address.host, hasReceived: peer.serving.uploadedTotal > 0)
    }

    private mutating func tell(_ key: PeerKey, of indices: [PieceIndex], now: Instant) {
        guard let peer = peers[key] else { return }
        for piece in indices where !peer.source.has(piece) { send(peer, .have(piece), now: now) }
    }

    /// How many peers that aren't seeds have the piece; `nil` if we can't serve it.
    private static func copies(of piece: PieceIndex, _ pieces: borrowing PieceStates) -> Int? {
        pieces.have[piece] ? pieces.picker.copies(of: piece) : nil
    }
}
