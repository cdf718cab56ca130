/// Messages that lie in one piece of memory, at any alignment; an empty one has no address at all.
struct Messages {
    private var arena: [UInt8] = []
    private var ranges: [Range<Int>] = []

    var count: Int { ranges.count }
    subscript(n: Int) -> [UInt8] { Array(arena[ranges[n]]) }

    /// Messages of these lengths, their content a function of the seed.
    init(lengths: [Int], seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        self.init(of: lengths.map { generator.bytes($0) })
    }

    init(of messages: [[UInt8]]) {
        for (n, message) in messages.enumerated() {
            arena.append(contentsOf: repeatElement(0xff, count: n % 8))
            ranges.append(arena.count..<arena.count + message.count)
            arena.append(contentsOf: message)
        }
    }

    func withPointers<Result>(_ body: ([UnsafePointer<UInt8>?], [Int]) -> Result) -> Result {
        arena.withUnsafeBufferPointer { bytes in
            body(ranges.map { $0.isEmpty ? nil : bytes.baseAddress! + $0.lowerBound }, ranges.map(\.count))
        }
    }
}

/// A small generator whose numbers are a function of its seed (Steele, Lea and Flood, 2014).
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            var word: UInt64 = 0
            for n in 0..<count {
                if n % 8 == 0 { word = next() }
                buffer[n] = UInt8(truncatingIfNeeded: word >> UInt64(n % 8 * 8))
            }
            initialized = count
        }
    }
}
