import Glibc
import Store
package import Torrent

extension Format {
    /// Formats a time as `2026-03-01 14:05:12` in the local time zone.
    package static func moment(_ timestamp: Timestamp) -> String {
        var seconds = time_t(timestamp.rawValue)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "\(timestamp)" }
        let date = "\(Int(parts.tm_year) + 1900)-\(twoDigits(parts.tm_mon + 1))-\(twoDigits(parts.tm_mday))"
        return "\(date) \(twoDigits(parts.tm_hour)):\(twoDigits(parts.tm_min)):\(twoDigits(parts.tm_sec))"
    }

    private static func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
