import Torrent

/// A rate limit in units a second (packets or bytes), with a burst.
struct PacketBudget {
    private let rate: Double
    private let burst: Double
    private var left: Double
    private var filledAt: Instant?

    init(rate: Double, burst: Double) {
        precondition(rate > 0 && burst >= 1)
        self.rate = rate
        self.burst = burst
        left = burst
    }

    /// Whether `count` units may be used now; more than the burst is never allowed.
    mutating func allows(_ count: Double = 1, now: Instant) -> Bool {
        if let filledAt, now > filledAt { left = min(burst, left + (now - filledAt).inSeconds * rate) }
        filledAt = max(filledAt ?? now, now)
        return left >= count
    }

    /// Uses the units; may go into debt.
    mutating func take(_ count: Double = 1) { left -= count }

    /// When `count` units will be there, after ``allows(_:now:)`` has said no.
    func refilled(_ count: Double = 1, after now: Instant) -> Instant {
        now + .seconds(max(0, count - left) / rate) + .milliseconds(1)
    }
}
