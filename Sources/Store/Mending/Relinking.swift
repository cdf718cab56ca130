import Torrent

/// Brings torrents and their .torrent files together again, by their info hashes: the number of either may be damaged.
///
/// Rows whose number was taken have a negative one; what nothing fits to is removed at the end.
struct Relinking {
    private let db: Connection

    init(_ db: Connection) { self.db = db }

    func run() throws(StoreError) {
        for (number, infoHash) in try hashes() {
            guard let row = try db.first("SELECT id FROM torrent WHERE info_hash = ?", infoHash, row: { (row) throws(StoreError) in try row.next(TorrentID.self) }),
                row != number
            else { continue }
            // The log names the pair, too; without it the row is right, which more rows hang on.
            let isLogged = try db.loggedInfoHash(of: number) == infoHash
            let isNumberRight = number.rawValue > 0 && (row.rawValue <= 0 || isLogged)
            if isNumberRight {
                try move(row, to: number, in: "torrent", key: "id")
            } else if row.rawValue > 0 {
                try move(number, to: row, in: "metainfo", key: "torrent_id")
            }
        }
        for (table, key) in [("torrent", "id"), ("metainfo", "torrent_id")] { try db.execute("DELETE FROM \(table) WHERE \(key) <= 0") }
    }

    /// The info hash of each .torrent that decodes, by the number that it has.
    private func hashes() throws(StoreError) -> [(TorrentID, InfoHash)] {
        let numbers = try db.rows("SELECT torrent_id FROM metainfo ORDER BY torrent_id") { (row) throws(StoreError) in try row.next(TorrentID.self) }
        var found: [(TorrentID, InfoHash)] = []
        for number in numbers {
            guard let file = try db.metainfo(of: number) else { continue }
            // One that doesn't decode identifies nothing.
            do throws(MetainfoError) { found.append((number, try Metainfo(torrentFile: file).infoHash)) } catch { continue }
        }
        return found
    }

    /// Gives a row another number; the row that has it gets a spare one.
    private func move(_ old: TorrentID, to new: TorrentID, in table: String, key: String) throws(StoreError) {
        let lowest = try db.first("SELECT min(\(key), 0) FROM \(table) ORDER BY \(key) LIMIT 1") { (row) throws(StoreError) in try row.next(Int64.self) }
        try db.execute("UPDATE \(table) SET \(key) = ? WHERE \(key) = ?", (lowest ?? 0) - 1, new)
        try db.execute("UPDATE \(table) SET \(key) = ? WHERE \(key) = ?", new, old)
    }
}

extension Connection {
    /// The info hash that the torrent had when the log first spoke of it.
    func loggedInfoHash(of id: TorrentID) throws(StoreError) -> InfoHash? {
        try first("SELECT info_hash FROM event WHERE torrent_id = ? AND info_hash IS NOT NULL ORDER BY id LIMIT 1", id) { (row) throws(StoreError) in
            try row.next()
        }
    }
}
