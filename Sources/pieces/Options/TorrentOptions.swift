import ArgumentParser
import Library
import Store

/// The options for the torrents that `download` and `add` name.
struct TorrentOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Folder for the downloaded files. Default: the setting `output`, or else the current folder.",
            valueName: "dir"),
        completion: .directory)
    var output: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Download only these files: a glob, or a number or range from `pieces files` (repeatable).",
            valueName: "glob|index"))
    var select: [String] = []

    @Flag(help: "Download pieces in order.")
    var sequential = false

    @Option(
        help:
            "Allocate disk space as pieces arrive, or all at the start. Default: the setting `allocate`, or else sparse."
    )
    var allocate: AllocationWord?

    @Flag(help: "Overwrite files that already exist at the torrent's paths, even if no piece of them matches.")
    var overwrite = false

    @Flag(help: "Only read the files: check and serve what is there, and never create, extend or write one.")
    var readOnly = false

    @OptionGroup var limits: LimitOptions

    @Option(
        help: ArgumentHelp("Maximum number of connections per torrent.", valueName: "n"), transform: CountLimit.init)
    var maxPeers: CountLimit?

    func options(_ settings: Settings, superSeeds: Bool?) -> AddOptions {
        AddOptions(
            output: output, standardOutput: settings.text(.output),
            incompleteFolder: settings.text(.incompleteFolder), patterns: select, isSequential: sequential,
            allocatesFull: allocate.map { $0 == .full } ?? settings.allocatesFull ?? false,
            limits: LimitChange(download: limits.downloadLimit, upload: limits.uploadLimit, peers: maxPeers),
            mayOverwrite: overwrite, superSeeds: superSeeds, isReadOnly: readOnly)
    }
}

/// The rate limits of `download`, `add` and `run`.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Maximum download rate in bytes per second (500K, 2M), or `none`: per torrent, or with `pieces run` for all torrents together.",
            valueName: "rate"),
        transform: Rate.init)
    var downloadLimit: Rate?

    @Option(
        help: ArgumentHelp(
            "Maximum upload rate in bytes per second (500K, 2M), or `none`: per torrent, or with `pieces run` for all torrents together.",
            valueName: "rate"),
        transform: Rate.init)
    var uploadLimit: Rate?
}

/// The values of `--allocate`.
enum AllocationWord: String, CaseIterable, ExpressibleByArgument {
    case sparse, full
}
