import Store

extension TorrentRow {
    /// Whether the dormant torrent becomes offline when its folder is away, because nothing else must be found out. A
    /// torrent that never had its folder creates it (law 3 of the design).
    var mayGoOffline: Bool { damage == nil && isRootSeen && DormantTorrent.restingStates.contains(state) }
}
