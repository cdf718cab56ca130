import ArgumentParser
import Library
import Store
import Torrent

/// `pieces scrub`
struct Scrub: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub",
        abstract: "Show or control the reading back of verified bytes, which finds and repairs rot.",
        discussion: """
            While `pieces run` runs, it reads every verified byte back within a period, 30 days unless you say \
            otherwise: past the page cache, with one reader for each disk, and first the torrents whose period ends \
            first. Torrents are seeded meanwhile. What turns out to be bad is fetched again from peers and web seeds, \
            written, and read back. A file that another program changed is reported and kept; see `pieces repair`.

            Examples:
              pieces scrub
              pieces scrub now --rate 80M
              pieces scrub pause
              pieces scrub policy 14d
              pieces scrub policy off --label scratch
              pieces scrub --continue archive

            Exit codes: 0 nothing is damaged; 1 an error; 2 damage stands; 64 wrong usage.
            """,
        subcommands: [ScrubStatus.self, ScrubNow.self, ScrubPause.self, ScrubResume.self, ScrubPolicy.self],
        defaultSubcommand: ScrubStatus.self)
}

/// The rate of a scrub, as an option.
struct ScrubRate {
    /// Bytes per second; `nil`: as the policy needs.
    let bytes: Int64?

    static func parse(_ text: String) throws -> ScrubRate {
        if text.lowercased() == "auto" { return ScrubRate(bytes: nil) }
        do throws(BadValue) {
            if case .bytes(let count) = try Rate(text) { return ScrubRate(bytes: count) }
        } catch {}
        throw ValidationError(
            "give bytes per second, for example 20M, or auto, which derives the rate from the bytes and the period")
    }
}

/// `pieces scrub status`
struct ScrubStatus: DirectCommand, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what was read back on each volume, and what is damaged.",
        discussion: """
            COVERED is the share of the bytes that was verified within its period. OLDEST is the age of the oldest \
            verification, and LATE is how long it has been overdue. ENDS is when everything that is due will have been \
            read at the present rate.

            --rate sets the rate of scrubs on each disk, in bytes per second; with auto, it follows from the bytes and the period. \
            --continue allows repairs again where many bad pieces stopped them: on the given volumes, or on all. \
            A file that has no SHA-256 yet gets one when all of it is read, for `pieces manifest`; --sha256 off saves \
            this work.

            Examples:
              pieces scrub
              pieces scrub --rate 40M
              pieces scrub --sha256 off
              pieces scrub --continue
              pieces scrub --continue archive
              pieces scrub --json

            Exit codes: 0 nothing is damaged; 1 an error; 2 damage stands.
            """)

    @Argument(
        help: ArgumentHelp(
            "With --continue: volumes by number, name, mount point or UUID. Default: all of them.", valueName: "volume")
    )
    var volumes: [String] = []

    @Option(
        help: ArgumentHelp("Set the rate of scrubs on each disk, for example 20M, or auto.", valueName: "rate"),
        transform: ScrubRate.parse)
    var rate: ScrubRate?

    @Option(
        help: ArgumentHelp(
            "Compute the SHA-256 of files that have none, on the way: on or off.", valueName: "on|off"))
    var sha256: OnOff?

    @Flag(name: .customLong("continue"), help: "Allow repairs again where many bad pieces stopped them.")
    var continues = false

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func validate() throws {
        guard volumes.isEmpty || continues else {
            throw ValidationError("give volumes only with --continue; “\(volumes[0].printable)” is no subcommand")
        }
    }

    func runDirectly() throws {
        let onlyLooks = rate == nil && sha256 == nil && !continues
        let library = Library(onlyLooks ? try global.openToLook() : try global.openToChange())
        if rate != nil || sha256 != nil {
            _ = try library.changeScrub { control in
                if let rate { control.rate = rate.bytes }
                if let sha256 { control.computesDigests = sha256 == .on }
            }
        }
        if continues {
            let count = try library.continueRepairs(on: volumes)
            if !json {
                Terminal.shared.print(
                    count == 0
                        ? "repairs weren't stopped on any volume"
                        : "repairs are allowed again on \(Format.count(count, "volume")): what was bad is read again first"
                )
            }
        }
        let now = Timestamp.now()
        let status = try library.scrubStatus(now: now)
        Terminal.shared.print(bytes: json ? ScrubJSON.object(status) : Array(ScrubText.text(status, now).utf8))
        if status.isDamaged { throw ExitStatus.incomplete }
    }
}

/// `pieces scrub now`
struct ScrubNow: DirectCommand {
    static let configuration = CommandConfiguration(
        commandName: "now", abstract: "Read all verified bytes back now.",
        discussion: """
            A running engine begins at once, and one that starts later continues. Without --rate, it reads as fast as \
            the disks and the peers allow: it backs off while reads for peers take longer because of it. A pause ends.

            Examples:
              pieces scrub now
              pieces scrub now --rate 80M
            """)

