import Torrent

/// What the shell asks of the brain in passing, and what it says of the machine.
extension Swarm {
    /// Whether the peer understands the messages of BEP 6.
    package func supportsFast(_ key: PeerKey) -> Bool { peers[key]?.supportsFast ?? false }

    /// The machine can't go on for a while: nothing new is asked for until a probe says that it can.
    package mutating func stalled(_ fault: Fault, now: Instant) { enter(fault, now: now) }

    /// Connected peers that have everything.
    package var seedCount: Int { picker.seedCount }
}
