package import Torrent

/// The state of every piece, and what follows from the states: the candidates for a download, the write intents and the
/// memory of active pieces.
///
/// Each mutating function is a transition, named after what happened. No other code changes a state, so that
///
/// - a piece is in exactly one ``PieceState``,
/// - recorded pieces are present,
/// - the picker's candidates are the wanted pieces that are absent.
package struct PieceStates: ~Copyable {
    private let geometry: Geometry
    /// Blocks that lie entirely within pad files (BEP 47).
    private let padding: [PieceIndex: [Int]]

    /// Pieces that passed their hash check and are written: the pieces that peers are told about.
    package private(set) var have: Bitfield
    /// Pieces that the database records as present.
    package private(set) var recorded: Bitfield
    /// Pieces of the files that the user selected.
    private(set) var wanted: Bitfield
    /// Pieces that must be hashed on disk before they count as present or become candidates.
    private(set) var unverified: Bitfield
    private var activePieces: ActivePieces
    /// Recorded blocks of pieces that are unverified or may become so. They count only if the piece turns out to be
    /// incomplete.
    private var heldPartials: [PieceIndex: PartialPiece] = [:]
    /// How often pieces that are absent failed their hash check with more than one possible culprit.
    private var disputes: [PieceIndex: Int] = [:]
    package private(set) var picker: PiecePicker
    package private(set) var intents: WriteIntents
    package private(set) var recheck = Recheck()

    /// Creates the states of a torrent at rest. No piece is a candidate before ``restoredAll(using:)``.
    ///
    /// `recorded` is what the database holds; pieces that the plan doesn't trust lose their records at the start.
    package init(
        geometry: Geometry, plan: ResumePlan, recorded: Bitfield, intents: Bitfield, wanted: Bitfield,
        padding: [PieceIndex: [Int]], onTheWay: BytesOnTheWay = BytesOnTheWay()
    ) {
        self.geometry = geometry
        self.padding = padding
        have = plan.trusted
        self.recorded = recorded.intersection(plan.trusted)
        self.wanted = wanted
        unverified = plan.unverified
        activePieces = ActivePieces(geometry: geometry, onTheWay)
        self.intents = WriteIntents(recorded: intents)
        picker = PiecePicker(pieceCount: geometry.pieceCount)
    }

    // MARK: Queries

    package func state(of piece: PieceIndex) -> PieceState {
        if have[piece] { return recorded[piece] ? .recorded : .written }
        if unverified[piece] { return .unverified }
        guard let active = activePieces[piece] else { return .absent }
        return active.phase == .verifying ? .verifying : .active
    }

    /// The active piece with this index.
    package subscript(index: PieceIndex) -> ActivePiece? { activePieces[index] }
    /// The active pieces, oldest first.
    var active: [ActivePiece] { activePieces.ordered }
    var isAnyActive: Bool { !activePieces.isEmpty }
    /// The number of active pieces that count against the memory budget, and their bytes.
    var bufferedCount: Int { activePieces.bufferedCount }
    var bufferedBytes: Int { activePieces.bufferedBytes }

    /// Whether every wanted piece is present.
    var isComplete: Bool { wanted.isSubset(of: have) }
    /// Whether every wanted piece is present and recorded, and nothing is unverified.
    var isCompleteAndRecorded: Bool { isComplete && have.isSubset(of: recorded) && unverified.isEmpty }

    /// Whether every piece is present, or is unverified and may turn out to be.
    var isNoneMissing: Bool { have.population + unverified.population == geometry.pieceCount }

    /// Whether every wanted block has arrived, even if some hash checks are still under way.
    var isFetched: Bool { picker.candidates.isEmpty && active.allSatisfy { $0.phase != .downloading } }

    private func isCandidate(_ piece: PieceIndex) -> Bool {
        wanted[piece] && !have[piece] && !unverified[piece] && activePieces[piece] == nil
    }

    // MARK: Transitions

    /// A state other than active.
    private enum Settled {
        case absent, written, recorded, unverified
    }

    /// Moves the piece to this state. Only this function and ``activated(_:now:)`` change the state of a piece, so that
    /// it is in one state, and recorded pieces are present.
    private mutating func settle(_ piece: PieceIndex, as state: Settled) {
        activePieces.remove(piece)
        picker.remove(piece)
        have[piece] = state == .written || state == .recorded
        recorded[piece] = state == .recorded
        unverified[piece] = state == .unverified
        if state == .unverified { recheck.missedPiece() }
        if have[piece] { disputes[piece] = nil }
    }

    /// The piece became absent: a candidate if it is wanted.
    private mutating func lose(_ piece: PieceIndex, using random: inout SeededGenerator) {
        settle(piece, as: .absent)
        if wanted[piece] { picker.insert(piece, using: &random) }
    }

    // MARK: Start and selection

    /// Blocks of the piece that an earlier run recorded are on disk. They count at once, or after a recheck.
    mutating func restored(_ partial: PartialPiece) {
        let index = partial.piece
        guard activePieces[index] == nil, geometry.pieces.contains(index), !partial.blocks.isEmpty,
            partial.blocks.isWithin(count: geometry.blockCount(of: index))
        else { return }
        guard !unverified[index] else {
            heldPartials[index] = partial
            return
        }
        var blocks = partial.blocks
        for block in padding[index] ?? [] { blocks.insert(block) }
        guard !blocks.isWhole(count: geometry.blockCount(of: index)) else {
            // All blocks are on disk, but the piece was never hashed.
            settle(index, as: .unverified)
            return
        }
        let piece = activated(index, now: .origin)
        for block in blocks.blocks { piece.restore(block) }
    }

    /// The piece consists of padding only: it is present without a write. Returns whether it was absent.
    mutating func foundPadding(_ piece: PieceIndex) -> Bool {
        guard state(of: piece) == .absent else { return false }
        settle(piece, as: .written)
        return true
    }

    /// Everything was restored that an earlier run left: pieces become candidates.
    package mutating func restoredAll(using random: inout SeededGenerator) {
        refreshCandidates(using: &random)
        // Write intents that an earlier run recorded and never used need not be recorded again.
        intents.restoreUpcoming(intents.recorded.pieces.filter { picker.candidates[$0] }.shuffled(using: &random))
    }

    /// The torrent starts. Returns the unverified pieces, which the database must call so from now on.
    mutating func started() -> [PieceIndex] {
        intents.becameUnverified(unverified)
        return Array(unverified.pieces)
    }

    /// The user selected these pieces.
    package mutating func selected(_ wanted: Bitfield, using random: inout SeededGenerator) {
        precondition(wanted.count == geometry.pieceCount)
        self.wanted = wanted
        refreshCandidates(using: &random)
    }

    private mutating func refreshCandidates(using random: inout SeededGenerator) {
        for piece in geometry.pieces {
            if isCandidate(piece) { picker.insert(piece, using: &random) } else { picker.remove(piece) }
        }
    }

    // MARK: Downloading

    /// Blocks of the piece will be requested: it becomes active and needs a write intent.
    @discardableResult
    package mutating func activated(_ index: PieceIndex, now: Instant) -> ActivePiece {
        precondition(state(of: index) == .absent)
        let piece = ActivePiece(
            piece: index, blockCount: geometry.blockCount(of: index), disputes: disputes[index] ?? 0, activatedAt: now)
        for block in padding[index] ?? [] { piece.restore(block) }
        picker.remove(index)
        intents.need(index)
        activePieces.add(piece)
        return piece
    }

    /// A request for the block ended without it.
    mutating func released(_ block: BlockRef) {
        guard let piece = activePieces[block.piece] else { return }
        piece.release(block.block)
        activePieces.list(piece)
    }

    /// Returns the oldest piece with free blocks for which `isEligible` holds.
    mutating func unfilledPiece(where isEligible: (borrowing PieceStates, ActivePiece) -> Bool) -> ActivePiece? {
        for piece in activePieces.withFreeBlocks() where isEligible(self, piece) { return piece }
        return nil
    }

    /// Whether the source may be asked for a free block of the piece.
    func isEligible(_ piece: ActivePiece, for source: BlockSource, budget: Int) -> Bool {
        (piece.assignedSource == nil || piece.assignedSource == source.key)
            && isFillable(piece, by: source, budget: budget)
    }

    /// Whether the source could be asked for a free block of the piece if the piece weren't assigned to another source.
    func isFillable(_ piece: ActivePiece, by source: BlockSource, budget: Int) -> Bool {
        piece.freeCount > 0 && piece.phase == .downloading && wanted[piece.piece] && source.serves(piece.piece)
            && piece.mayBeFilled(by: source.key)
            && (piece.isBuffered || hasRoom(for: geometry.length(of: piece.piece), budget: budget))
    }

    /// The source no longer fills the piece.
    func left(_ piece: PieceIndex, by source: SourceKey) {
        guard let piece = activePieces[piece], piece.currentSource == source else { return }
        piece.currentSource = nil
    }

    // MARK: The end of a download

    /// The piece passed its hash check and is written.
    package mutating func passed(_ piece: ActivePiece) {
        holdPartial(of: piece)
        settle(piece.piece, as: .written)
    }

    /// The piece passed its hash check, but a failed sync may have lost what was written.
    package mutating func passedUnsynced(_ piece: ActivePiece) {
        holdPartial(of: piece)
        settle(piece.piece, as: .unverified)
    }

    private mutating func holdPartial(of piece: ActivePiece) {
        guard piece.recordedCount > 0 else { return }
        heldPartials[piece.piece] = PartialPiece(piece: piece.piece, blocks: piece.recorded)
    }

    /// The piece failed its hash check, and any of several sources may have sent the bad data.
    mutating func disputed(_ piece: PieceIndex) { disputes[piece, default: 0] += 1 }

    /// Others may help where a source that was to fetch a disputed piece alone is too slow.
    func endSlowSoleSources(now: Instant) {
        for piece in active { piece.endSlowSoleSource(now: now) }
    }

    /// Others may help with the disputed pieces that the source was to fetch alone.
    func endSoleSource(_ source: SourceKey) {
        for piece in active { piece.endSoleSource(source) }
    }

    /// The piece failed its hash check.
    package mutating func failed(_ piece: ActivePiece, using random: inout SeededGenerator) {
        lose(piece.piece, using: &random)
    }

    /// The piece is no longer downloaded: only its blocks on disk are kept. Its buffer is free.
    package mutating func abandoned(_ piece: ActivePiece, using random: inout SeededGenerator) {
        if piece.onDiskCount > 0 { activePieces.park(piece) } else { lose(piece.piece, using: &random) }
    }

    /// The torrent is at rest, so the piece keeps only its blocks on disk. Returns whether its buffer became free.
    mutating func rested(_ piece: ActivePiece, using random: inout SeededGenerator) -> Bool {
        piece.rest()
        if piece.onDiskCount == piece.blockCount {
            settle(piece.piece, as: .unverified)
        } else if piece.onDiskCount > 0 {
            guard piece.isBuffered else { return false }
            activePieces.park(piece)
        } else {
            lose(piece.piece, using: &random)
        }
        return true
    }

    // MARK: Memory

    /// Whether one more piece of `length` bytes may be buffered. Two pieces are always allowed.
    func hasRoom(for length: Int, budget: Int) -> Bool { activePieces.hasRoom(for: length, budget: budget) }
    /// The same if nothing were on the way.
    func hasRoomAlways(for length: Int, budget: Int) -> Bool { activePieces.hasRoomAlways(for: length, budget: budget) }
    /// Whether the buffers take more than is ever allowed.
    func isOver(budget: Int) -> Bool { activePieces.isOver(budget: budget) }

    /// Blocks of the piece are requested or in memory.
    mutating func buffered(_ piece: ActivePiece) { activePieces.buffer(piece) }

    /// The last block of the piece arrived.
    mutating func completed(_ piece: ActivePiece) { activePieces.complete(piece) }

    /// The piece's buffer was freed. Blocks on disk are kept; all others are wanted again.
    mutating func parked(_ piece: ActivePiece) { activePieces.park(piece) }

    // MARK: Write intents

    /// Takes the active pieces that need a write intent, and up to `ahead` candidates that will need one. Pieces in
    /// `closing` must wait, because the record under way ends their old intents.
    package mutating func takeIntents(ahead: Int, _ policy: PickingPolicy, except closing: Set<PieceIndex>)
        -> [PieceIndex]
    {
        let fresh = intents.takeUnsent(except: closing).filter { activePieces[$0] != nil }
        guard !fresh.isEmpty else { return [] }
        var next: [PieceIndex] = []
        if ahead > 0 {
            next = picker.upcoming(ahead, policy).filter { !intents.covers($0) && !closing.contains($0) }
        }
        intents.sent(fresh, ahead: next, candidates: picker.candidates)
        return fresh + next
    }

    package mutating func intentRecorded(_ piece: PieceIndex) { intents.wasRecorded(piece) }

    mutating func intentRefused(_ piece: PieceIndex) {
        intents.wasRefused(piece, isNeeded: activePieces[piece] != nil)
    }

    /// Returns up to `count` candidates whose write intents were recorded in advance; the next one to download is last.
    mutating func upcoming(_ count: Int) -> ArraySlice<PieceIndex> {
        intents.nextUpcoming(count, candidates: picker.candidates)
    }

    /// Pieces whose write intents can end at rest. Pieces that were unverified before stay unverified.
    var idleIntents: [PieceIndex] {
        intents.recorded.pieces.filter {
            !unverified[$0] && !have[$0] && activePieces[$0]?.phase != .verifying
        }
    }
    var hasIdleIntents: Bool { intents.recorded.pieces.contains { !unverified[$0] && !have[$0] } }

    // MARK: Durability

    /// The database records these pieces as present, and the end of the write intents of `closed`.
    package mutating func recorded(_ pieces: [PieceIndex], closed: [PieceIndex]) {
        for piece in pieces where have[piece] {
            heldPartials[piece] = nil
            settle(piece, as: .recorded)
            intents.ended(piece)
        }
        for piece in closed { intents.ended(piece) }
    }

    /// The database records these blocks of the piece. Returns `false` if it must forget them, because the piece failed
    /// its hash check meanwhile.
    mutating func recorded(_ partial: PartialPiece, of piece: ActivePiece) -> Bool {
        if !piece.isClosed {
            piece.markRecorded(partial.blocks)
        } else if have[piece.piece] || unverified[piece.piece] {
            // The piece was completed meanwhile. If a sync loses it, these blocks are still recorded.
            heldPartials[piece.piece] = partial
        } else {
            return false
        }
        return true
    }

    /// A failed sync may have lost the piece, which is not recorded yet.
    package mutating func lostSync(_ piece: PieceIndex) {
        if have[piece] { settle(piece, as: .unverified) }
    }

    /// A failed sync may have lost blocks of the piece that are not recorded yet.
    mutating func lostSync(_ piece: ActivePiece) {
        piece.forgetUnrecorded()
        activePieces.list(piece)
    }

    // MARK: Unverified pieces

    /// These pieces must be rechecked, unless they are active. Returns those that became unverified.
    package mutating func mustBeRechecked(_ pieces: Bitfield) -> [PieceIndex] {
        let new = pieces.subtracting(unverified).pieces.filter { activePieces[$0] == nil }
        for piece in new {
            settle(piece, as: .unverified)
            intents.becameUnverified(piece)
        }
        return new
    }

    /// The piece was recorded as present and is gone. Its loss is in the database already.
    package mutating func lost(_ piece: PieceIndex, using random: inout SeededGenerator) {
        if have[piece] { lose(piece, using: &random) }
    }

    /// Returns the unverified pieces, which are hashed now.
    package mutating func recheckBegan() -> [PieceIndex] {
        recheck.began()
        return Array(unverified.pieces)
    }

    mutating func recheckEnded() { recheck.ended() }

    /// The unverified piece passed its hash check.
    package mutating func rechecked(good piece: PieceIndex) {
        guard unverified[piece] else { return }
        recheck.foundGood()
        settle(piece, as: .written)
    }

    /// The unverified piece is not whole: its recorded blocks count, unless all of them were recorded, which means that
    /// the data is bad. Returns whether the database must forget its recorded blocks.
    package mutating func rechecked(bad piece: PieceIndex, isMissing: Bool, using random: inout SeededGenerator) -> Bool
    {
        guard unverified[piece] else { return false }
        if isMissing { recheck.foundMissing() } else { recheck.foundBad() }
        intents.ended(piece)
        let partial = heldPartials.removeValue(forKey: piece)
        settle(piece, as: .absent)
        let isUseless = isMissing || partial?.blocks.isWhole(count: geometry.blockCount(of: piece)) ?? false
        if let partial, !isUseless { restored(partial) }
        if isCandidate(piece) { picker.insert(piece, using: &random) }
        return partial != nil && isUseless
    }

    // MARK: Availability

    mutating func seedArrived() { picker.addSeed() }
    mutating func seedLeft() { picker.removeSeed() }

    /// A peer has the piece.
    mutating func gainedCopy(_ piece: PieceIndex, using random: inout SeededGenerator) {
        picker.increment(piece, using: &random)
    }

    /// A peer doesn't have the piece any more.
    mutating func lostCopy(_ piece: PieceIndex, using random: inout SeededGenerator) {
        picker.decrement(piece, using: &random)
    }

    // MARK: Invariants

    /// Descriptions of what is inconsistent, for tests; empty if nothing is.
    package var faults: [String] {
        var found = picker.faults + activePieces.faults
        for piece in geometry.pieces {
            if picker.candidates[piece] != (wanted[piece] && state(of: piece) == .absent) {
                found.append("piece \(piece) is wrongly a candidate, or wrongly none")
            }
            let count = (have[piece] ? 1 : 0) + (activePieces[piece] != nil ? 1 : 0) + (unverified[piece] ? 1 : 0)
            if count > 1 { found.append("piece \(piece) is in \(count) states") }
        }
        if !recorded.isSubset(of: have) { found.append("recorded pieces are not present") }
        return found
    }
}
