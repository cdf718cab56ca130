import Glibc

/// The system's clock, for the dates of HTTP.
enum UnixTime {
    /// Seconds since 1970 (UTC).
    static var now: Int64 { Int64(time(nil)) }
}
