/// When a torrent yields its slot to others. It keeps the slot if none waits.
package struct SlotRules: Sendable, Equatable {
    /// How long a download may go without progress: two rounds of a peer's optimistic unchoke.
    package var patience = Duration.seconds(60)
    /// The same if nothing under way could bring progress: no peer, dial or announce, or a fault of the torrent's own.
    package var shortPatience = Duration.seconds(10)
    /// The same for a fault that others may share, such as a full disk, so that they don't all run into it one after
    /// the other.
    package var longPatience = Duration.seconds(600)
    /// How long an activation may take, as on a disk that doesn't answer, before the torrent loses its slot.
    package var startTime = Duration.seconds(30)
    /// The time over which a download is judged to be slow, and for which a seed keeps its slot while others wait.
    package var turn = Duration.seconds(600)
    /// The rate in bytes per second below which a download is slow over a turn (libtorrent's `inactive_down_rate`).
    package var slowRate = 2048
    /// How long a torrent that yielded can't take another's slot; it may take a free one at once. The time is longer
    /// than the announce interval of a torrent without peers, so that every turn begins with an announce.
    package var restTime = Duration.seconds(600)
    /// How long a new seed slot is kept for a torrent without peers.
    package var seedReservation = Duration.seconds(60)

    package init() {}

    /// `nil` means no limit.
    subscript(_ patience: SlotQueue.Patience) -> Duration? {
        switch patience {
        case .short: shortPatience
        case .usual: self.patience
        case .long: longPatience
        case .endless: nil
        }
    }
}
