/// Adds up the time for which something was there for others.
///
/// Its clock stands still while the machine is suspended. It is asked again and again: between two looks time counts
/// only if it was there at both, and a look that comes late, as after the process was stopped, counts for no more than
/// ``longestLook``.
struct SeedTimer {
    /// The longest time between two looks that is believed.
    static let longestLook = Duration.seconds(10)

    private(set) var total = Duration.zero
    private var last: SuspendingClock.Instant?

    /// A look at `now`. Returns what was added.
    @discardableResult
    mutating func look(isSeeding: Bool, now: SuspendingClock.Instant) -> Duration {
        defer { last = isSeeding ? now : nil }
        guard isSeeding, let last, last < now else { return .zero }
        let added = min(now - last, Self.longestLook)
        total += added
        return added
    }
}
