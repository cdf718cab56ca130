import Torrent

/// The active pieces, those of them that have free blocks, and the memory of their buffers.
struct ActivePieces: ~Copyable {
    private let geometry: Geometry
    private var byIndex: [PieceIndex: ActivePiece] = [:]
    /// The active pieces, oldest first.
    private(set) var ordered: [ActivePiece] = []
    /// Active pieces with free blocks, and possibly some whose free blocks ran out since they were listed.
    private var unfilled: [ActivePiece] = []
    /// The number of pieces that count against the memory budget, and their bytes.
    private(set) var bufferedCount = 0
    private(set) var bufferedBytes = 0
    /// Those of them in pieces that are complete and wait for the disk.
    private var waitingBytes = 0
    private let onTheWay: BytesOnTheWay

    init(geometry: Geometry, _ onTheWay: BytesOnTheWay) {
        self.geometry = geometry
        self.onTheWay = onTheWay
    }

    subscript(index: PieceIndex) -> ActivePiece? { byIndex[index] }
    var isEmpty: Bool { byIndex.isEmpty }

    mutating func add(_ piece: ActivePiece) {
        byIndex[piece.piece] = piece
        ordered.append(piece)
        list(piece)
    }

    mutating func remove(_ index: PieceIndex) {
        guard let piece = byIndex.removeValue(forKey: index) else { return }
        piece.isClosed = true
        // The oldest pieces usually finish first, so the search is short.
        if let place = ordered.firstIndex(where: { $0 === piece }) { ordered.remove(at: place) }
        unbuffer(piece)
    }

    // MARK: Free blocks

    /// The piece may have free blocks: peers that look for some will find it.
    mutating func list(_ piece: ActivePiece) {
        guard piece.freeCount > 0, !piece.isListed, !piece.isClosed else { return }
        piece.isListed = true
        unfilled.append(piece)
    }

    /// Returns the pieces with free blocks, oldest first.
    mutating func withFreeBlocks() -> [ActivePiece] {
        unfilled.removeAll { piece in
            let isGone = piece.isClosed || piece.freeCount == 0
            if isGone { piece.isListed = false }
            return isGone
        }
        return unfilled
    }

    // MARK: Memory

    /// The share of the budget in which pieces may wait for the disk. More would help only downloads that are as short.
    private static let waitingShare = 3

    /// How many budgets may be on the way besides half of one, which is enough for what has arrived. If the disk takes
    /// nothing when all of that arrives, the memory holds both.
    private static let budgetsOnTheWay = 2

    /// Whether one more piece of `length` bytes may be buffered. Two pieces are always allowed.
    func hasRoom(for length: Int, budget: Int) -> Bool { hasRoom(for: length, budget: budget, onTheWay.total) }

    /// The same if nothing were on the way: then no request that is made meanwhile makes room.
    func hasRoomAlways(for length: Int, budget: Int) -> Bool { hasRoom(for: length, budget: budget, 0) }

    /// Whether the buffers take more than is ever allowed, whatever is on the way.
    func isOver(budget: Int) -> Bool { bufferedCount > 2 && bufferedBytes > Self.most(budget, onTheWay: .max) }

    private func hasRoom(for length: Int, budget: Int, _ onTheWay: Int) -> Bool {
        guard bufferedCount >= 2 else { return true }
        return bufferedBytes + length <= Self.most(budget, onTheWay: onTheWay)
            && waitingBytes <= budget / Self.waitingShare
    }

    private static func most(_ budget: Int, onTheWay: Int) -> Int {
        max(budget, budget / 2 + min(onTheWay, budget * budgetsOnTheWay))
    }

    /// Blocks of the piece are requested or in memory.
    mutating func buffer(_ piece: ActivePiece) {
        guard !piece.isBuffered else { return }
        piece.isBuffered = true
        bufferedCount += 1
        bufferedBytes += geometry.length(of: piece.piece)
    }

    /// The piece is complete: its buffer waits for the disk.
    mutating func complete(_ piece: ActivePiece) {
        piece.completed()
        guard piece.isBuffered, !piece.isWaitingInMemory else { return }
        piece.isWaitingInMemory = true
        waitingBytes += geometry.length(of: piece.piece)
    }

    /// The piece's buffer was freed. Blocks on disk are kept; all others are wanted again.
    mutating func park(_ piece: ActivePiece) {
        piece.forgetMemory()
        unbuffer(piece)
        list(piece)
    }

    private mutating func unbuffer(_ piece: ActivePiece) {
        guard piece.isBuffered else { return }
        piece.isBuffered = false
        bufferedCount -= 1
        bufferedBytes -= geometry.length(of: piece.piece)
        if piece.isWaitingInMemory { waitingBytes -= geometry.length(of: piece.piece) }
        piece.isWaitingInMemory = false
    }

    // MARK: Invariants

    /// Descriptions of what is inconsistent, for tests; empty if nothing is.
    var faults: [String] {
        var found: [String] = []
        for piece in ordered {
            found += piece.faults
            if piece.freeCount > 0, !piece.isListed || !unfilled.contains(where: { $0 === piece }) {
                found.append("piece \(piece.piece) is not found by peers")
            }
        }
        if ordered.count != byIndex.count || ordered.contains(where: { byIndex[$0.piece] !== $0 || $0.isClosed }) {
            found.append("the order of active pieces is not that of the active pieces")
        }
        let buffered = ordered.filter(\.isBuffered)
        let bytes = buffered.reduce(0) { $0 + geometry.length(of: $1.piece) }
        let waiting = ordered.filter(\.isWaitingInMemory)
        if buffered.count != bufferedCount || bytes != bufferedBytes
            || waitingBytes != waiting.reduce(0, { $0 + geometry.length(of: $1.piece) })
        {
            found.append("buffers are miscounted")
        }
        return found
    }
}
