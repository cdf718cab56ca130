/// When a torrent yields its slot to others that wait. Without others it keeps it.
package struct SlotRules: Sendable, Equatable {
    /// A download without progress yields its slot after so long: two rounds of a peer's optimistic unchoke.
    package var patience = Duration.seconds(60)
    /// The same where nothing is under way that could bring progress: no peer, no dial, no tracker that is being asked,
    /// or a fault of its own.
    package var shortPatience = Duration.seconds(10)
    /// The same for a fault that others may have too, as a full disk, so that not all of them run into it one after the
    /// other.
    package var longPatience = Duration.seconds(600)
    /// A torrent that takes longer than this to be activated, as on a disk that doesn't answer, holds no slot any more.
    package var startTime = Duration.seconds(30)
    /// The time over which a download is judged to be slow, and for which a seed keeps its slot while others wait.
    package var turn = Duration.seconds(600)
    /// A download that received less than this over a turn is slow, in bytes a second: what libtorrent calls
    /// `inactive_down_rate`.
    package var slowRate = 2048
    /// A torrent that yielded takes a free slot at once, but no other's before so long. It is longer than the interval
    /// at which a torrent without peers asks its trackers again, so that every turn begins with an announce.
    package var restTime = Duration.seconds(600)
    /// A seed slot is kept for a torrent without peers for so long after it was given.
    package var seedReservation = Duration.seconds(60)

    package init() {}

    /// `nil` is as long as it takes.
    subscript(_ patience: SlotQueue.Patience) -> Duration? {
        switch patience {
        case .short: shortPatience
        case .usual: self.patience
        case .long: longPatience
        case .endless: nil
        }
    }
}
