import Glibc

/// The system clock, for HTTP dates.
enum UnixTime {
    /// The current time in seconds since 1970 (UTC).
    static var now: Int64 { Int64(time(nil)) }
}
