import Engine
import Store
import System
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Alternative limits hold at the hours that the user named, in local time, whatever the clock does.
struct WeeklyHoursTests {
    /// 2026-11-23 is a Monday.
    private static func time(_ day: Int, _ hour: Int, _ minute: Int, second: Int = 0) -> CalendarTime {
        CalendarTime(year: 2026, month: 11, day: 23 + day, hour: hour, minute: minute, second: second)
    }

    @Test func daysOfTheWeekAreRight() {
        for day in 0..<7 { #expect(Self.time(day, 12, 0).weekday == day) }
        #expect(CalendarTime(year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0).weekday == 3)
        #expect(CalendarTime(year: 1969, month: 12, day: 28, hour: 23, minute: 59, second: 59).weekday == 6)
        #expect(CalendarTime(year: 2024, month: 2, day: 29, hour: 1, minute: 0, second: 0).weekday == 3)
    }

    struct Case: Sendable {
        let hours: String
        let inside: [(Int, Int, Int)]
        let outside: [(Int, Int, Int)]
    }

    @Test(arguments: [
        Case(hours: "08:00-18:00", inside: [(0, 8, 0), (6, 17, 59)], outside: [(0, 7, 59), (6, 18, 0), (3, 0, 0)]),
        Case(
            hours: "mon-fri 08:00-18:00", inside: [(0, 8, 0), (4, 17, 59)],
            outside: [(5, 12, 0), (6, 12, 0), (0, 18, 0)]),
        // Over midnight: the night of Friday ends on Saturday.
        Case(
            hours: "fri 22:00-06:00", inside: [(4, 22, 0), (4, 23, 59), (5, 0, 0), (5, 5, 59)],
            outside: [(4, 5, 0), (5, 6, 0), (5, 22, 0), (3, 23, 0)]),
        // Over the end of the week, as days and as times.
        Case(
            hours: "sat-mon 23:00-01:00",
            inside: [(5, 23, 0), (6, 0, 30), (6, 23, 30), (0, 0, 30), (0, 23, 0), (1, 0, 59)],
            outside: [(5, 0, 30), (1, 1, 0), (1, 23, 0)]),
        Case(
            hours: "Sat,Sun 00:00-24:00; 12:00-13:00", inside: [(5, 0, 0), (6, 23, 59), (2, 12, 30)],
            outside: [(2, 13, 0), (0, 0, 0)]),
        Case(hours: "20:00-24:00", inside: [(1, 23, 59)], outside: [(1, 0, 0), (1, 19, 59)]),
        Case(hours: "20:00-00:00", inside: [(1, 23, 59)], outside: [(1, 0, 0), (1, 19, 59)]),
    ])
    func hoursContainTheirTimes(_ test: Case) throws {
        let hours = try #require(WeeklyHours(test.hours))
        for (day, hour, minute) in test.inside {
            #expect(hours.contains(Self.time(day, hour, minute)), "\(test.hours): \(day) \(hour):\(minute)")
        }
        for (day, hour, minute) in test.outside {
            #expect(!hours.contains(Self.time(day, hour, minute)), "\(test.hours): \(day) \(hour):\(minute)")
        }
    }

    @Test(arguments: [
        "", "8:00-18:00", "08:00", "08:00-", "08:00-18:00-20:00", "24:00-08:00", "08:60-09:00", "08:00-08:00",
        "25:00-26:00", "mon", "mon-fri", "monday 08:00-18:00", "mon- 08:00-18:00", "mon,,tue 08:00-18:00",
        "mon-tue-wed 08:00-18:00", "mon fri 08:00-18:00", "08:00-18:00;", "+8:00-18:00", "٠٨:٠٠-18:00", "08:00–18:00",
        "00:00-24:01", String(repeating: "08:00-09:00;", count: 16) + "08:00-09:00",
    ])
    func otherTextIsRejected(_ text: String) { #expect(WeeklyHours(text) == nil) }

    @Test func nextChangeIsWhereTheHoursBeginOrEnd() throws {
        var random = SeededGenerator(seed: 4)
        let hours = try #require(WeeklyHours("mon-fri 08:00-18:00; sat 22:00-06:00"))
        for _ in 0..<200 {
            let (day, hour, minute) = (
                Int.random(in: 0..<7, using: &random),
                Int.random(in: 0..<24, using: &random),
                Int.random(in: 0..<60, using: &random)
            )
            let now = Self.time(day, hour, minute)
            let change = hours.minutesUntilChange(from: now)
            let left = try #require(change)
            #expect((1..<7 * 1440).contains(left))
            for later in [1, left / 2, left - 1] where later > 0 && later < left {
                let at = (day * 1440 + hour * 60 + minute + later) % (7 * 1440)
                #expect(
                    hours.contains(Self.time(at / 1440, at % 1440 / 60, at % 60)) == hours.contains(now))
            }
            let at = (day * 1440 + hour * 60 + minute + left) % (7 * 1440)
            #expect(hours.contains(Self.time(at / 1440, at % 1440 / 60, at % 60)) != hours.contains(now))
        }
        #expect(try #require(WeeklyHours("00:00-24:00")).minutesUntilChange(from: Self.time(0, 0, 0)) == nil)
    }

    // MARK: The schedule

    private static let limits = WeeklyHours("08:00-18:00").map {
        AlternativeLimits(hours: $0, download: .rate(1000), upload: .usual)
    }

    @Test func limitsBeginAndEndAtTheirMinute() {
        var schedule = LimitSchedule()
        let midnight = Timestamp(1_000_000_000)
        var changes: [Int] = []
        for second in 0..<86400 {
            let time = Self.time(0, second / 3600, second / 60 % 60, second: second % 60)
            if schedule.look(Self.limits, midnight + .seconds(second), time) { changes.append(second) }
            if second == 9 * 3600 + 17 {
                #expect(schedule.alternativeUntil == midnight + .seconds(18 * 3600))
            }
        }
        #expect(changes == [8 * 3600, 18 * 3600])
    }

    /// The clock is set, the time zone changes, the setting is taken back: each counts at the next look.
    @Test func jumpsOfTheClockCountAtOnce() {
        var schedule = LimitSchedule()
        var settings = EngineSettings(database: "x")
        (settings.downloadLimit, settings.uploadLimit, settings.alternativeLimits) = (5, 7, Self.limits)
        let now = Timestamp(1_000_000_000)
        func look(_ limits: AlternativeLimits?, _ now: Timestamp, _ local: CalendarTime?) -> Bool {
            schedule.look(limits, now, local)
        }
        #expect(!look(Self.limits, now, Self.time(0, 7, 0)))
        #expect(schedule.applied(to: settings).downloadLimit == 5)
        #expect(look(Self.limits, now, Self.time(0, 12, 0)), "the time zone is another one")
        #expect(schedule.applied(to: settings).downloadLimit == 1000)
        #expect(schedule.applied(to: settings).uploadLimit == 7)
        #expect(look(Self.limits, now + .seconds(-86400), Self.time(2, 19, 0)), "the clock was set")
        #expect(look(Self.limits, now, Self.time(2, 9, 0)))
        #expect(look(nil, now, Self.time(2, 9, 0)), "the setting is gone")
        #expect(schedule.alternativeUntil == nil && schedule.applied(to: settings).downloadLimit == 5)
        #expect(!look(Self.limits, now, nil), "no local time")
        let unlimited = Self.limits.map { AlternativeLimits(hours: $0.hours, download: .rate(nil), upload: .rate(1)) }
        #expect(look(unlimited, now, Self.time(2, 9, 0)))
        settings.alternativeLimits = unlimited
        #expect(schedule.applied(to: settings).downloadLimit == nil && schedule.applied(to: settings).uploadLimit == 1)
    }
}
