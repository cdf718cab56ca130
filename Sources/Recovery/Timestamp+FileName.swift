import Store
import System
package import Torrent

extension Timestamp {
    /// The moment in the form used in file names, in UTC: `20260301T140512Z`.
    package var compact: String {
        guard let time = CalendarTime(utc: rawValue) else { return "\(rawValue)" }
        func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let date = digits(time.year, 4) + digits(time.month, 2) + digits(time.day, 2)
        return date + "T" + digits(time.hour, 2) + digits(time.minute, 2) + digits(time.second, 2) + "Z"
    }

    /// Parses a moment written by ``compact``; `nil` for any other text.
    package init?(compact text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int? { Int(String(decoding: bytes[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
            let minute = number(11..<13),
            let second = number(13..<15)
        else { return nil }
        let time = CalendarTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        self.init(time.secondsInUTC)
        guard compact == text else { return nil }
    }
}
