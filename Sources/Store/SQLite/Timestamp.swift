import Glibc

/// A moment in whole seconds since 1970 (UTC), as the database stores it.
package struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }
    package init(_ seconds: Int64) { self.rawValue = seconds }

    /// The highest valid number of seconds from 1970, in either direction: 34,000 years. Higher ones would overflow
    /// sums.
    private static let farthest: Int64 = 1 << 40

    package static func read(from statement: OpaquePointer, at column: Int32) -> Timestamp? {
        Int64.read(from: statement, at: column).flatMap { (-farthest...farthest).contains($0) ? Timestamp($0) : nil }
    }

    /// The current time of the system's clock.
    package static func now() -> Timestamp { Timestamp(Int64(time(nil))) }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The moment after the whole seconds of `duration`, clamped to the farthest one.
    package static func + (moment: Self, duration: Duration) -> Self {
        let (sum, overflow) = moment.rawValue.addingReportingOverflow(duration.components.seconds)
        return Timestamp(overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The time from `a` to `b` in whole seconds, clamped to the longest one.
    package static func - (b: Self, a: Self) -> Duration {
        let (difference, overflow) = b.rawValue.subtractingReportingOverflow(a.rawValue)
        return .seconds(overflow ? (b < a ? .min : .max) : difference)
    }

    package var description: String { "\(rawValue)" }
}
