import ArgumentParser
import Engine
import Library
import Store
import SystemPackage
import Torrent

/// `pieces download`
struct Download: EngineCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Download torrents here and now, or go on with them.",
        discussion: """
            What the database knows already is resumed; nothing that was recorded is downloaded again. Ends when all is complete, unless told to \
            seed; `pieces run` seeds them later. SIGINT, SIGTERM, SIGQUIT and SIGHUP stop cleanly; a second one other than SIGHUP stops at once. When a fault of \
            this machine, such as a full disk or one that is not mounted, has stopped everything that is left for --give-up-after, the download ends \
            with exit code 1; the same command resumes it.

            Examples:
              pieces download alice.torrent
              pieces download https://example.org/debian.torrent --output /srv/iso --seed-ratio 1.5
              pieces download series.torrent --select '*E0[1-3]*.mkv' --sequential --download-limit 2M

            Exit codes: 0 all is complete; 1 failed, or files of a torrent can't be reached; 2 stopped before all was \
            complete; 64 wrong usage; 130 interrupted before that.

            With --json each line is an object with `event`: listening, start, progress, log, end or stopped. \(Program.pathsInJSON)
            """)

    @Argument(
        help: ArgumentHelp("A .torrent file or an http(s) URL of one.", valueName: "source"),
        completion: .file(extensions: ["torrent"]))
    var sources: [String]

    /// A job of cron(8) is over before its next turn.
    private static let standardPatience = Duration.seconds(600)

    @Option(
        help: ArgumentHelp(
            "How long a fault of this machine may stop everything (90s, 2h, none). Default: 10m; none with --seed.",
            valueName: "time"), transform: Patience.init)
    var giveUpAfter: Patience?

    @OptionGroup(title: "Torrent options") var torrent: TorrentOptions
    @OptionGroup(title: "Queue options") var queue: QueueOptions
    @OptionGroup(title: "Seeding options") var seeds: SeedOptions
    @OptionGroup(title: "Network options") var engine: EngineOptions
    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let sources = try sources.map { try TorrentSource($0) }
        let database = try global.path
        try Self.requireNoEngine(database)
        var settings = try await engine.settings(database)
        let read = await sources.readAll(engine.fetchOptions) {
            Terminal.shared.complain($0)
        }
        guard read.failed == 0 else { throw ExitStatus.failed }

        let (ids, hasRefused) = try await add(read.torrents)
        // What was refused was said; the others are downloaded.
        guard !ids.isEmpty else { throw ExitStatus.failed }
        settings.scope = .only(Set(ids))
        settings.endsWhenComplete = true
        settings.seedGoal = seeds.goal ?? .none
        queue.apply(to: &settings)
        settings.giveUpAfter = giveUpAfter.map(\.limit) ?? (seeds.seed ? nil : Self.standardPatience)
        let run = EngineRun(settings, report: EngineRun.report(reporting), ids: ids)
        let outcome = try await run.perform()
        try Self.conclude(outcome.rows, outcome.givenUp, after: settings.giveUpAfter)
        guard !hasRefused else { throw ExitStatus.failed }
    }

    /// The connection ends with it: the engine's own may have to mend the database.
    private func add(_ torrents: [Metainfo]) async throws -> (ids: [TorrentID], hasRefused: Bool) {
        var hasRefused = false
        var arrival = Arrival(Library(try global.openToRun()), torrent.wishes)
        arrival.unpausesKnown = true
        let entries = try await arrival.add(torrents) { reason in
            Terminal.shared.complain(reason)
            hasRefused = true
        }
        for entry in entries where !reporting.quiet {
            if let news = entry.trackers?.sentence { Terminal.shared.complain("\(entry.name): \(news)") }
        }
        var seen: Set<TorrentID> = []
        return (entries.map(\.id).filter { seen.insert($0).inserted }, hasRefused)
    }

    private static func requireNoEngine(_ database: FilePath) throws {
        guard let holder = try DatabaseLock.holder(database: database) else { return }
        let process = holder.pid.map { " (process \($0))" } ?? ""
        throw Failure(
            "an engine already runs on this database\(process): `pieces add` gives it the torrent, and `pieces status` shows how it does"
        )
    }

    /// The exit code; what failed is said. A complete torrent whose files can't be reached has failed too.
    static func conclude(_ rows: [TorrentRow], _ givenUp: [TorrentID: String] = [:], after patience: Duration? = nil)
        throws
    {
        let failed = rows.filter { $0.isFaulty || givenUp[$0.id] != nil }
        for row in failed {
            let reason = givenUp[row.id] ?? row.error ?? "it failed, and nobody knows why"
            let end =
                givenUp[row.id] == nil
                ? nil : patience.map { " (given up after \(Format.time($0)); the same command resumes it)" }
            Terminal.shared.complain("\(row.name): \(reason)\(end ?? "")")
        }
        guard failed.isEmpty else { throw ExitStatus.failed }
        guard rows.allSatisfy(\.isComplete) else {
            throw Interruption.hasCome ? ExitStatus.interrupted : ExitStatus.incomplete
        }
    }
}
