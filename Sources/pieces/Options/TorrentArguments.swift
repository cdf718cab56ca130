import ArgumentParser
import Store

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

extension Connection {
    /// The torrents of these names, each once; throws when one of them is not there, before anything is done.
    func findTorrents(_ names: [String]) throws(StoreError) -> [TorrentRow] {
        var seen: Set<TorrentID> = []
        var found: [TorrentRow] = []
        for name in names {
            let row = try findTorrent(name)
            if seen.insert(row.id).inserted { found.append(row) }
        }
        return found
    }
}
