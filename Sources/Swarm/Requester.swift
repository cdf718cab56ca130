import Torrent

/// Decides which block to request from a source next.
struct Requester {
    /// The most unverified bytes that an unproven source may owe, or what its path holds if that is more (at most
    /// as much as the only source): a long path would run empty until the first piece is hashed. One piece is always
    /// allowed.
    private static let probationBytes = 512 << 10
    /// The same limit for the only source; two pieces are always allowed. No other source fills the pause until the
    /// first of them is hashed.
    private static let lonelyProbationBytes = 4 << 20
    /// How many candidates with a write intent are searched for one that the source has.
    private static let searchedAhead = 64
    /// How often a source looks for blocks that others will send late.
    private static let endGamePause = Duration.milliseconds(100)

    private let geometry: Geometry
    /// Whether blocks were released during this batch, so that other sources are asked for them when it ends.
    private var isFillDue = false
    /// Whether a source got no new piece because the memory was full.
    private var lackedMemory = false
    private var late = LateBlocks()

    init(geometry: Geometry) { self.geometry = geometry }

    // MARK: When

    /// Blocks were released that other sources can be asked for.
    mutating func releasedBlocks() { isFillDue = true }

    /// Returns whether released blocks wait for other sources; they are requested with this call.
    mutating func takeFillDue() -> Bool {
        defer { isFillDue = false }
        return isFillDue
    }

    /// Returns whether a source got no new piece since the last call because the memory was full.
    mutating func takeMemoryShortage() -> Bool {
        defer { lackedMemory = false }
        return lackedMemory
    }

    // MARK: Which block

    /// Takes the next block to request from the source, and returns it.
    mutating func takeBlock(
        for source: BlockSource, of pieces: inout PieceStates, among sources: borrowing BlockSources,
        _ settings: SwarmSettings,
        now: Instant, using random: inout SeededGenerator
    ) -> BlockRef? {
        if let index = source.currentPiece {
            if let block = take(from: index, for: source, of: &pieces, settings, now: now) { return block }
            pieces.left(index, by: source.key)
            source.fills(nil)
        }
        guard let index = piece(for: source, of: &pieces, among: sources, settings, now: now, using: &random) else {
            return nil
        }
        source.fills(index)
        pieces[index]?.currentSource = source.key
        return take(from: index, for: source, of: &pieces, settings, now: now)
    }

    private func take(
        from index: PieceIndex, for source: BlockSource, of pieces: inout PieceStates, _ settings: SwarmSettings,
        now: Instant
    ) -> BlockRef? {
        guard let piece = pieces[index], pieces.isEligible(piece, for: source, budget: settings.memoryBudget) else {
            return nil
        }
        piece.begins(with: source.key, now: now)
        guard let block = piece.takeFree() else { return nil }
        pieces.buffered(piece)
        return BlockRef(piece: index, block: block)
    }

    /// Chooses the piece to request from the source next.
    ///
    /// A proven source first helps with pieces that others left, then begins a new piece, then joins others. An
    /// unproven source gets pieces of its own, so that bad data has one possible author, and only a few bytes at a
    /// time. When none are left, it joins others too.
    private mutating func piece(
        for source: BlockSource, of pieces: inout PieceStates, among sources: borrowing BlockSources,
        _ settings: SwarmSettings,
        now: Instant, using random: inout SeededGenerator
    ) -> PieceIndex? {
        let budget = settings.memoryBudget
        if source.isProven {
            let left = pieces.unfilledPiece {
                $0.isEligible($1, for: source, budget: budget) && $1.currentSource == nil
            }
            return left?.piece ?? newPiece(for: source, of: &pieces, settings, now: now, using: &random)
                ?? pieces.unfilledPiece { $0.isEligible($1, for: source, budget: budget) }?.piece
        }
        var own: PieceIndex?
        for index in source.assignedPieces {
            guard let piece = pieces[index], pieces.isEligible(piece, for: source, budget: budget) else { continue }
            own = min(own ?? index, index)
        }
        if let own { return own }
        let owed = source.assignedPieces.reduce(0) { $0 + geometry.length(of: $1) }
        let alone = max(Self.lonelyProbationBytes, 2 * geometry.pieceLength)
        let besideOthers = min(max(Self.probationBytes, source.pipeline.pathBytes), alone)
        guard owed < (sources.count > 1 ? besideOthers : alone) else { return nil }
        if let index = newPiece(for: source, of: &pieces, settings, now: now, using: &random) {
            pieces[index]?.assignedSource = source.key
            source.assigned(index)
            return index
        }
        guard source.assignedPieces.isEmpty else { return nil }
        if let piece = pieces.unfilledPiece(where: { $0.isEligible($1, for: source, budget: budget) }) {
            return piece.piece
        }
        // Only pieces that are assigned to other sources are left.
        let others = pieces.unfilledPiece { $1.assignedSource != nil && $0.isFillable($1, by: source, budget: budget) }
        guard let others else { return nil }
        sources.endAssignment(of: others)
        return others.piece
    }

