package import Store

extension SessionMachine {
    /// What the session has to do.
    package enum Effect: Equatable, Sendable {
        /// Load the torrent, and start it if ``loaded(_:isUnverified:now:)`` says so; answered by ``started(_:_:now:)``
        /// or ``failed(_:_:now:)``.
        case activate(TorrentID)
        /// Stop the torrent; answered by ``deactivated(_:_:isWhole:now:)``. The departure may change meanwhile, see
        /// ``departure(of:)``.
        case deactivate(TorrentID, Departure)
        /// Read the torrent's row; answered by ``retry(_:_:now:)``.
        case readForRetry(TorrentID)
        /// Start seeding some of the complete torrents after this one; answered by ``seedingBegan(_:count:)``.
        case beginSeeding(after: TorrentID?)
        /// Find dormant torrents that are due; answered by ``dueFound(_:)``.
        case findDue(room: Int)
        /// Read which torrents are incomplete; answered by ``restIs(_:_:)``.
        case readIncomplete
        /// Local faults have blocked these torrents for too long: stop.
        case giveUp([TorrentID: String])
        /// Nothing is left to do: stop.
        case end
    }
}
