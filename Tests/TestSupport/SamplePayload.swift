import Torrent

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

    /// The eight bytes at a position of the sequence. Each step of ``SeededGenerator`` adds the last factor to its
    /// state, so this generator begins where another would be after so many steps.
    private func word(_ position: UInt64) -> UInt64 {
        var generator = SeededGenerator(
            seed: seed &* 0xd134_2543_de82_ef95 &+ position &* 0x9e37_79b9_7f4a_7c15)
        return generator.next()
    }
}
