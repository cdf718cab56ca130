import Synchronization

/// How fast a verification is in each lane, and when it ends. Lanes are read side by side, so the slowest one
/// decides.
package final class VerificationPace: Sendable {
    private struct Progress {
        var total: Int64 = 0
        var done: Int64 = 0
    }

    private let started = ContinuousClock.now
    private let lanes = Mutex<[DiskLanes.Lane: Progress]>([:])

    package init() {}

    /// The bytes to read in a lane become more, or fewer.
    func expect(_ bytes: Int64, on lane: DiskLanes.Lane) {
        lanes.withLock { $0[lane, default: Progress()].total += bytes }
    }

    func read(_ bytes: Int64, on lane: DiskLanes.Lane) {
        lanes.withLock { $0[lane, default: Progress()].done += bytes }
    }

    /// The time until all lanes are read; `nil` while one of them has not begun.
    package func left(after elapsed: Duration? = nil) -> Duration? {
        let elapsed = elapsed ?? .now - started
        var longest = Duration.zero
        for lane in lanes.withLock({ Array($0.values) }) where lane.total > lane.done {
            guard lane.done > 0 else { return nil }
            longest = max(longest, elapsed * (Double(lane.total - lane.done) / Double(lane.done)))
        }
        return longest
    }
}
