import Store

/// What an active torrent reports to the session.
struct TorrentReport: Equatable, Sendable {
    /// What counts for its slot.
    var activity: SlotQueue.Activity
    /// Whether the torrent has peers, work left, a fault or a request to a tracker.
    var isBusy = false
    /// Whether an engine that ends by itself must wait for the torrent.
    var hasWorkLeft = false
    /// The torrent whose file this one waits for.
    var holder: TorrentID?
    /// The local fault that blocks the torrent, as a sentence.
    var fault: String?
}
