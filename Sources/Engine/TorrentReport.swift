package import Store

/// What an active torrent reports to the session.
package struct TorrentReport: Equatable, Sendable {
    /// What counts for its slot.
    var activity: SlotQueue.Activity
    /// Whether the torrent has peers, work left, a fault or a request to a tracker.
    var isBusy = false
    /// Whether an engine that ends by itself must wait for the torrent.
    var hasWorkLeft = false
    /// The torrent whose file this one waits for.
    package var holder: TorrentID?
    /// The local fault that blocks the torrent, as a sentence.
    package var fault: String?

    package init(
        activity: SlotQueue.Activity, isBusy: Bool = false, hasWorkLeft: Bool = false, holder: TorrentID? = nil,
        fault: String? = nil
    ) {
        self.activity = activity
        self.isBusy = isBusy
        self.hasWorkLeft = hasWorkLeft
        self.holder = holder
        self.fault = fault
    }
}

extension [TorrentID: TorrentReport] {
    /// Whether a torrent has work left. One that waits for another's file has work only as long as that one does, or
    /// is `activating`.
    func isWorkLeft(activating: Set<TorrentID>) -> Bool {
        values.contains { report in
            guard let holder = report.holder else { return report.hasWorkLeft }
            return self[holder].map { $0.holder == nil && $0.hasWorkLeft } ?? activating.contains(holder)
        }
    }
}
