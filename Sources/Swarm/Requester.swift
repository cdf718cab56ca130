import DequeModule
import Torrent

/// Decides which block to request from a peer next.
struct Requester {
    /// The most unverified bytes that an unproven peer may owe; one piece is always allowed.
    private static let probationBytes = 512 << 10
    /// The same limit for the only peer; two pieces are always allowed. No other peer fills the pause until the first
    /// of them is hashed.
    private static let lonelyProbationBytes = 4 << 20
    /// How many candidates with a write intent are searched for one that the peer has.
    private static let searchedAhead = 64
    /// How often a peer looks for blocks that others will send late.
    private static let endGamePause = Duration.milliseconds(100)
    /// How long a peer may send nothing before the end game expects nothing from it.
    private static let endGamePatience = Duration.seconds(1)
    /// The assumed rate, in bytes per second, of a peer whose speed is unknown.
    private static let assumedRate = 65536.0
    /// In the end game, another peer is asked for a block if it should deliver it in less than this part of the
    /// holder's time.
    private static let endGameGain = 0.5
    /// The most outstanding requests for one block.
    static let endGameCopies = 3

    private let geometry: Geometry
    /// Whether blocks were released during this batch, so that other peers are asked for them when it ends.
    private var isFillDue = false

    init(geometry: Geometry) { self.geometry = geometry }

    // MARK: When

    /// Blocks were released that other peers can be asked for.
    mutating func releasedBlocks() { isFillDue = true }

    /// Returns whether released blocks wait for other peers; they are requested with this call.
    mutating func takeFillDue() -> Bool {
        defer { isFillDue = false }
        return isFillDue
    }

    // MARK: Which block

    /// Takes the next block to request from the peer, and returns it.
    func takeBlock(
        for peer: Peer, of pieces: inout PieceStates, among peers: borrowing PeerSet, _ settings: SwarmSettings,
        now: Instant, using random: inout SeededGenerator
    ) -> BlockRef? {
        if let index = peer.currentPiece {
            if let block = take(from: index, for: peer, of: &pieces, settings) { return block }
            pieces.left(index, by: peer.key)
            peer.currentPiece = nil
        }
        guard let index = piece(for: peer, of: &pieces, among: peers, settings, now: now, using: &random) else {
            return nil
        }
        peer.currentPiece = index
        pieces[index]?.currentPeer = peer.key
        return take(from: index, for: peer, of: &pieces, settings)
    }

    private func take(
        from index: PieceIndex, for peer: Peer, of pieces: inout PieceStates, _ settings: SwarmSettings
    ) -> BlockRef? {
        guard let piece = pieces[index], pieces.isEligible(piece, for: peer, budget: settings.memoryBudget),
            let block = piece.takeFree()
        else { return nil }
        pieces.buffered(piece)
        return BlockRef(piece: index, block: block)
    }

    /// Chooses the piece to request from the peer next.
    ///
    /// A proven peer first helps with pieces that others left, then begins a new piece, then joins others. An unproven
    /// peer gets pieces of its own, so that bad data has one possible author, and only a few bytes at a time. When none
    /// are left, it joins others too.
    private func piece(
        for peer: Peer, of pieces: inout PieceStates, among peers: borrowing PeerSet, _ settings: SwarmSettings,
        now: Instant, using random: inout SeededGenerator
    ) -> PieceIndex? {
        let budget = settings.memoryBudget
        if peer.isProven {
            let left = pieces.unfilledPiece { $0.isEligible($1, for: peer, budget: budget) && $1.currentPeer == nil }
            return left?.piece ?? newPiece(for: peer, of: &pieces, settings, now: now, using: &random)
                ?? pieces.unfilledPiece { $0.isEligible($1, for: peer, budget: budget) }?.piece
        }
        var own: PieceIndex?
        for index in peer.assignedPieces {
            guard let piece = pieces[index], pieces.isEligible(piece, for: peer, budget: budget) else { continue }
            own = min(own ?? index, index)
        }
        if let own { return own }
        let owed = peer.assignedPieces.reduce(0) { $0 + geometry.length(of: $1) }
        let most = peers.count > 1 ? Self.probationBytes : max(Self.lonelyProbationBytes, 2 * geometry.pieceLength)
        guard owed < most else { return nil }
        if let index = newPiece(for: peer, of: &pieces, settings, now: now, using: &random) {
            pieces[index]?.assignedPeer = peer.key
            peer.assignedPieces.insert(index)
            return index
        }
        guard peer.assignedPieces.isEmpty else { return nil }
        if let piece = pieces.unfilledPiece(where: { $0.isEligible($1, for: peer, budget: budget) }) {
            return piece.piece
        }
        // Only pieces that are assigned to other peers are left.
        let others = pieces.unfilledPiece { $1.assignedPeer != nil && $0.isFillable($1, by: peer, budget: budget) }
        guard let others else { return nil }
        endAssignment(of: others, among: peers)
        return others.piece
    }

