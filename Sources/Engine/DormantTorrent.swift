import Store

/// A dormant torrent with the data that an announce needs.
struct DormantTorrent: Sendable {
    /// States in which a torrent can be announced once its files are located.
    static let restingStates: Set<TorrentState> = [.seeding, .complete, .offline]

    let row: TorrentRow
    let trackers: [TrackerRow]
    /// The volume on which the payload was last seen.
    let volume: String?
}
