/// How long a torrent has seeded in all runs together, and whether its seed goal was reported.
struct SeedRecord {
    /// The seed time of this activation.
    private var timer = SeedTimer()
    private let before: Duration
    /// Whether the session knows that the torrent has reached its goal.
    private(set) var isGoalReported = false

    init(before: Duration) { self.before = before }

    /// How long the torrent was complete and available to others.
    var total: Duration { before + timer.total }

    mutating func look(isSeeding: Bool, now: SuspendingClock.Instant) { timer.look(isSeeding: isSeeding, now: now) }

    mutating func goalReported() { isGoalReported = true }

    /// The goal may be another one now, so reaching it is reported again.
    mutating func goalChanged() { isGoalReported = false }
}
