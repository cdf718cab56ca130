import ArgumentParser
import Engine
import Library

/// The options that limit how many torrents are active at once.
struct QueueOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Maximum number of torrents that download at once, or `none`; the others wait in the queue. (default: \(SlotLimits().downloads ?? 0))",
            valueName: "n"),
        transform: CountLimit.init)
    var maxDownloads: CountLimit?

    @Option(
        help: ArgumentHelp(
            "Maximum number of complete torrents that have peers at once. With `none`, the default, only the number of connections is limited.",
            valueName: "n"),
        transform: CountLimit.init)
    var maxSeeds: CountLimit?

    @Option(
        help: ArgumentHelp(
            "Maximum number of torrents whose unverified pieces are checked at once, or `none`. (default: \(SlotLimits().checks ?? 0))",
            valueName: "n"),
        transform: CountLimit.init)
    var maxChecks: CountLimit?

    @Option(
        help: ArgumentHelp(
            "Maximum number of torrents that download, seed to peers or are checked at once, together, or `none`, the default.",
            valueName: "n"),
        transform: CountLimit.init)
    var maxActive: CountLimit?

    func apply(to settings: inout EngineSettings) {
        if let maxDownloads { settings.slots.downloads = maxDownloads.limit }
        if let maxSeeds { settings.slots.seeds = maxSeeds.limit }
        if let maxActive { settings.slots.active = maxActive.limit }
        if let maxChecks { settings.slots.checks = maxChecks.limit }
    }
}
