package import System

/// Hours of the week in local time, such as `mon-fri 08:00-18:00; sat 22:00-06:00`.
package struct WeeklyHours: Hashable, Sendable {
    private static let dayMinutes = 24 * 60
    static let weekMinutes = 7 * dayMinutes
    private static let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    /// The most spans.
    private static let spanLimit = 16

    /// A span of the day. One that ends before it begins goes over midnight, and belongs to the day on which it begins.
    private struct Span: Hashable, Sendable {
        /// Minutes of the day; the end is not part of the span.
        let start: Int
        let end: Int
        /// The days on which it begins; Monday is the first.
        let days: [Bool]

        func contains(day: Int, minute: Int) -> Bool {
            guard end <= start else { return days[day] && (start..<end).contains(minute) }
            return days[day] && minute >= start || days[(day + 6) % 7] && minute < end
        }
    }

    private let spans: [Span]

    /// Reads spans separated by `;`, each with its days (`mon`, `mon-fri`, `sat,sun`; all days if there are none) and
    /// times (`08:00-18:00`). Returns `nil` for any other text.
    package init?(_ text: String) {
        var spans: [Span] = []
        for part in text.lowercased().split(separator: ";", omittingEmptySubsequences: false) {
            guard spans.count < Self.spanLimit, let span = Self.span(part) else { return nil }
            spans.append(span)
        }
        self.spans = spans
    }

    private static func span(_ text: some StringProtocol) -> Span? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard let times = words.last, words.count <= 2 else { return nil }
        guard let days = words.count == 2 ? days(words[0]) : [Bool](repeating: true, count: 7) else { return nil }
        let ends = times.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let start = minute(ends[0]), let end = minute(ends[1]), start < dayMinutes,
            start != end % dayMinutes || end == dayMinutes
        else { return nil }
        return Span(start: start, end: end, days: days)
    }

    private static func days(_ text: some StringProtocol) -> [Bool]? {
        var chosen = [Bool](repeating: false, count: 7)
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let names = part.split(separator: "-", omittingEmptySubsequences: false)
            guard names.count <= 2, let first = names.first.flatMap({ days.firstIndex(of: "\($0)") }),
                let last = names.last.flatMap({ days.firstIndex(of: "\($0)") })
            else { return nil }
            for n in 0...(last - first + 7) % 7 { chosen[(first + n) % 7] = true }
        }
        return chosen
    }

    /// The minute of the day, from 0 to 1440.
    private static func minute(_ text: some StringProtocol) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.count == 2 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= dayMinutes
        else { return nil }
        return hour * 60 + minute
    }

    /// Whether the time is in these hours.
    package func contains(_ time: CalendarTime) -> Bool {
        contains(day: time.weekday, minute: time.hour * 60 + time.minute)
    }

    private func contains(day: Int, minute: Int) -> Bool {
        spans.contains { $0.contains(day: day, minute: minute) }
    }

    /// The minutes from the start of this minute until the hours end or begin; `nil` if they never do.
    package func minutesUntilChange(from time: CalendarTime) -> Int? {
        let first = time.weekday * Self.dayMinutes + time.hour * 60 + time.minute
        let now = contains(time)
        return (1..<Self.weekMinutes).first { later in
            let moment = (first + later) % Self.weekMinutes
            return contains(day: moment / Self.dayMinutes, minute: moment % Self.dayMinutes) != now
        }
    }
}
