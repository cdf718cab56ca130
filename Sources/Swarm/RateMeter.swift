package import Torrent

/// Bytes per second over the last few seconds, from samples in one-second buckets.
package struct RateMeter {
    private static let bucketCount = 5

    private var buckets = [Int64](repeating: 0, count: bucketCount)
    private var second: Int64 = 0
    private var first: Int64?
    /// The total bytes ever added.
    package private(set) var total: Int64 = 0

    package init() {}

    package mutating func add(_ bytes: Int, at now: Instant) {
        advance(to: now)
        buckets[Int(second % Int64(Self.bucketCount))] += Int64(bytes)
        total += Int64(bytes)
    }

    /// Returns the bytes per second, averaged over the observed seconds, at most ``bucketCount``.
    package mutating func rate(at now: Instant) -> Int {
        guard let first else { return 0 }
        advance(to: now)
        let sum = buckets.reduce(0, +)
        let observed = Double(now.nanoseconds) / 1e9 - Double(max(first, second - Int64(Self.bucketCount) + 1))
        return Int(Double(sum) / max(observed, 0.25))
    }

    private mutating func advance(to now: Instant) {
        let current = now.nanoseconds / 1_000_000_000
        if first == nil {
            first = current
            second = current
        }
        guard current > second else { return }
        for n in 1...min(current - second, Int64(Self.bucketCount)) {
            buckets[Int((second + n) % Int64(Self.bucketCount))] = 0
        }
        second = current
    }
}
