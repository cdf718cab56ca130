import Store

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
