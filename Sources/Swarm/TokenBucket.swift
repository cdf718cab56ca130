/// A limit of bytes per second that allows a burst of a fifth of a second, one block at least.
struct TokenBucket {
    private static let burst = 0.2
    private static let smallestBurst = 16384.0

    /// Bytes per second; `nil` is no limit.
    var limit: Int? {
        didSet { tokens = min(tokens, capacity) }
    }
    private var tokens = 0.0
    private var filledAt: Instant?

    init(limit: Int?) {
        self.limit = limit
        tokens = capacity
    }

    private var capacity: Double { max(Double(limit ?? 0) * Self.burst, Self.smallestBurst) }

    /// Whether so many bytes may go now. More than the bucket holds may go when it is full: it is in debt then.
    mutating func allows(_ bytes: Int, at now: Instant) -> Bool {
        guard let limit else { return true }
        if let filledAt, now > filledAt { tokens = min(capacity, tokens + (now - filledAt).inSeconds * Double(limit)) }
        filledAt = now
        return tokens >= min(Double(bytes), capacity)
    }

    mutating func take(_ bytes: Int) {
        if limit != nil { tokens -= Double(bytes) }
    }

    mutating func giveBack(_ bytes: Int) {
        if limit != nil { tokens = min(capacity, tokens + Double(bytes)) }
    }

    /// When ``allows(_:at:)`` will hold, after it did not; an hour off at most, so that a limit of nothing overflows
    /// nothing.
    func refill(_ bytes: Int, after now: Instant) -> Instant {
        let missing = min(Double(bytes), capacity) - tokens
        return now + .seconds(min(max(0, missing) / Double(max(limit ?? 1, 1)), 3600)) + .milliseconds(1)
    }
}
