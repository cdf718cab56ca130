import Glibc

/// A time as a date and a time of day.
package struct CalendarTime: Hashable, Sendable {
    package var year: Int
    /// From 1.
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int

    package init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// In the local time zone, from seconds since 1970; `nil` if the year is out of range.
    package init?(local seconds: Int64) {
        var (seconds, parts) = (time_t(seconds), tm())
        guard localtime_r(&seconds, &parts) != nil else { return nil }
        self.init(parts)
    }

    /// In UTC, from seconds since 1970; `nil` if the year is out of range.
    package init?(utc seconds: Int64) {
        var (seconds, parts) = (time_t(seconds), tm())
        guard gmtime_r(&seconds, &parts) != nil else { return nil }
        self.init(parts)
    }

    private init(_ parts: tm) {
        self.init(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
            hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
    }

    /// The day of the week: 0 is Monday, 6 is Sunday.
    package var weekday: Int {
        var midnight = self
        (midnight.hour, midnight.minute, midnight.second) = (0, 0, 0)
        // 1970-01-01 was a Thursday.
        let day = (midnight.secondsInUTC / 86400 + 3) % 7
        return Int(day < 0 ? day + 7 : day)
    }

    /// Makes the following local times use the system's time zone as it is now, in case it was changed.
    package static func refreshTimeZone() { tzset() }

    /// The seconds since 1970 if this is a time in UTC. Parts that are out of range carry over (timegm(3)).
    package var secondsInUTC: Int64 {
        var parts = parts
        return Int64(timegm(&parts))
    }

    /// The seconds since 1970 if this is a time in the local time zone (mktime(3)).
    package var secondsInLocalTime: Int64 {
        var parts = parts
        parts.tm_isdst = -1
        return Int64(mktime(&parts))
    }

    private var parts: tm {
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hour), Int32(minute), Int32(second))
        return parts
    }
}
