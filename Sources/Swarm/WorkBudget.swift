/// What the messages of one connection may cost, in microseconds of processor time: a few bytes of a peer's can be much
/// work of ours (law 7).
///
/// A peer that has spent its budget isn't read from until the budget is refilled; one that owes too much is
/// disconnected.
struct WorkBudget {
    /// What is refilled in a second: half a percent of a core.
    static let perSecond = 5000.0
    /// What may be spent at once: an honest peer's busiest moment, such as the rejects of a whole pipeline (BEP 6).
    static let most = 50_000.0
    /// The debt above which a peer is disconnected: what one read can bring is worked off, a flood isn't.
    static let tolerated = 100_000.0
    /// The longest that a peer isn't read from at a time.
    static let longestPause = Duration.seconds(2)

    private var left = most
    private var filledAt: Instant?

    /// What messages cost us: measured, and rounded up. Messages that aren't named cost no more than their bytes.
    enum Work: Double {
        /// A choke or unchoke: requests are taken back, and others are looked for.
        case turn = 200
        /// Interest that comes or goes: somebody may have to be unchoked.
        case interest = 40
        /// A whole bitfield, a handshake of extensions, a lost piece.
        case statement = 100
        /// A piece that may be asked for while we are choked.
        case offer = 50
        /// A request that is rejected, taken back or can't be served, and a block that we had not asked for.
        case refusal = 20
    }

    mutating func charge(_ work: Work, at now: Instant) {
        refill(at: now)
        left -= work.rawValue
    }

    /// Verified bytes earn what a peer needs to go on at any speed.
    mutating func earn(_ bytes: Int) {
        left = min(Self.most, left + Double(bytes) / Double(1 << 14) * Work.refusal.rawValue)
    }

    /// Whether the peer has spent all that it may, as far as that was known when it spoke last.
    var isSpent: Bool { left < 0 }

    /// Whether the peer owes more than is waited for.
    var isExceeded: Bool { left < -Self.tolerated }

    /// How long the peer isn't to be read from; `nil` where it has something left.
    mutating func pause(at now: Instant) -> Duration? {
        refill(at: now)
        guard left < 0 else { return nil }
        return min(Self.longestPause, .milliseconds(100) + .seconds(-left / Self.perSecond))
    }

    private mutating func refill(at now: Instant) {
        if let filledAt, now > filledAt { left = min(Self.most, left + (now - filledAt).inSeconds * Self.perSecond) }
        filledAt = max(now, filledAt ?? now)
    }
}
