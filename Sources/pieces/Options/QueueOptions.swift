import ArgumentParser
import Engine
import Library

/// How many torrents are active at once.
struct QueueOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Torrents that download at once; the others wait for their turn. `none` for no limit. (default: \(SlotLimits().downloads ?? 0))",
            valueName: "n"),
        transform: CountLimit.init)
    var maxDownloads: CountLimit?

    @Option(
        help: ArgumentHelp(
            "Complete torrents that may have peers at once; `none`, the default, for no limit but that of connections.",
            valueName: "n"),
        transform: CountLimit.init)
    var maxSeeds: CountLimit?

    @Option(
        help: ArgumentHelp(
            "Torrents that are checked at once because their files are unverified; `none` for no limit. (default: \(SlotLimits().checks ?? 0))",
            valueName: "n"),
        transform: CountLimit.init)
    var maxChecks: CountLimit?

    func apply(to settings: inout EngineSettings) {
        if let maxDownloads { settings.slots.downloads = maxDownloads.limit }
        if let maxSeeds { settings.slots.seeds = maxSeeds.limit }
        if let maxChecks { settings.slots.checks = maxChecks.limit }
    }
}
