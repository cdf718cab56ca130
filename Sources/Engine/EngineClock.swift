import Glibc
import Store
package import Torrent

/// Monotonic time for the brain, and wall time for stored values.
package struct EngineClock: Sendable {
    private let origin = ContinuousClock.now
    /// The wall time at the origin.
    package let unixOrigin = Timestamp(Int64(time(nil)))

    package init() {}

    package var now: Instant { Instant(nanoseconds: (ContinuousClock.now - origin).nanoseconds) }
    package var timestamp: Timestamp { .now() }
}
