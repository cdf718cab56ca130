import Glibc

/// A moment in whole seconds since 1970 (UTC), as the database keeps it.
package struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable, SQLValue, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }
    package init(_ seconds: Int64) { self.rawValue = seconds }

    /// Seconds from 1970 that are believed, in either direction: 34,000 years. What is farther would overflow sums.
    private static let farthest: Int64 = 1 << 40

    package static func read(from statement: OpaquePointer, at column: Int32) -> Timestamp? {
        Int64.read(from: statement, at: column).flatMap { (-farthest...farthest).contains($0) ? Timestamp($0) : nil }
    }

    /// What the system's clock says.
    package static func now() -> Timestamp { Timestamp(Int64(time(nil))) }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The moment after whole seconds of `duration`; the farthest one where the sum does not fit.
    package static func + (moment: Self, duration: Duration) -> Self {
        let (sum, overflow) = moment.rawValue.addingReportingOverflow(duration.components.seconds)
        return Timestamp(overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The time from `a` to `b` in whole seconds; the longest where the difference does not fit.
    package static func - (b: Self, a: Self) -> Duration {
        let (difference, overflow) = b.rawValue.subtractingReportingOverflow(a.rawValue)
        return .seconds(overflow ? (b < a ? .min : .max) : difference)
    }

    package var description: String { "\(rawValue)" }
}
