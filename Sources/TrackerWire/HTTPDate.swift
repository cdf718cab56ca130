/// Parses HTTP dates in each of the three forms of RFC 9110 section 5.6.7.
package enum HTTPDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// The date in Unix seconds; `nil` if the text is not a date. In all forms, the day is the first number and the
    /// year the second.
    package static func parse(_ text: some StringProtocol) -> Int64? {
        var month: Int64?
        var seconds: Int64?
        var numbers: [Int64] = []
        for word in text.split(whereSeparator: { " ,-\t".contains($0) }).prefix(10) {
            if word.contains(":") {
                seconds = time(word)
            } else if let number = Int64(word), word.utf8.count <= 4, number >= 0 {
                numbers.append(number)
            } else if let index = months.firstIndex(of: String(word.lowercased().prefix(3))), word.utf8.count >= 3,
                month == nil
            {
                month = Int64(index) + 1
            }
        }
        guard let month, let seconds, numbers.count >= 2, (1...31).contains(numbers[0]) else { return nil }
        // Two-digit years from 70 on belong to the 20th century, and the others to the 21st.
        let year = numbers[1] >= 100 ? numbers[1] : numbers[1] + (numbers[1] < 70 ? 2000 : 1900)
        guard (1970...9999).contains(year) else { return nil }
        return days(year, month, numbers[0]) * 86_400 + seconds
    }

    /// Parses `hh:mm:ss` to seconds.
    private static func time(_ word: some StringProtocol) -> Int64? {
        let parts = word.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) ?? -1 }
        guard parts.count == 3, (0...23).contains(parts[0]), (0...59).contains(parts[1]), (0...60).contains(parts[2])
        else { return nil }
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    }

    /// The number of days from 1970-01-01 to a date of the Gregorian calendar. The computation uses years that begin in
    /// March, so that a leap day is the last day of its year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
