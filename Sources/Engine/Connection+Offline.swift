import Store
import Torrent

extension TorrentRow {
    /// Whether the dormant torrent becomes offline when its folder is away, because nothing else must be found out. A
    /// torrent that never had its folder creates it (law 3 of the design).
    var mayGoOffline: Bool { damage == nil && isRootSeen && DormantTorrent.restingStates.contains(state) }
}

extension Connection {
    /// Marks dormant torrents as offline because their disk is away, and postpones their announces until the next
    /// check. `unseen` is the number of seconds since the folder was last seen.
    func goOffline(_ torrents: [(row: TorrentRow, reason: String, unseen: Int64)], now: Timestamp) throws(StoreError) {
        try transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            for (row, reason, unseen) in torrents {
                try endSeedTime(row.id, ago: unseen)
                if row.state != .offline { try appendEvent(.offline, reason, torrent: row.id, now: now) }
                if row.state != .offline || row.error != reason { try setState(row.id, .offline, error: reason) }
                try postponeAnnounces(of: row.id, until: now + FolderPresence.lookAgainAfter)
            }
        }
    }

    /// The disk of a dormant torrent is back.
    func comeBack(_ id: TorrentID, now: Timestamp) throws(StoreError) {
        try transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            guard let row = try torrent(id), row.state == .offline, !row.settings.isPaused else { return }
            try appendEvent(.online, "the payload is back", torrent: id, now: now)
            try setState(id, .seeding)
        }
    }
}
