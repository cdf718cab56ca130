import Glibc
import Store
import Swarm

/// Monotonic time for the brain, wall time for what is stored.
package struct EngineClock: Sendable {
    private let origin = ContinuousClock.now
    /// Unix seconds at the origin.
    package let unixOrigin = Int64(time(nil))

    package init() {}

    package var now: Instant { Instant(nanoseconds: (ContinuousClock.now - origin).nanoseconds) }
    package var timestamp: Timestamp { .now() }
}
