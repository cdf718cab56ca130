import ArgumentParser
import Library
import Store

/// What is wanted of the torrents that `download` and `add` name.
struct TorrentOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The folder that the files go into.", valueName: "dir"),
        completion: .directory)
    var output: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Only these files: a glob, or a number or range of `pieces files`; repeatable.", valueName: "glob|index"))
    var select: [String] = []

    @Flag(help: "Download the pieces in order.")
    var sequential = false

    @Option(help: "How space is taken: as pieces come, or all at the start.")
    var allocate: AllocationWord = .sparse

    @Flag(help: "Overwrite files that are at the torrent's paths already, even if no piece of them matches.")
    var overwrite = false

    @OptionGroup var limits: LimitOptions

    @Option(help: ArgumentHelp("Connections of each torrent.", valueName: "n"), transform: CountLimit.init)
    var maxPeers: CountLimit?

    var wishes: TorrentWishes {
        TorrentWishes(
            output: output, patterns: select, isSequential: sequential, allocatesFull: allocate == .full,
            limits: LimitChange(download: limits.downloadLimit, upload: limits.uploadLimit, peers: maxPeers),
            mayOverwrite: overwrite)
    }
}

/// How fast the torrents of `download`, `add` and `run` may be.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Bytes a second of each torrent, as 500K or 2M; `none` for no limit.", valueName: "rate"),
        transform: Rate.init)
    var downloadLimit: Rate?

    @Option(
        help: ArgumentHelp("Bytes a second of each torrent, as 500K or 2M; `none` for no limit.", valueName: "rate"),
        transform: Rate.init)
    var uploadLimit: Rate?
}

/// The words of `--allocate`.
enum AllocationWord: String, CaseIterable, ExpressibleByArgument {
    case sparse, full
}
