// Room: TestSupport.
// Duty: what tests of whole engines and whole programs share: synthetic content, temporary folders, scripted peers and
// trackers, real programs. Owns: every socket, folder and process that a test starts through it, until the test ends.
// Never: is part of a product; keeps content in the repository.
// Invariants: content is a function of a seed and an offset; nothing outlives the scope that made it.

/// Bytes that are a function of a seed and their offset: content of any size that nobody has to store.
package struct SamplePayload: Hashable, Sendable {
    package let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// The bytes of `offset ..< offset + count`.
    package func bytes(at offset: Int, count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        let first = offset / 8
        let words = (first...(offset + count - 1) / 8).map { word(UInt64($0)).littleEndian }
        return words.withUnsafeBytes { Array($0[(offset - first * 8)...].prefix(count)) }
    }

    /// The output function of SplitMix64 (Steele, Lea and Flood, 2014) at a position of its sequence.
    private func word(_ position: UInt64) -> UInt64 {
        var z = seed &* 0xd134_2543_de82_ef95 &+ (position &+ 1) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// The generator of tests that try things by seed.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private let payload: SamplePayload
    private var position = 0

    package init(seed: UInt64) { payload = SamplePayload(seed: seed) }

    package mutating func next() -> UInt64 {
        defer { position += 8 }
        return payload.bytes(at: position, count: 8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
