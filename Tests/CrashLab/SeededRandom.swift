/// Decisions by seed: the output function of SplitMix64 (Steele, Lea and Flood, 2014), also for many questions that are
/// asked in no order.
package struct SeededRandom: Sendable {
    private var state: UInt64

    package init(_ seed: UInt64) { state = Self.mix(seed) }

    /// A number below `limit`.
    package mutating func next(_ limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.number(Self.mix(state), below: limit)
    }

    /// The answer to the question that has these three numbers, always the same.
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
        var z = value &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
