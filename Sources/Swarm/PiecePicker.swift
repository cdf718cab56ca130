package import Torrent

/// Chooses the next piece to request from a peer. Candidates are the pieces that are wanted, missing and not active.
///
/// The candidates are kept in an array sorted by availability, with the end of each bucket: a HAVE moves one element,
/// and a choice looks at the front. Peers that have every piece are a single count.
package struct PiecePicker {
    /// Pieces are chosen at random until this many are present to trade (BEP 3: random first piece).
    static let randomFirstPieces = 4

    private var availability: [UInt16]
    private(set) var seedCount = 0
    /// The candidates, rarest first.
    private var order: [Int32] = []
    /// The index of each piece in `order`, or -1.
    private var position: [Int32]
    /// `ends[a]` is the index after the last candidate of availability `a`.
    private var ends: [Int] = [0]
    package private(set) var candidates: Bitfield
    /// The number of candidates ever added. A search that found nothing need not be repeated until it changes.
    private(set) var insertions = 0

    package init(pieceCount: Int) {
        availability = Array(repeating: 0, count: pieceCount)
        position = Array(repeating: -1, count: pieceCount)
        candidates = Bitfield(count: pieceCount)
    }

    /// Returns how many connected peers have the piece.
    package func availability(of piece: PieceIndex) -> Int { Int(availability[piece.value]) + seedCount }

    /// Returns how many connected peers have the piece, without those that have all pieces.
    func copies(of piece: PieceIndex) -> Int { Int(availability[piece.value]) }

    // MARK: Candidates

    /// Adds a piece that is wanted, missing and not active.
    package mutating func insert(_ piece: PieceIndex, using random: inout SeededGenerator) {
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

    package mutating func remove(_ piece: PieceIndex) {
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

    package mutating func addSeed() { seedCount += 1 }
    package mutating func removeSeed() { seedCount -= 1 }

    package mutating func increment(_ piece: PieceIndex, using random: inout SeededGenerator) {
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

    package mutating func decrement(_ piece: PieceIndex, using random: inout SeededGenerator) {
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

    /// Whether the same number of peers has each candidate.
    var areEquallyRare: Bool {
        guard let first = order.first, let last = order.last else { return true }
        return availability[Int(first)] == availability[Int(last)]
    }

    /// Returns the rarest candidate for which `isEligible` holds.
    package func rarest(where isEligible: (PieceIndex) -> Bool) -> PieceIndex? {
        for value in order[firstAvailable...] {
            let piece = PieceIndex(Int(value))
            if isEligible(piece) { return piece }
        }
        return nil
    }

    /// Returns a random candidate for which `isEligible` holds.
    package func random(using random: inout SeededGenerator, where isEligible: (PieceIndex) -> Bool) -> PieceIndex? {
        guard !order.isEmpty else { return nil }
        let start = Int.random(in: 0..<order.count, using: &random)
        for n in 0..<order.count {
            let piece = PieceIndex(Int(order[(start + n) % order.count]))
            if isEligible(piece) { return piece }
        }
        return nil
    }

    /// Returns the first candidate in the torrent's order for which `isEligible` holds.
    package func first(where isEligible: (PieceIndex) -> Bool) -> PieceIndex? {
        candidates.pieces.first(where: isEligible)
    }

    /// Returns up to `count` candidates that are likely to be chosen next.
    package func upcoming(_ count: Int, _ policy: PickingPolicy) -> [PieceIndex] {
        switch policy {
        case .sequential: Array(candidates.pieces.prefix(count))
        case .rarestFirst: order[firstAvailable...].prefix(count).map { PieceIndex(Int($0)) }
        }
    }

    /// The index of the first candidate that any peer has.
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

    /// Descriptions of errors in the order, for tests; empty if there are none.
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