    private mutating func newPiece(
        for source: BlockSource, of pieces: inout PieceStates, _ settings: SwarmSettings, now: Instant,
        using random: inout SeededGenerator
    ) -> PieceIndex? {
        guard pieces.hasRoom(for: geometry.pieceLength, budget: settings.memoryBudget) else {
            lackedMemory = true
            return nil
        }
        guard !pieces.picker.candidates.isEmpty, !source.isDry(at: pieces.picker.insertions) else { return nil }
        let index: PieceIndex?
        switch settings.picking {
        case .sequential: index = pieces.picker.first { source.serves($0) }
        case .rarestFirst where pieces.have.population < PiecePicker.randomFirstPieces:
            index = pieces.picker.random(using: &random) { source.serves($0) }
        case .rarestFirst: index = rarestPiece(for: source, of: &pieces)
        }
        guard let index else {
            source.ranDry(at: pieces.picker.insertions)
            return nil
        }
        pieces.activated(index, now: now)
        return index
    }

    /// Returns the rarest candidate, or one as rare whose write intent is already recorded.
    private func rarestPiece(for source: BlockSource, of pieces: inout PieceStates) -> PieceIndex? {
        guard let rarest = pieces.picker.rarest(where: { source.serves($0) }) else { return nil }
        if pieces.intents.covers(rarest) { return rarest }
        let rarity = pieces.picker.availability(of: rarest)
        for piece in pieces.upcoming(Self.searchedAhead).reversed()
        where pieces.picker.candidates[piece] && pieces.picker.availability(of: piece) <= rarity
            && source.serves(piece)
        {
            return piece
        }
        return rarest
    }

    // MARK: End game

    /// Takes blocks that other sources will send late or never, for a source with nothing left to do (BEP 3: end game).
    /// A source that has nothing to do because the memory is full takes only what keeps the memory full for long.
    mutating func takeLateBlocks(
        for source: BlockSource, of pieces: borrowing PieceStates, among sources: borrowing BlockSources,
        _ settings: SwarmSettings, room: Int, now: Instant
    ) -> [BlockRef] {
        guard source.isProven || source.assignedPieces.isEmpty, pieces.bufferedCount > 0,
            source.beginsEndGame(now: now, pause: Self.endGamePause)
        else { return [] }
        late.update(sources, now: now)
        let patience = waitsForMemory(source, pieces, settings) ? LateBlocks.memoryPatience : .zero
        return late.take(for: source, of: pieces, room: room, patience: patience, now: now)
    }

    private func waitsForMemory(
        _ source: BlockSource, _ pieces: borrowing PieceStates, _ settings: SwarmSettings
    ) -> Bool {
        !pieces.picker.candidates.isEmpty && !source.isDry(at: pieces.picker.insertions)
            && !pieces.hasRoom(for: geometry.pieceLength, budget: settings.memoryBudget)
    }
}
