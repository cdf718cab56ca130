/// A set of blocks of one piece. The empty set, which is by far the most common one, allocates nothing.
package struct BlockSet: Hashable, Sendable {
    private var words: [UInt64] = []

    package init() {}

    package init(_ blocks: some Sequence<Int>) {
        for block in blocks { insert(block) }
    }

    /// Reads one bit per block in wire order: block 0 is the highest bit of the first byte. Bits from `count` on are
    /// ignored.
    package init(wire bytes: [UInt8], count: Int) {
        for block in 0..<min(count, bytes.count * 8) where bytes[block / 8] & (0x80 >> UInt8(block % 8)) != 0 {
            insert(block)
        }
    }

    /// One bit for each of `count` blocks in wire order; empty for the empty set.
    package func wireBytes(count: Int) -> [UInt8] {
        guard !isEmpty else { return [] }
        var bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
        for block in 0..<count where contains(block) { bytes[block / 8] |= 0x80 >> UInt8(block % 8) }
        return bytes
    }

    /// The blocks, in order.
    package var blocks: some Sequence<Int> { (0..<words.count * 64).lazy.filter(contains) }

    /// Whether no block from `count` on is a member.
    package func isWithin(count: Int) -> Bool { !blocks.contains { $0 >= count } }

    /// Whether the first `count` blocks are members.
    package func isWhole(count: Int) -> Bool { (0..<count).allSatisfy(contains) }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    package func contains(_ block: Int) -> Bool {
        block >> 6 < words.count && words[block >> 6] >> UInt64(block & 63) & 1 == 1
    }

    package mutating func insert(_ block: Int) {
        precondition(block >= 0)
        while words.count <= block >> 6 { words.append(0) }
        words[block >> 6] |= 1 << UInt64(block & 63)
    }

    package func union(_ other: BlockSet) -> BlockSet {
        var result = words.count >= other.words.count ? self : other
        let shorter = words.count >= other.words.count ? other : self
        for n in shorter.words.indices { result.words[n] |= shorter.words[n] }
        return result
    }

    /// Calls `body` with each maximal run of the first `count` blocks whose membership equals `isMember`.
    package func forEachRun<Failure: Error>(of isMember: Bool, count: Int, _ body: (Range<Int>) throws(Failure) -> Void)
        throws(Failure)
    {
        var start = 0
        for block in 0...count where block == count || contains(block) != isMember {
            if start < block { try body(start..<block) }
            start = block + 1
        }
    }
}
