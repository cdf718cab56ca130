import Store

extension Connection {
    /// Returns the torrents with these names without duplicates. Throws if one doesn't exist.
    func findTorrents(_ names: [String]) throws(StoreError) -> [TorrentRow] {
        var seen: Set<TorrentID> = []
        var found: [TorrentRow] = []
        for name in names {
            let row = try torrents.find(name)
            if seen.insert(row.id).inserted { found.append(row) }
        }
        return found
    }
}
