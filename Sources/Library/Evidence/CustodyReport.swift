package import Store
import System
package import Torrent

/// What happened to the payload in a period, from the event log, and how it stands.
package struct CustodyReport: Sendable {
    /// A kind of happening, as an auditor asks for it.
    package enum Subject: String, CaseIterable, Sendable {
        case added, completed, verified, damaged, repaired, moved, removed, offline, failed

        init?(_ kind: EventKind) {
            switch kind {
            case .added: self = .added
            case .completed: self = .completed
            case .verified: self = .verified
            case .rot, .unreadable, .missing, .edited, .inheritedDamage: self = .damaged
            case .repaired: self = .repaired
            case .moved, .placed, .renamed: self = .moved
            case .removed, .kept: self = .removed
            case .offline, .online: self = .offline
            case .failed, .diskFull, .damaged, .recovered: self = .failed
            default: return nil
            }
        }
    }

    package let since: Timestamp
    package let until: Timestamp
    /// The time from which the log has events, if events of the period were deleted, because the log is bounded.
    package let logBegins: Timestamp?
    package let sums: CustodySums
    /// The events of each subject, oldest first.
    package let events: [Subject: [EventRow]]
    /// The names of the torrents of the events that are still there.
    package let names: [TorrentID: String]

    /// Whether a torrent that lost bytes lacks them still.
    package var hasDamage: Bool { sums.incompleteAgain > 0 }
}

extension Library {
    /// Reports what happened since `start`.
    package func report(since start: Timestamp, until now: Timestamp) throws(StoreError) -> CustodyReport {
        try connection.transaction(.deferred) { () throws(StoreError) in
            var events: [CustodyReport.Subject: [EventRow]] = [:]
            var names: [TorrentID: String] = [:]
            for event in try connection.custody.events(since: start) where event.at <= now {
                guard let subject = CustodyReport.Subject(event.kind) else { continue }
                events[subject, default: []].append(event)
                if let id = event.torrent, names[id] == nil { names[id] = try connection.torrents.row(id)?.name }
            }
            let begins = try connection.custody.beginningOfLog()
            return CustodyReport(
                since: start, until: now, logBegins: begins.flatMap { $0 > start ? $0 : nil },
                sums: try connection.custody.sums(since: start), events: events, names: names)
        }
    }
}

/// A moment in the user's notation: how long ago (`30d`, `12h`), a local date (`2026-11-01`), or one with a time
/// (`2026-11-01 14:00`).
package enum Moment {
    package static func parse(_ text: String, now: Timestamp) throws(BadValue) -> Timestamp {
        let problem = BadValue("give how long ago (30d, 12h), or a date (2026-11-01, or '2026-11-01 14:00')")
        guard text.contains("-") else {
            let ago: Duration
            do { ago = try TimeSpan.parse(text) } catch { throw problem }
            return now + (.zero - ago)
        }
        let parts = text.split { "-: T".contains($0) }
        let numbers = parts.compactMap { $0.allSatisfy(\.isASCIIDigit) ? Int($0) : nil }
        guard numbers.count == parts.count, (3...6).contains(parts.count) else { throw problem }
        let all = numbers + Array(repeating: 0, count: 6 - numbers.count)
        guard (1970...9999).contains(all[0]), (1...12).contains(all[1]), (1...31).contains(all[2]), all[3] < 24,
            all[4] < 60, all[5] < 60
        else { throw problem }
        let time = CalendarTime(
            year: all[0], month: all[1], day: all[2], hour: all[3], minute: all[4], second: all[5])
        return Timestamp(time.secondsInLocalTime)
    }
}
