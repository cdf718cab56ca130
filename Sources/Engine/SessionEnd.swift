import Store
import Swarm
import Torrent

/// Decides when a session that ends by itself ends: when nothing is left to do, or when local faults have blocked what
/// is left for too long.
struct SessionEnd {
    private let endsWhenComplete: Bool
    private let patience: Duration?
    private var stuck = StuckWatch()

    /// `patience` is how long local faults may block all that is left; `nil` means forever.
    init(whenComplete endsWhenComplete: Bool, patience: Duration?) {
        self.endsWhenComplete = endsWhenComplete
        self.patience = patience
    }

    /// Whether nothing active or waiting is left to download, and no seed goal is open. `reports` is asked only if that
    /// is possible.
    func mayCome(_ slots: SlotQueue, activating: Set<TorrentID>, _ reports: () -> [TorrentID: TorrentReport]) -> Bool {
        endsWhenComplete && activating.isEmpty && !slots.isStarting && slots.waitingCount(.download) == 0
            && slots.waitingCount(.check) == 0 && !reports().isWorkLeft(activating: activating)
    }

    /// The torrents that local faults have blocked for too long, with the faults, if no other torrent has work left: a
    /// disk that is never mounted would keep a cron(8) job running for days. Called once a second.
    mutating func blocked(_ reports: [TorrentID: TorrentReport], activating: Set<TorrentID>, now: Instant)
        -> [TorrentID: String]?
    {
        guard let patience, endsWhenComplete, activating.isEmpty, let blocked = stuck.look(reports, now: now),
            blocked.time >= patience
        else { return nil }
        return blocked.torrents
    }
}
