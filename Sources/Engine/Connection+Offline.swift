import Store
import Torrent

extension TorrentRow {
    /// Whether the torrent sleeps with nothing else to be found out, so that it is offline when its folder is away. One
    /// that never had its folder makes it (law 3 of the design).
    var mayGoOffline: Bool { damage == nil && isRootSeen && Sleeper.restingStates.contains(state) }
}

extension Connection {
    /// The disk of sleeping torrents is away: their states say so, and nobody is announced before the next look at it.
    /// `unseen`: for how many seconds nobody has seen the folder.
    func goOffline(_ torrents: [(row: TorrentRow, reason: String, unseen: Int64)], now: Timestamp) throws(StoreError) {
        try transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            for (row, reason, unseen) in torrents {
                try endSeedTime(row.id, ago: unseen)
                if row.state != .offline { try appendEvent(.offline, reason, torrent: row.id, now: now) }
                if row.state != .offline || row.error != reason { try setState(row.id, .offline, error: reason) }
                try postponeAnnounces(of: row.id, until: now + Session.lookAgainAfter)
            }
        }
    }

    /// The disk of a sleeping torrent is back.
    func comeBack(_ id: TorrentID, now: Timestamp) throws(StoreError) {
        try transaction(.immediate, durability: .lazy) { () throws(StoreError) in
            guard let row = try torrent(id), row.state == .offline, !row.settings.isPaused else { return }
            try appendEvent(.online, "the payload is back", torrent: id, now: now)
            try setState(id, .seeding)
        }
    }
}
