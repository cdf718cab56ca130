import ArgumentParser
import Library

/// The argument of commands for one or more torrents.
struct TorrentArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Numbers, hash prefixes, names or globs; see `pieces help torrents`.", valueName: "torrent"),
        completion: TorrentCompletion.torrents)
    var torrents: [String]
}

/// The argument of commands for one torrent.
struct TorrentArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("A number, hash prefix or name; see `pieces help torrents`.", valueName: "torrent"),
        completion: TorrentCompletion.torrents)
    var torrent: String
}

/// The arguments of commands for some torrents or all of them.
struct TorrentsOrAll: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Numbers, hash prefixes, names or globs; see `pieces help torrents`.", valueName: "torrent"),
        completion: TorrentCompletion.torrents)
    var torrents: [String] = []

    @OptionGroup var labels: LabelOptions

    @Flag(help: "All torrents in the database.")
    var all = false

    var choice: TorrentChoice { all ? .all : TorrentChoice(torrents, labels: labels.names) }

    func validate() throws {
        guard all == (torrents.isEmpty && labels.names.isEmpty) else {
            throw ValidationError(
                all ? "give either torrents, or --all" : "name at least one torrent or label, or give --all")
        }
    }

    /// Reports that there is nothing to do if --all found no torrent.
    func reportNone(_ count: Int, _ reporting: ReportOptions, _ sentence: String) {
        if count == 0, all, !reporting.quiet, !reporting.json { Terminal.shared.print(sentence) }
    }
}
