import ArgumentParser

/// The argument of commands for one or more torrents.
struct TorrentArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("Numbers, first digits of info hashes, or names.", valueName: "torrent"))
    var torrents: [String]
}

/// The argument of commands for one torrent.
struct TorrentArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("A number, the first digits of an info hash, or a name.", valueName: "torrent"))
    var torrent: String
}
