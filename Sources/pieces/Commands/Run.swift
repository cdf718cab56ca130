import ArgumentParser
import Engine
import Library
import Store

/// `pieces run`
struct Run: EngineCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the engine: download and seed all torrents in the database until stopped.",
        discussion: """
            Downloads incomplete torrents and seeds complete ones, no matter which command added them, unless a torrent has its \
            own seeding goal (`pieces limit`). Other commands control the running engine through the database.

            Examples:
              pieces run
              pieces run --listen-port 51413 --upload-limit 5M --seed-ratio 2
              pieces run --until-complete --quiet

            Exit codes: 0 stopped, or all torrents are complete (--until-complete); 1 failed; with --until-complete also 2 and \
            130, as for `pieces download`.
            """)

    @Flag(help: "Exit when nothing is left to download.")
    var untilComplete = false

    @OptionGroup var limits: LimitOptions

    @Option(
        help: ArgumentHelp("Maximum number of connections for all torrents together.", valueName: "n"),
        transform: CountLimit.init)
    var maxPeers: CountLimit?

    @OptionGroup(title: "Queue options") var queue: QueueOptions
    @OptionGroup(title: "Seeding options") var seeds: SeedOptions
    @OptionGroup(title: "Network options") var engine: EngineOptions
    @OptionGroup(title: "Output options") var reporting: ReportOptions
    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        var settings = try await engineSettings()
        settings.source = { try await engineSettings() }
        try global.access.prepareToCreate(recovering: true)
        let outcome = try await EngineRun(settings, report: report, companion: companion).perform()
        if untilComplete { try Download.conclude(outcome.rows.filter { !$0.settings.isPaused }) }
    }

    private var companion: RunCompanion {
        get throws { RunCompanion(database: try global.path) { try storedSettings() } }
    }

    /// The stored settings with the options of this command.
    private func engineSettings() async throws -> EngineSettings {
        var settings = EngineSettings(database: try global.path)
        try storedSettings().apply(to: &settings)
        settings.seedGoal = untilComplete ? .none : settings.seedGoal
        try await engine.apply(to: &settings)
        if let limit = limits.downloadLimit { settings.downloadLimit = limit.limit.map { Int($0) } }
        if let limit = limits.uploadLimit { settings.uploadLimit = limit.limit.map { Int($0) } }
        if let count = maxPeers?.limit { settings.maximumPeers = count }
        queue.apply(to: &settings)
        settings.endsWhenComplete = untilComplete
        if let goal = seeds.goal { settings.seedGoal = goal }
        if let superSeeds = seeds.superSeed { settings.superSeeds = superSeeds }
        return settings
    }

    /// The settings of the files, the environment and the database. A database that can't be read is the engine's
    /// matter, which recovers it.
    private func storedSettings() throws -> Settings {
        var settings = try global.fileSettings
        do { if let connection = try global.openToRead() { try settings.add(connection) } } catch is StoreError {}
        return settings
    }

    /// The default report shows sums and events, because a line for each of thousands of torrents would be unreadable.
    private var report: any DownloadReport {
        reporting.quiet || reporting.json ? EngineRun.report(reporting) : SumReport()
    }
}
