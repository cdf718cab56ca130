package import Torrent

/// A rate limit in bytes per second. It allows a burst of a fifth of a second, but at least one block.
package struct TokenBucket {
    private static let burst = 0.2
    private static let smallestBurst = 16384.0

    /// Bytes per second; `nil` means unlimited.
    package var limit: Int? {
        didSet { tokens = min(tokens, capacity) }
    }
    private var tokens = 0.0
    private var filledAt: Instant?

    package init(limit: Int?) {
        self.limit = limit
        tokens = capacity
    }

    private var capacity: Double { max(Double(limit ?? 0) * Self.burst, Self.smallestBurst) }

    /// Whether `bytes` may be sent now. A full bucket allows more than it holds and then goes into debt.
    package mutating func allows(_ bytes: Int, at now: Instant) -> Bool {
        guard let limit else { return true }
        if let filledAt, now > filledAt { tokens = min(capacity, tokens + (now - filledAt).inSeconds * Double(limit)) }
        filledAt = now
        return tokens >= min(Double(bytes), capacity)
    }

    /// How many units of so many bytes may be sent at once, after ``allows(_:at:)`` has allowed one.
    package func affordable(_ unit: Int) -> Int { limit == nil ? .max : max(1, Int(tokens) / unit) }

    package mutating func take(_ bytes: Int) {
        if limit != nil { tokens -= Double(bytes) }
    }

    package mutating func giveBack(_ bytes: Int) {
        if limit != nil { tokens = min(capacity, tokens + Double(bytes)) }
    }

    /// When ``allows(_:at:)`` will next hold after it returned `false`. At most an hour ahead, so that a limit of zero
    /// doesn't overflow.
    package func refill(_ bytes: Int, after now: Instant) -> Instant {
        let missing = min(Double(bytes), capacity) - tokens
        return now + .seconds(min(max(0, missing) / Double(max(limit ?? 1, 1)), 3600)) + .milliseconds(1)
    }
}