    @Option(
        help: ArgumentHelp("Read no faster than this on each disk, for example 80M, or auto.", valueName: "rate"),
        transform: ScrubRate.parse)
    var rate: ScrubRate?

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func runDirectly() throws {
        let library = Library(try global.openToChange())
        let now = Timestamp.now()
        var wasPaused = false
        _ = try library.changeScrub { control in
            wasPaused = control.isPaused
            // What was verified in this second may have been verified before the command.
            control.since = now + .seconds(1)
            control.isPaused = false
            if let rate { control.rate = rate.bytes }
        }
        let engine = try library.engine()
        let ended = wasPaused ? "; scrubs aren't paused any more" : ""
        try reporting.report(
            engine.isRunning
                ? "everything that was verified before now is being read back\(ended)"
                : "everything that was verified before now will be read back when `pieces run` runs\(ended)", library)
    }
}

/// `pieces scrub pause`
struct ScrubPause: DirectCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop reading back until `pieces scrub resume`, over restarts too.",
        discussion: """
            Examples:
              pieces scrub pause
            """)

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func runDirectly() throws {
        let library = Library(try global.openToChange())
        _ = try library.changeScrub { $0.isPaused = true }
        try reporting.report("scrubs are paused", library)
    }
}

/// `pieces scrub resume`
struct ScrubResume: DirectCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume reading back where `pieces scrub pause` stopped it.",
        discussion: """
            Examples:
              pieces scrub resume
              pieces scrub resume --rate auto
            """)

    @Option(
        help: ArgumentHelp("Set the rate of scrubs on each disk, for example 20M, or auto.", valueName: "rate"),
        transform: ScrubRate.parse)
    var rate: ScrubRate?

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func runDirectly() throws {
        let library = Library(try global.openToChange())
        _ = try library.changeScrub { control in
            control.isPaused = false
            if let rate { control.rate = rate.bytes }
        }
        try reporting.report("scrubs are resumed", library)
    }
}

/// `pieces scrub policy`
struct ScrubPolicy: DirectCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Set how often verified bytes are read back.",
        discussion: """
            A torrent's own period takes precedence over the shortest period of its labels, which takes precedence \
            over the period of all torrents. `off` means never. `default` removes a period, so that the next one \
            applies.

            Examples:
              pieces scrub policy 30d
              pieces scrub policy 7d debian.iso
              pieces scrub policy off --label scratch
              pieces scrub policy default debian.iso
            """)

    @Argument(help: ArgumentHelp("A time such as 14d, or off, or default.", valueName: "period"))
    var period: String

    @Argument(
        help: ArgumentHelp("Torrents. Default: the policy of all.", valueName: "torrent"),
        completion: TorrentCompletion.torrents)
    var torrents: [String] = []

    @Option(help: ArgumentHelp("Set the policy of the torrents with this label.", valueName: "label"))
    var label: String?

    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    /// The periods that make sense, from a minute to ten years.
    private static let periods = Duration.seconds(60)...Duration.seconds(10 * 365 * 86400)

    func validate() throws {
        guard label == nil || torrents.isEmpty else { throw ValidationError("give either torrents, or --label") }
        _ = try parsed()
    }

    /// Zero means never, and `nil` the default.
    private func parsed() throws -> Duration? {
        switch period.lowercased() {
        case "off", "never": return .zero
        case "default": return nil
        default:
            let time: Duration
            do throws(BadValue) { time = try TimeSpan.parse(period) } catch {
                throw ValidationError("give a time such as 14d, or off, or default")
            }
            guard Self.periods.contains(time) else { throw ValidationError("give a time from 1m to 3650d") }
            return time
        }
    }

    func runDirectly() throws {
        let library = Library(try global.openToChange())
        let scope: Library.ScrubScope = label.map { .label($0) } ?? (torrents.isEmpty ? .all : .torrents(torrents))
        let period = try parsed()
        let torrents = try library.setScrubPeriod(period, of: scope)
        try reporting.report(Self.sentence(period, scope, torrents), library)
    }

    /// The most torrents that are named.
    private static let namedTorrents = 5

    /// What holds from now on; `torrents` are those that were named.
    private static func sentence(_ period: Duration?, _ scope: Library.ScrubScope, _ torrents: [TorrentRow]) -> String {
        let who: String
        let general: String
        switch scope {
        case .all:
            who = "all torrents"
            general = "all torrents are read back within \(Format.time(ScrubControl.standardPeriod)) again"
        case .label(let label):
            who = "torrents with the label \(label.printable)"
            general = "\(who) follow their other labels or the general period again"
        case .torrents:
            let list = torrents.map { "\($0.id) (\($0.name.printable))" }.joined(separator: ", ")
            let isOne = torrents.count == 1
            who =
                torrents.count > namedTorrents
                ? Format.count(torrents.count, "torrent") : "\(isOne ? "torrent" : "torrents") \(list)"
            general = "\(who) \(isOne ? "follows its" : "follow their") labels or the general period again"
        }
        guard let period else { return general }
        return "\(who): \(period > .zero ? "read back within \(Format.time(period))" : "never read back")"
    }
}

extension ReportOptions {
    /// Reports what the user wants of scrubs from now on, as a sentence or as JSON.
    fileprivate func report(_ sentence: String, _ library: Library) throws {
        if json {
            Terminal.shared.print(bytes: ScrubJSON.control(try library.scrubControl()))
        } else if !quiet {
            Terminal.shared.print(sentence)
        }
    }
}
