import Store
import System
package import Torrent

extension Format {
    /// Formats a time as `2026-03-01 14:05:12` in the local time zone.
    package static func moment(_ timestamp: Timestamp) -> String {
        guard let time = CalendarTime(local: timestamp.rawValue) else { return "\(timestamp)" }
        let date = "\(time.year)-\(twoDigits(time.month))-\(twoDigits(time.day))"
        return "\(date) \(twoDigits(time.hour)):\(twoDigits(time.minute)):\(twoDigits(time.second))"
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
