/// A moment in whole seconds since 1970 (UTC).
package struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }
    package init(_ seconds: Int64) { self.rawValue = seconds }

    /// The beginning of 1970, which is before every moment that is recorded.
    package static let epoch = Timestamp(0)

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
