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

    /// How many bytes may go now; the bucket may be in debt, then none.
    mutating func available(at now: Instant) -> Int {
        guard let limit else { return .max }
        if let filledAt, now > filledAt { tokens = min(capacity, tokens + (now - filledAt).inSeconds * Double(limit)) }
        filledAt = now
        return max(0, Int(tokens))
    }

    mutating func take(_ bytes: Int) {
        if limit != nil { tokens -= Double(bytes) }
    }

    mutating func giveBack(_ bytes: Int) {
        if limit != nil { tokens = min(capacity, tokens + Double(bytes)) }
    }

    /// When `bytes` will be there; `nil` when they are there or nothing is limited.
    func refill(_ bytes: Int, after now: Instant) -> Instant? {
        guard let limit, tokens < Double(bytes) else { return nil }
        return now + .seconds((min(Double(bytes), capacity) - tokens) / Double(max(limit, 1)) + 0.001)
    }
}
