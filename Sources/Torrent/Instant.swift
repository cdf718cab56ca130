/// A point in monotonic time, as the shell reads it from its clock.
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since an origin that the shell chooses.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let origin = Instant(nanoseconds: 0)

    package static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }
    package static func + (a: Self, b: Duration) -> Instant { Instant(nanoseconds: a.nanoseconds + b.nanoseconds) }
    package static func - (a: Self, b: Self) -> Duration { .nanoseconds(a.nanoseconds - b.nanoseconds) }
}

extension Duration {
    /// The duration in whole nanoseconds, saturated at the bounds of `Int64`.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
    }

    package var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
