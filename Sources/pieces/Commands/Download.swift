import ArgumentParser
import Engine
import Library
import Store
import System
import SystemPackage
import Torrent

/// `pieces download`
struct Download: EngineCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Download torrents, or resume them, and exit when they are complete.",
        discussion: """
            Resumes torrents that are already in the database, which can also be named by number, hash prefix, name or glob \
            (`pieces help torrents`); nothing that was recorded is downloaded again. With a seeding \
            option the command exits when the seeding goal is reached. `pieces run` can seed the torrents later.

            SIGINT, SIGTERM, SIGQUIT and SIGHUP stop the download cleanly. A second signal other than SIGHUP stops it at once. \
            When a local fault, such as a full or unmounted disk, has blocked all remaining torrents for the time given with \
            --give-up-after, the command exits with 1. The same command resumes the download.

            Examples:
              pieces download alice.torrent
              pieces download 'magnet:?xt=urn:btih:…&tr=…'
              pieces download alice.txt
              pieces download https://example.org/debian.torrent --output /srv/iso
              pieces download series.torrent --select '*E0[1-3]*.mkv' --sequential
              pieces download alice.torrent --seed-ratio 1.5 --download-limit 2M

            Exit codes: 0 all torrents are complete; 1 failed, or the files of a torrent can't be reached; 2 stopped before all \
            torrents were complete; 64 wrong usage; 130 interrupted before all torrents were complete.
            """)

    @Argument(
        help: ArgumentHelp(
            "A .torrent file, its http(s) URL, a magnet link, or a torrent in the database.", valueName: "source"),
        completion: TorrentCompletion.torrentsAndFiles)
    var sources: [String]

    /// The default patience, short enough that a cron(8) job ends before its next run.
    private static let standardPatience = Duration.seconds(600)

    @Option(
        help: ArgumentHelp(
            "How long a local fault may block all torrents before the command fails (90s, 2h, none). Default: 10m; none with --seed.",
            valueName: "time"), transform: Patience.init)
    var giveUpAfter: Patience?

    @OptionGroup(title: "Torrent options") var torrent: TorrentOptions
    @OptionGroup(title: "Queue options") var queue: QueueOptions
    @OptionGroup(title: "Seeding options") var seeds: SeedOptions
    @OptionGroup(title: "Network options") var engine: EngineOptions
    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let database = try global.path
        let hasDatabase = PathCalls.exists(database)
        // A lost database is a better reason than a name that isn't a file.
        if !hasDatabase { _ = try global.openToRead() }
        let given = try DownloadSources(sources, hasDatabase: hasDatabase)
        try Self.requireNoEngine(database)
        var settings = EngineSettings(database: database)
        try global.settings.apply(to: &settings)
        try await engine.apply(to: &settings)
        let read = await given.sources.readAll(engine.fetchOptions) {
            Terminal.shared.complain($0)
        }
        guard read.failed == 0 else { throw ExitStatus.failed }

        let (ids, hasRefused) = try await add(read, given.names)
        // Refused torrents were already reported; the others are downloaded.
        guard !ids.isEmpty else { throw ExitStatus.failed }
        settings.scope = .only(Set(ids))
        settings.endsWhenComplete = true
        settings.seedGoal = seeds.goal ?? (seeds.superSeed == true ? .forever : .none)
        queue.apply(to: &settings)
        settings.giveUpAfter = giveUpAfter.map(\.limit) ?? (seeds.seed ? nil : Self.standardPatience)
        let run = EngineRun(settings, report: EngineRun.report(reporting), ids: ids)
        let outcome = try await run.perform()
        try Self.conclude(outcome.rows, outcome.givenUp, after: settings.giveUpAfter)
        guard !hasRefused, outcome.areInPlace else { throw ExitStatus.failed }
    }

    /// Adds the torrents. The connection is closed afterwards, because the engine may have to recover the database.
    private func add(_ read: ReadSources, _ names: [String]) async throws -> (ids: [TorrentID], hasRefused: Bool) {
        var hasRefused = false
        let connection = try global.openToRun()
        let library = Library(connection)
        let known = try library.sources(of: names) {
            Terminal.shared.complain($0)
            hasRefused = true
        }
        guard !hasRefused else { throw ExitStatus.failed }
        var stored = try global.fileSettings
        try stored.add(connection)
        var addRequest = AddRequest(library, torrent.options(stored, superSeeds: seeds.superSeed))
        addRequest.unpausesKnown = true
        var entries = try await addRequest.add(read.torrents + known.torrents) { reason in
            Terminal.shared.complain(reason)
            hasRefused = true
        }
        entries += try await addRequest.add(magnets: read.magnets + known.magnets)
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
            "an engine is already running on this database\(process): give it the torrent with `pieces add` or `pieces resume`, and watch it with `pieces status`"
        )
    }

    /// Reports failures and throws the exit status. A complete torrent whose files can't be reached counts as failed.
    static func conclude(_ rows: [TorrentRow], _ givenUp: [TorrentID: String] = [:], after patience: Duration? = nil)
        throws
    {
        let failed = rows.filter { $0.isFaulty || givenUp[$0.id] != nil }
        for row in failed {
            let reason = givenUp[row.id] ?? row.error ?? "it failed for an unknown reason; see `pieces log`"
            let end =
                givenUp[row.id] == nil
                ? nil : patience.map { " (gave up after \(Format.time($0)); the same command resumes it)" }
            Terminal.shared.complain("\(row.name): \(reason)\(end ?? "")")
        }
        guard failed.isEmpty else { throw ExitStatus.failed }
        guard rows.allSatisfy(\.isComplete) else {
            throw Interruption.hasCome ? ExitStatus.interrupted : ExitStatus.incomplete
        }
    }
}
