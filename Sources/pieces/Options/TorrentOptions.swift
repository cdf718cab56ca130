import ArgumentParser
import Store

/// What is wanted of the torrents that `download` and `add` name.
struct TorrentOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Folder for the downloaded files. Default: the current folder.", valueName: "dir"),
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

    @Option(help: "Allocate disk space as pieces arrive, or all at the start.")
    var allocate: AllocationWord = .sparse

    @Flag(help: "Overwrite files that already exist at the torrent's paths, even if no piece of them matches.")
    var overwrite = false

    @OptionGroup var limits: LimitOptions

    @Option(
        help: ArgumentHelp("Maximum number of connections per torrent.", valueName: "n"), transform: CountLimit.init)
    var maxPeers: CountLimit?

    var wishes: TorrentWishes {
        TorrentWishes(
            output: output, patterns: select, isSequential: sequential, allocatesFull: allocate == .full,
            download: limits.downloadLimit,
            upload: limits.uploadLimit, peers: maxPeers, mayOverwrite: overwrite)
    }
}

/// How fast the torrents of `download`, `add` and `run` may be.
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

/// The words of `--allocate`.
enum AllocationWord: String, CaseIterable, ExpressibleByArgument {
    case sparse, full
}

/// What is wanted of a torrent; what was not said is `nil` or empty.
struct TorrentWishes {
    var output: String?
    /// Of the files that are wanted.
    var patterns: [String] = []
    var isSequential = false
    var allocatesFull = false
    var download: Rate?
    var upload: Rate?
    var peers: CountLimit?
    /// Whether files that aren't the torrent's may be overwritten.
    var mayOverwrite = false

    /// The settings of a new torrent.
    var newSettings: TorrentSettings {
        var settings = TorrentSettings()
        settings.isSequential = isSequential
        settings.allocatesFull = allocatesFull
        settings.limits = limits(over: TorrentLimits())
        return settings
    }

    /// The limits with those that were given in place of the others.
    func limits(over known: TorrentLimits) -> TorrentLimits {
        var limits = known
        if let download { limits.download = download.limit }
        if let upload { limits.upload = upload.limit }
        if let peers { limits.peers = peers.limit }
        return limits
    }
}
