import Torrent

/// Queries by the shell, and reports about the machine.
extension Swarm {
    /// Whether the peer supports the fast extension (BEP 6).
    package func supportsFast(_ key: PeerKey) -> Bool { peers[key]?.supportsFast ?? false }

    /// The machine can't continue for a while: nothing new is requested until a probe succeeds.
    package mutating func stalled(_ fault: Fault, now: Instant) { enter(fault, now: now) }

    /// The number of connected peers that have every piece.
    package var seedCount: Int { picker.seedCount }
}
