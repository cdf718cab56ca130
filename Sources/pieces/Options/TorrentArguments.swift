import ArgumentParser

/// The torrents that a command is about; at least one.
struct TorrentArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("Numbers, first digits of info hashes, or names.", valueName: "torrent"))
    var torrents: [String]
}

/// The one torrent that a command is about.
struct TorrentArgument: ParsableArguments {
    @Argument(help: ArgumentHelp("A number, the first digits of an info hash, or a name.", valueName: "torrent"))
    var torrent: String
}
