/// An active torrent, as the ways to find peers see it. Everything is called on the event loop.
struct PeerSeeker: Sendable {
    struct Situation: Sendable {
        /// Whether the torrent runs, and may be announced because its payload can be reached.
        var isRunning: Bool
        var isAnnounced: Bool
        /// Whether the torrent has too few peers.
        var isHungry: Bool
        var progress: AnnouncedProgress
        /// Whether no piece waits to be checked.
        var isVerified = true
    }

    /// `nil` if the torrent isn't active any more.
    let situation: @Sendable () -> Situation?
    let found: @Sendable (FoundPeers) -> Void
    /// Peers may have been found, and should be stored.
    let save: @Sendable () async -> Void
}
