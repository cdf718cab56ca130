import Store
import Torrent

/// Matches torrents with their .torrent files by info hash, because the number of either may be damaged.
///
/// Rows whose number was already used have a negative one. Rows without a match are deleted at the end.
struct MetainfoMatching {
    private let db: Connection
    /// The info hash of each decodable .torrent by its current number, and the numbers by info hash.
    private var hashes: [TorrentID: InfoHash] = [:]
    private var numbers: [InfoHash: TorrentID] = [:]

    init(_ db: Connection) { self.db = db }

    mutating func run() throws(StoreError) {
        try readHashes()
        for infoHash in numbers.keys.sorted() {
            guard let number = numbers[infoHash], let row = try torrent(infoHash), row != number else { continue }
            // If the event log confirms the .torrent's number, it is right. Otherwise the row's number is, because more
            // rows refer to it.
            let isLogged = try db.loggedInfoHash(of: number) == infoHash
            if number.rawValue > 0, row.rawValue <= 0 || isLogged {
                _ = try move(row, to: number, in: "torrent", key: "id")
            } else if row.rawValue > 0 {
                let spare = try move(number, to: row, in: "metainfo", key: "torrent_id")
                if let other = hashes[row] {
                    numbers[other] = spare
                    hashes[spare] = other
                }
                (hashes[row], numbers[infoHash]) = (infoHash, row)
            }
        }
        for (table, key) in [("torrent", "id"), ("metainfo", "torrent_id")] {
            try db.execute("DELETE FROM \(table) WHERE \(key) <= 0")
        }
    }

    private mutating func readHashes() throws(StoreError) {
        let all: [TorrentID] = try db.values("SELECT torrent_id FROM metainfo ORDER BY torrent_id")
        for number in all {
            guard let file = try db.metainfos.file(of: number) else { continue }
            do throws(MetainfoError) {
                hashes[number] = try Metainfo(torrentFile: file).infoHash
            } catch {
                // A .torrent that can't be decoded identifies nothing.
                continue
            }
        }
        // Of two identical .torrent files, the one whose number matches its row counts.
        for (number, infoHash) in hashes.sorted(by: { $0.key < $1.key }) {
            let isInPlace = try torrent(infoHash) == number
            if isInPlace || numbers[infoHash] == nil { numbers[infoHash] = number }
        }
    }

    private func torrent(_ infoHash: InfoHash) throws(StoreError) -> TorrentID? {
        try db.value("SELECT id FROM torrent WHERE info_hash = ?", infoHash)
    }

    /// Gives a row another number. The row that has that number gets a spare one, which is returned.
    private func move(_ old: TorrentID, to new: TorrentID, in table: String, key: String) throws(StoreError)
        -> TorrentID
    {
        let lowest =
            try db.value("SELECT min(\(key)) FROM \(table)", as: Int64?.self) ?? nil
        let spare = TorrentID(min(lowest ?? 0, 0) - 1)
        try db.execute("UPDATE \(table) SET \(key) = ? WHERE \(key) = ?", spare, new)
        try db.execute("UPDATE \(table) SET \(key) = ? WHERE \(key) = ?", new, old)
        return spare
    }
}

extension Connection {
    /// The torrent's info hash in the first event that has one.
    func loggedInfoHash(of id: TorrentID) throws(StoreError) -> InfoHash? {
        try value(
            "SELECT info_hash FROM event WHERE torrent_id = ? AND info_hash IS NOT NULL ORDER BY id LIMIT 1", id)
    }
}
