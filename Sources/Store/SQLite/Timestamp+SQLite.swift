import Glibc
package import Torrent

extension Timestamp: SQLValue {
    /// The highest valid number of seconds from 1970, in either direction: 34,000 years. Higher ones would overflow
    /// sums.
    private static let farthest: Int64 = 1 << 40

    package static func read(from column: OpaquePointer) -> Timestamp? {
        Int64.read(from: column).flatMap { (-farthest...farthest).contains($0) ? Timestamp($0) : nil }
    }

    /// The current time of the system's clock.
    package static func now() -> Timestamp { Timestamp(Int64(time(nil))) }
}