    private func newPiece(
        for peer: Peer, of pieces: inout PieceStates, _ settings: SwarmSettings, now: Instant,
        using random: inout SeededGenerator
    ) -> PieceIndex? {
        guard pieces.hasRoom(for: geometry.pieceLength, budget: settings.memoryBudget),
            !pieces.picker.candidates.isEmpty,
            peer.ranDryAt != pieces.picker.insertions
        else { return nil }
        let index: PieceIndex?
        switch settings.picking {
        case .sequential: index = pieces.picker.first { peer.serves($0) }
        case .rarestFirst where pieces.have.population < PiecePicker.randomFirstPieces:
            index = pieces.picker.random(using: &random) { peer.serves($0) }
        case .rarestFirst: index = rarestPiece(for: peer, of: &pieces)
        }
        guard let index else {
            peer.ranDryAt = pieces.picker.insertions
            return nil
        }
        pieces.activated(index, now: now)
        return index
    }

    /// Returns the rarest candidate, or one as rare whose write intent is already recorded.
    private func rarestPiece(for peer: Peer, of pieces: inout PieceStates) -> PieceIndex? {
        guard let rarest = pieces.picker.rarest(where: { peer.serves($0) }) else { return nil }
        if pieces.intents.covers(rarest) { return rarest }
        let rarity = pieces.picker.availability(of: rarest)
        for piece in pieces.upcoming(Self.searchedAhead).reversed()
        where pieces.picker.candidates[piece] && pieces.picker.availability(of: piece) <= rarity
            && peer.serves(piece)
        {
            return piece
        }
        return rarest
    }

    /// Allows any peer to be asked for blocks of the piece.
    func endAssignment(of piece: ActivePiece, among peers: borrowing PeerSet) {
        guard let owner = piece.assignedPeer else { return }
        piece.assignedPeer = nil
        peers[owner]?.assignedPieces.remove(piece.piece)
    }

    // MARK: End game

    /// Takes blocks that other peers will send late or never, for a peer with nothing left to do (BEP 3: end game).
    func takeLateBlocks(
        for peer: Peer, of pieces: borrowing PieceStates, among peers: borrowing PeerSet, room: Int, now: Instant
    ) -> [BlockRef] {
        guard peer.isProven || peer.assignedPieces.isEmpty, pieces.bufferedCount > 0, now >= peer.nextEndGame else {
            return []
        }
        peer.nextEndGame = now + Self.endGamePause
        let own = max(peer.pipeline.bestRate, Double(peer.downloaded.rate(at: now)), Self.assumedRate)
        let rtt = (peer.pipeline.smallestRTT ?? .zero).inSeconds
        func time(_ count: Int) -> Double { Double((peer.outstanding + count) * Geometry.blockLength) / own + rtt }
        let soonest = time(1) / Self.endGameGain
        var late: [(block: BlockRef, seconds: Double)] = []
        for holder in peers.ordered where holder.key != peer.key && holder.outstanding > 0 {
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
        var taken: [BlockRef] = []
        for (block, seconds) in late where taken.count < room {
            guard time(taken.count + 1) < seconds * Self.endGameGain else { break }
            guard !taken.contains(block), !peer.requests.contains(where: { $0.block == block && !$0.isReleased })
            else { continue }
            pieces[block.piece]?.request(block.block)
            taken.append(block)
        }
        return taken
    }

    /// Returns the expected rate of the peer in bytes per second; zero if it has sent nothing for a while.
    private func expectedRate(of peer: Peer, now: Instant) -> Double {
        guard let oldest = peer.requests.first(where: { !$0.isReleased }) else { return 0 }
        let since = max(oldest.sentAt, peer.lastBlockAt ?? oldest.sentAt)
        if now - since > Self.endGamePatience { return 0 }
        return peer.pipeline.bestRate > 0 ? peer.pipeline.bestRate : Self.assumedRate
    }
}
