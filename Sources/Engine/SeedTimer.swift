/// Measures seed time.
///
/// The clock stops while the machine is suspended. The timer is polled: the time between two looks counts only if the
/// torrent seeded at both. A late look, as after the process was stopped, counts for at most ``longestLook``.
package struct SeedTimer {
    /// The most time that counts between two looks.
    package static let longestLook = Duration.seconds(10)

    package private(set) var total = Duration.zero
    private var last: SuspendingClock.Instant?

    package init() {}

    /// Records a look at `now`. Returns the time that was added.
    @discardableResult
    package mutating func look(isSeeding: Bool, now: SuspendingClock.Instant) -> Duration {
        defer { last = isSeeding ? now : nil }
        guard isSeeding, let last, last < now else { return .zero }
        let added = min(now - last, Self.longestLook)
        total += added
        return added
    }
}
