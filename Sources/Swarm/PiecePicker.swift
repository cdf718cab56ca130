import Torrent

/// Which piece to open next: the rarest that a peer has, at random among equals (BEP 3), or the first in sequential
/// mode.
///
/// Candidates are kept in an array that is sorted by availability, with the end of each bucket: a HAVE moves one
/// element, a choice looks at the front. Peers that have everything are a single count.
struct PiecePicker {
    /// Pieces are chosen at random until so many are there to trade (BEP 3: random first piece).
    static let randomFirstPieces = 4

    private var availability: [UInt16]
    private(set) var seedCount = 0
    /// Candidates, rarest first.
    private var order: [Int32] = []
    /// Where each piece stands in `order`, or -1.
    private var position: [Int32]
    /// `ends[a]` is the index behind the last candidate of availability `a`.
    private var ends: [Int] = [0]
    private(set) var candidates: Bitfield
    /// How often a candidate was added: who found nothing to open needn't look again before that changes.
    private(set) var insertions = 0

    init(pieceCount: Int) {
        availability = Array(repeating: 0, count: pieceCount)
        position = Array(repeating: -1, count: pieceCount)
        candidates = Bitfield(count: pieceCount)
    }

    /// How many connected peers have the piece.
    func availability(of piece: PieceIndex) -> Int { Int(availability[piece.value]) + seedCount }

    // MARK: Candidates

    /// The piece is wanted, missing and not in the making.
    mutating func insert(_ piece: PieceIndex, using random: inout SeededGenerator) {
        guard candidates.insert(piece) else { return }
        insertions += 1
        let rank = Int(availability[piece.value])
        grow(to: rank)
        // Open a gap at the end of the bucket by moving the first of every later bucket to its end.
        order.append(-1)
        var gap = order.count - 1
        for bucket in stride(from: ends.count - 1, to: rank, by: -1) {
            let first = ends[bucket - 1]
            if first != gap { place(order[first], at: gap) }
            ends[bucket] += 1
            gap = first
        }
        ends[rank] += 1
        place(Int32(piece.value), at: gap)
        shuffle(gap, in: rank, using: &random)
    }

    mutating func remove(_ piece: PieceIndex) {
        guard candidates.remove(piece) else { return }
        let rank = Int(availability[piece.value])
        var gap = Int(position[piece.value])
        for bucket in rank..<ends.count {
            let last = ends[bucket] - 1
            if last != gap { place(order[last], at: gap) }
            ends[bucket] -= 1
            gap = last
        }
        order.removeLast()
        position[piece.value] = -1
    }

    // MARK: Availability

    mutating func addSeed() { seedCount += 1 }
    mutating func removeSeed() { seedCount -= 1 }

    mutating func increment(_ piece: PieceIndex, using random: inout SeededGenerator) {
        let rank = Int(availability[piece.value])
        guard rank < Int(UInt16.max) else { return }
        availability[piece.value] += 1
        guard candidates[piece] else { return }
        grow(to: rank + 1)
        let last = ends[rank] - 1
        swap(Int(position[piece.value]), last)
        ends[rank] -= 1
        shuffle(last, in: rank + 1, using: &random)
    }

    mutating func decrement(_ piece: PieceIndex, using random: inout SeededGenerator) {
        let rank = Int(availability[piece.value])
        precondition(rank > 0)
        availability[piece.value] -= 1
        guard candidates[piece] else { return }
        let first = ends[rank - 1]
        swap(Int(position[piece.value]), first)
        ends[rank - 1] += 1
        shuffle(first, in: rank - 1, using: &random)
    }

    // MARK: Choice

    /// The rarest candidate for which `isEligible` holds.
    func rarest(where isEligible: (PieceIndex) -> Bool) -> PieceIndex? {
        for value in order[firstAvailable...] {
            let piece = PieceIndex(Int(value))
            if isEligible(piece) { return piece }
        }
        return nil
    }

    /// A candidate at random for which `isEligible` holds.
    func random(using random: inout SeededGenerator, where isEligible: (PieceIndex) -> Bool) -> PieceIndex? {
        guard !order.isEmpty else { return nil }
        let start = Int.random(in: 0..<order.count, using: &random)
        for n in 0..<order.count {
            let piece = PieceIndex(Int(order[(start + n) % order.count]))
            if isEligible(piece) { return piece }
        }
        return nil
    }

    /// The first candidate in the torrent's order for which `isEligible` holds.
    func first(where isEligible: (PieceIndex) -> Bool) -> PieceIndex? { candidates.pieces.first(where: isEligible) }

    /// The candidates that are likely to be chosen next, at most `count`.
    func upcoming(_ count: Int, sequential: Bool) -> [PieceIndex] {
        sequential
            ? Array(candidates.pieces.prefix(count))
            : order[firstAvailable...].prefix(count).map { PieceIndex(Int($0)) }
    }

    /// Where the candidates begin that some peer has.
    private var firstAvailable: Int { seedCount == 0 ? ends[0] : 0 }

    // MARK: Order

    private mutating func grow(to rank: Int) {
        while ends.count <= rank { ends.append(order.count) }
    }

    private mutating func place(_ value: Int32, at index: Int) {
        order[index] = value
        position[Int(value)] = Int32(index)
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        guard a != b else { return }
        let (first, second) = (order[a], order[b])
        place(second, at: a)
        place(first, at: b)
    }

    private mutating func shuffle(_ index: Int, in rank: Int, using random: inout SeededGenerator) {
        let start = rank == 0 ? 0 : ends[rank - 1]
        swap(index, Int.random(in: start..<ends[rank], using: &random))
    }

    /// What is wrong with the order, for tests: nothing.
    package var faults: [String] {
        var faults: [String] = []
        if order.count != candidates.population {
            faults.append("order holds \(order.count) of \(candidates.population) candidates")
        }
        if ends.last != order.count { faults.append("the last bucket ends at \(ends.last ?? -1) of \(order.count)") }
        for (rank, end) in ends.enumerated() {
            let start = rank == 0 ? 0 : ends[rank - 1]
            if start > end { faults.append("bucket \(rank) is \(start)..<\(end)") }
            for index in start..<max(start, end) where index < order.count {
                let piece = Int(order[index])
                if Int(availability[piece]) != rank || Int(position[piece]) != index {
                    faults.append("piece \(piece) is misplaced at \(index)")
                }
            }
        }
        return faults
    }
}
