/// A set of pieces as bits in wire order: piece 0 is the highest bit of the first byte (BEP 3).
package struct Bitfield: Hashable, Sendable {
    /// The number of pieces in the torrent.
    package let count: Int
    /// The number of pieces in the set.
    package private(set) var population: Int
    /// Big-endian words; the bits after ``count`` are always zero.
    private var words: [UInt64]

    /// Creates an empty set for a torrent of `count` pieces.
    package init(count: Int) {
        precondition(count >= 0)
        self.count = count
        self.population = 0
        self.words = Array(repeating: 0, count: (count + 63) / 64)
    }

    /// Creates the set of all `count` pieces.
    package init(fullCount count: Int) {
        self.init(count: count)
        for n in words.indices { words[n] = ~0 }
        if count % 64 != 0 { words[words.count - 1] = ~0 << UInt64(64 - count % 64) }
        population = count
    }

    /// Reads a bitfield that a peer sent; `nil` if its length is wrong for the torrent.
    ///
    /// Spare bits are cleared, because some clients set all bits of the last byte although no piece corresponds to
    /// them.
    package init?(fromPeer bytes: some Collection<UInt8>, count: Int) {
        var bytes = Array(bytes)
        if count % 8 != 0, let last = bytes.indices.last {
            bytes[last] &= ~(0xff >> UInt8(truncatingIfNeeded: count % 8))
        }
        self.init(wire: bytes, count: count)
    }

    /// Reads a bitfield from the database; `nil` if its length is wrong or a spare bit is set, which means that it is
    /// damaged.
    package init?(wire bytes: some Collection<UInt8>, count: Int) {
        guard count >= 0, bytes.count == (count + 7) / 8 else { return nil }
        self.init(count: count)
        for (n, byte) in Array(bytes).enumerated() { words[n / 8] |= UInt64(byte) << UInt64(56 - n % 8 * 8) }
        if count % 64 != 0, words[words.count - 1] << UInt64(count % 64) != 0 { return nil }
        population = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// The bytes as they are sent to peers and stored in the database.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity((count + 7) / 8)
        for n in 0..<(count + 7) / 8 { bytes.append(UInt8(truncatingIfNeeded: words[n / 8] >> UInt64(56 - n % 8 * 8))) }
        return bytes
    }

    package var isFull: Bool { population == count }
    package var isEmpty: Bool { population == 0 }

    package subscript(piece: PieceIndex) -> Bool {
        get {
            precondition(piece.value >= 0 && piece.value < count)
            return words[piece.value >> 6] & Self.mask(piece) != 0
        }
        set {
            precondition(piece.value >= 0 && piece.value < count)
            let mask = Self.mask(piece)
            let old = words[piece.value >> 6]
            let new = newValue ? old | mask : old & ~mask
            words[piece.value >> 6] = new
            population += new.nonzeroBitCount - old.nonzeroBitCount
        }
    }

    /// Adds the piece, and returns whether it was missing before.
    @discardableResult
    package mutating func insert(_ piece: PieceIndex) -> Bool {
        let before = population
        self[piece] = true
        return population != before
    }

    /// Removes the piece, and returns whether it was present before.
    @discardableResult
    package mutating func remove(_ piece: PieceIndex) -> Bool {
        let before = population
        self[piece] = false
        return population != before
    }

    package mutating func formUnion(_ other: Bitfield) { combine(other) { $0 | $1 } }
    package mutating func formIntersection(_ other: Bitfield) { combine(other) { $0 & $1 } }
    package mutating func subtract(_ other: Bitfield) { combine(other) { $0 & ~$1 } }

    package func subtracting(_ other: Bitfield) -> Bitfield {
        var result = self
        result.subtract(other)
        return result
    }

    package func intersection(_ other: Bitfield) -> Bitfield {
        var result = self
        result.formIntersection(other)
        return result
    }

    package func isSubset(of other: Bitfield) -> Bool {
        precondition(count == other.count)
        return zip(words, other.words).allSatisfy { $0 & ~$1 == 0 }
    }

    /// Whether the sets have a piece in common.
    package func intersects(_ other: Bitfield) -> Bool {
        precondition(count == other.count)
        return zip(words, other.words).contains { $0 & $1 != 0 }
    }

    /// How many of these pieces are in the set.
    package func population(in range: Range<PieceIndex>) -> Int {
        let (first, end) = (range.lowerBound.value, range.upperBound.value)
        guard first < end else { return 0 }
        precondition(first >= 0 && end <= count)
        let (firstWord, lastWord) = (first >> 6, (end - 1) >> 6)
        let head = words[firstWord] & (~0 >> UInt64(first & 63))
        // The bits after the end.
        let tail = words[lastWord] & ~(~0 << UInt64(63 - (end - 1) & 63))
        var population = head.nonzeroBitCount - tail.nonzeroBitCount
        var word = firstWord + 1
        while word <= lastWord {
            population += words[word].nonzeroBitCount
            word += 1
        }
        return population
    }

    /// The pieces of the set in ascending order.
    package var pieces: Pieces { Pieces(words: words) }

    /// The pieces of the set from `first` on, in ascending order.
    package func pieces(from first: PieceIndex) -> Pieces { Pieces(words: words, from: first) }

    package struct Pieces: Sequence, IteratorProtocol {
        private let words: [UInt64]
        private var at = 0
        private var rest: UInt64

        fileprivate init(words: [UInt64]) {
            self.words = words
            self.rest = words.first ?? 0
        }

        fileprivate init(words: [UInt64], from first: PieceIndex) {
            self.words = words
            at = first.value >> 6
            rest = at < words.count ? words[at] & (~0 >> UInt64(first.value & 63)) : 0
        }

        package mutating func next() -> PieceIndex? {
            while rest == 0 {
                at += 1
                guard at < words.count else { return nil }
                rest = words[at]
            }
            let bit = rest.leadingZeroBitCount
            rest &= ~(1 << UInt64(63 - bit))
            return PieceIndex(at * 64 + bit)
        }
    }

    private static func mask(_ piece: PieceIndex) -> UInt64 { 1 << UInt64(63 - piece.value & 63) }

    private mutating func combine(_ other: Bitfield, _ operation: (UInt64, UInt64) -> UInt64) {
        precondition(count == other.count)
        population = 0
        for n in words.indices {
            words[n] = operation(words[n], other.words[n])
            population += words[n].nonzeroBitCount
        }
    }
}
