import Torrent

/// When the swarm next looks at what time alone changes: at its peers, and once a second at its pieces and places.
struct Ticks {
    private static let interval = Duration.milliseconds(250)
    private static let slowInterval = Duration.seconds(1)

    private(set) var next = Instant.origin
    private var nextSlow = Instant.origin

    /// The torrent starts or stops: the next tick is due at once.
    mutating func hurry(now: Instant) { next = now }

    /// Returns whether a tick is due. A torrent that isn't busy needs fewer of them.
    mutating func take(isBusy: Bool, now: Instant) -> Bool {
        guard now >= next else { return false }
        next = now + (isBusy ? Self.interval : Self.slowInterval)
        return true
    }

    /// Returns whether what happens once a second is due.
    mutating func takeSlow(now: Instant) -> Bool {
        guard now >= nextSlow else { return false }
        nextSlow = now + Self.slowInterval
        return true
    }
}
