package import System
package import Torrent

/// Rate limits that replace the usual ones in some hours of the week.
package struct AlternativeLimits: Hashable, Sendable {
    package enum Limit: Hashable, Sendable {
        /// The usual limit stays.
        case usual
        /// Bytes per second; `nil` means unlimited.
        case rate(Int?)

        fileprivate func replacing(_ usual: Int?) -> Int? {
            switch self {
            case .usual: usual
            case .rate(let rate): rate
            }
        }
    }

    package var hours: WeeklyHours
    package var download: Limit
    package var upload: Limit

    package init(hours: WeeklyHours, download: Limit, upload: Limit) {
        self.hours = hours
        self.download = download
        self.upload = upload
    }
}

/// Decides which limits hold at a moment, and notices when others begin to hold.
///
/// It asks for the local time at every call, so that a clock that was set, or another time zone, counts at once.
package struct LimitSchedule {
    /// Until when the alternative limits hold, if they do.
    package private(set) var alternativeUntil: Timestamp?
    private var isAlternative = false
    private var lastMinute: CalendarTime?
    private var lastHours: WeeklyHours?

    package init() {}

    /// Returns whether other limits hold than at the last call. `local` is the local time; `nil` if there is none.
    package mutating func look(_ limits: AlternativeLimits?, _ now: Timestamp, _ local: CalendarTime?) -> Bool {
        let was = isAlternative
        guard let limits, var minute = local else {
            (isAlternative, alternativeUntil, lastMinute) = (false, nil, nil)
            return was
        }
        minute.second = 0
        guard minute != lastMinute || limits.hours != lastHours else { return false }
        (lastMinute, lastHours) = (minute, limits.hours)
        isAlternative = limits.hours.contains(minute)
        alternativeUntil =
            isAlternative
            ? Timestamp(
                now.rawValue - Int64(local?.second ?? 0)
                    + Int64(limits.hours.minutesUntilChange(from: minute) ?? WeeklyHours.weekMinutes) * 60) : nil
        return isAlternative != was
    }

    /// The settings with the limits that hold.
    package func applied(to settings: EngineSettings) -> EngineSettings {
        guard isAlternative, let limits = settings.alternativeLimits else { return settings }
        var settings = settings
        settings.downloadLimit = limits.download.replacing(settings.downloadLimit)
        settings.uploadLimit = limits.upload.replacing(settings.uploadLimit)
        return settings
    }
}
