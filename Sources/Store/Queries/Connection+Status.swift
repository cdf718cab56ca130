/// A torrent as `status` shows it.
package struct StatusRow: Sendable, Hashable {
    package let torrent: TorrentRow
    /// `nil` when no engine has spoken of it. Ask ``LiveRow/isFresh(_:)`` whether it speaks of now.
    package let live: LiveRow?
    /// The most seeders that one tracker tells of; `nil` when none has told. (A peer announces to all trackers, so a sum would count it twice.)
    package let trackerSeeders: Int?
    /// The most leechers that one tracker tells of.
    package let trackerLeechers: Int?
}

extension Connection {
    private typealias Scrape = (seeders: Int?, leechers: Int?)

    private static let scrapes = "SELECT torrent_id, max(seeders), max(leechers) FROM tracker"

    /// All torrents in the order of their numbers, as they are at one moment.
    ///
    /// Three scans in the order of the keys: for ten thousand torrents that is faster than a join, which looks up each.
    package func statusRows() throws(StoreError) -> [StatusRow] {
        try transaction(.deferred) { () throws(StoreError) in
            let live = try rows("SELECT \(LiveRow.columns) FROM live AS l") { (row) throws(StoreError) in try row.sound(LiveRow.init) }
                .compactMap(\.self)
            let scrapes = try rows(Self.scrapes + " GROUP BY torrent_id") { (row) throws(StoreError) in
                try row.sound { (row) throws(StoreError) in
                    (try row.next(TorrentID.self), (try row.nextCountIfAny(), try row.nextCountIfAny()) as Scrape)
                }
            }.compactMap(\.self)
            // Both keys are primary, so no torrent comes twice.
            let liveByTorrent = Dictionary(uniqueKeysWithValues: live.map { ($0.torrent, $0) })
            let scrapeByTorrent = Dictionary(uniqueKeysWithValues: scrapes)
            var found: [StatusRow] = []
            // A row is half a kilobyte: an array that grows would move all of them again and again.
            found.reserveCapacity(try first("SELECT count(*) FROM torrent") { (row) throws(StoreError) in try row.next(Int.self) } ?? 0)
            let statement = try prepare("SELECT \(TorrentRow.columns) FROM torrent AS t ORDER BY id")
            defer { statement.reset() }
            while try statement.step() {
                let torrent = try TorrentRow(statement)
                let scrape = scrapeByTorrent[torrent.id]
                found.append(
                    StatusRow(torrent: torrent, live: liveByTorrent[torrent.id], trackerSeeders: scrape?.seeders, trackerLeechers: scrape?.leechers))
            }
            return found
        }
    }

    /// The torrents of these numbers, as they are at one moment; one that is gone is left out.
    package func statusRows(ids: [TorrentID]) throws(StoreError) -> [StatusRow] {
        try transaction(.deferred) { () throws(StoreError) in
            var found: [StatusRow] = []
            for id in ids {
                guard let torrent = try torrent(id) else { continue }
                let scrape =
                    try first(Self.scrapes + " WHERE torrent_id = ?", id) { (row) throws(StoreError) in
                        try row.sound { (row) throws(StoreError) in
                            (try row.next(TorrentID?.self), (try row.nextCountIfAny(), try row.nextCountIfAny()) as Scrape).1
                        }
                    } ?? nil
                found.append(
                    StatusRow(torrent: torrent, live: try live(of: id), trackerSeeders: scrape?.seeders, trackerLeechers: scrape?.leechers))
            }
            return found
        }
    }
}
