package import Torrent

extension SeededGenerator {
    /// A generator for seeds that count up: neighbours begin far from each other.
    package init(scattered seed: UInt64) {
        self.init(seed: Self.mix(seed))
        _ = next()
    }

    /// A number below `limit`.
    package mutating func next(_ limit: Int) -> Int { Self.number(next(), below: limit) }

    /// The answer to the question that has these three numbers, always the same, in whatever order questions are asked.
    package static func answer(_ seed: UInt64, _ a: Int, _ b: Int, below limit: Int) -> Int {
        number(
            mix(mix(seed &+ UInt64(truncatingIfNeeded: a) &* 0xd134_2543_de82_ef95) &+ UInt64(truncatingIfNeeded: b)),
            below: limit)
    }

    private static func number(_ bits: UInt64, below limit: Int) -> Int {
        precondition(limit > 0)
        return Int(bits.multipliedFullWidth(by: UInt64(limit)).high)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var generator = SeededGenerator(seed: value)
        return generator.next()
    }
}
