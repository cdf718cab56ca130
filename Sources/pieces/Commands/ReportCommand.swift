import ArgumentParser
import Library
import Store
import System
import Torrent

/// `pieces report`
struct ReportCommand: DirectCommand, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Report what was verified, damaged, repaired, moved, added and removed.",
        discussion: """
            The report is made from the event log and needs no running engine. The log keeps the newest \
            \(Format.count(EventTable.limit)) events; the report says if that is less than the period. `verified` counts bytes \
            that were read back and hashed in the period and are still recorded as present.

            Examples:
              pieces report
              pieces report --since 24h
              pieces report --since 2026-11-01 --json

            Exit codes: 0 reported; 2 payload that was complete is damaged or missing now; 64 wrong usage.
            """)

    @Option(
        help: ArgumentHelp(
            "Beginning of the period: how long ago (24h, 30d), or a local date (2026-11-01).", valueName: "time"))
    var since = "30d"

    @Flag(help: "Print JSON; see `pieces help json`.") var json = false
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    /// The most events of a subject that the text lists.
    private static let listedEvents = 20

    func validate() throws {
        let now = Timestamp.now()
        let start: Timestamp
        do { start = try Moment.parse(since, now: now) } catch { throw ValidationError("--since: \(error)") }
        guard start <= now else {
            throw ValidationError("--since: \(Format.moment(start)) is in the future: give the beginning of the period")
        }
    }

    func runDirectly() throws {
        let now = Timestamp.now()
        let report = try Library(try global.openToLook()).report(
            since: try Moment.parse(since, now: now), until: now)
        Terminal.shared.print(bytes: json ? Self.object(report) : Array(Self.text(report).utf8))
        if report.hasDamage { throw ExitStatus.incomplete }
    }

    // MARK: Text

    private static func text(_ report: CustodyReport) -> String {
        let sums = report.sums
        var lines = ["pieces report, \(Format.moment(report.since)) to \(Format.moment(report.until))", ""]
        if let begins = report.logBegins {
            lines += ["The log begins at \(Format.moment(begins)): earlier events of the period are not kept.", ""]
        }
        let part = Format.part(sums.completedBytes, of: sums.wantedBytes)
        lines.append("torrents    \(Format.count(sums.torrents)), \(part) on disk")
        let verified = Format.part(sums.verifiedBytes, of: sums.presentBytes)
        let oldest = sums.oldestVerification.map { "; least recently verified: \(Format.moment($0))" } ?? ""
        lines.append("verified    \(verified) in this period\(oldest)")
        if sums.incompleteAgain > 0 {
            let verb = sums.incompleteAgain == 1 ? "lacks" : "lack"
            let torrents = Format.count(sums.incompleteAgain, "torrent")
            lines.append("DAMAGE      \(torrents) that lost bytes \(verb) them still")
        }
        for subject in CustodyReport.Subject.allCases {
            let events = report.events[subject] ?? []
            lines += ["", "\(subject.rawValue): \(events.isEmpty ? "nothing" : Format.count(events.count))"]
            for event in events.suffix(listedEvents) { lines.append("  " + line(event, report)) }
            if events.count > listedEvents {
                lines.append("  and \(Format.count(events.count - listedEvents)) before; --json has all")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ event: EventRow, _ report: CustodyReport) -> String {
        let name = event.torrent.flatMap { id in report.names[id].map { "\(id) \($0.printable)" } ?? "\(id)" }
        return "\(Format.moment(event.at))  \(name.map { "\($0): " } ?? "")\(event.kind.rawValue.printable), "
            + event.detail.printable
    }

    // MARK: JSON

    private static func object(_ report: CustodyReport) -> [UInt8] {
        let sums = report.sums
        return JSONWriter.line { json in
            json.field("since", report.since.rawValue)
            json.field("until", report.until.rawValue)
            json.field("log_begins", report.logBegins?.rawValue)
            json.field("torrents", sums.torrents)
            json.field("wanted_bytes", sums.wantedBytes)
            json.field("completed_bytes", sums.completedBytes)
            json.field("present_bytes", sums.presentBytes)
            json.field("verified_bytes", sums.verifiedBytes)
            json.field("oldest_verification", sums.oldestVerification?.rawValue)
            json.field("torrents_incomplete_again", sums.incompleteAgain)
            json.object("events") { json in
                for subject in CustodyReport.Subject.allCases {
                    json.array(subject.field, report.events[subject] ?? []) { json, event in
                        json.object { EventJSON.fields(of: event, &$0) }
                    }
                }
            }
        }
    }
}

extension CustodyReport.Subject {
    fileprivate var field: StaticString {
        switch self {
        case .added: "added"
        case .completed: "completed"
        case .verified: "verified"
        case .damaged: "damaged"
        case .repaired: "repaired"
        case .moved: "moved"
        case .removed: "removed"
        case .offline: "offline"
        case .failed: "failed"
        }
    }
}
