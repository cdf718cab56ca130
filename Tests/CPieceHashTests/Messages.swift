import Torrent

/// Messages that lie in one piece of memory, at any alignment; an empty one has no address at all.
struct Messages {
    private var arena: [UInt8] = []
    private var ranges: [Range<Int>] = []

    var count: Int { ranges.count }
    subscript(n: Int) -> [UInt8] { Array(arena[ranges[n]]) }

    /// Messages of these lengths, their content a function of the seed.
    init(lengths: [Int], seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
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

extension SeededGenerator {
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
