/// What messages may cost, in microseconds of processor time: a few bytes of a peer's can be much work of ours (law 7).
///
/// Each connection has a budget, and ``SharedWork`` has those of its host, its network and the process. A peer that has
/// spent its budget isn't read from until the budget is refilled; one that owes too much is disconnected.
struct WorkBudget: Sendable {
    /// The size of a budget, in microseconds.
    struct Limit: Sendable {
        /// What is refilled in a second.
        let perSecond: Double
        /// What may be spent at once.
        let most: Double
        /// The debt above which the connection is ended: what one read can bring is worked off, a flood isn't.
        let tolerated: Double
        /// The longest that a peer isn't read from at a time.
        var longestPause = Duration.seconds(2)

        /// Half a percent of a core; at once an honest peer's busiest moment, such as the rejects of a whole pipeline
        /// (BEP 6).
        static let connection = Limit(perSecond: 5000, most: 50_000, tolerated: 100_000)
        /// Two percent of a core for an IPv4 address or a /64; at once what 500 peers behind one address say when they
        /// connect.
        static let host = Limit(perSecond: 20_000, most: 1_000_000, tolerated: 500_000)
        /// A thousandth of a core, which an honest peer hardly uses: a host that spends no more waits for no other.
        static let modest = Limit(perSecond: 1000, most: 10_000, tolerated: 0)
        /// Five percent of a core for a /24 or a /48.
        static let network = Limit(perSecond: 50_000, most: 600_000, tolerated: 1_000_000, longestPause: .seconds(30))
        /// A fifth of a core for all peers.
        static let process = Limit(
            perSecond: 200_000, most: 600_000, tolerated: 1_000_000, longestPause: .seconds(30))
    }

    let limit: Limit
    private var left: Double
    private var filledAt: Instant?

    init(_ limit: Limit) {
        self.limit = limit
        left = limit.most
    }

    /// What messages cost us: measured, and rounded up.
    enum Work: Double {
        /// Any message: a few bytes, such as a keep-alive, cost more than to receive them.
        case message = 0.25
        /// A choke or unchoke: requests are taken back, and others are looked for.
        case turn = 200
        /// A connection that somebody else opened: a socket, and a look at who it is.
        case arrival = 150
        /// A whole bitfield, a handshake, a handshake of extensions, a lost piece.
        case statement = 100
        /// A piece that may be asked for while we are choked.
        case offer = 50
        /// Interest that comes or goes: somebody may have to be unchoked.
        case interest = 40
        /// A request that is rejected, taken back or can't be served, and a block that we had not asked for.
        case refusal = 20
    }

    /// `work` in microseconds.
    mutating func charge(_ work: Double, at now: Instant) {
        refill(at: now)
        left -= work
    }

    /// Verified bytes earn what a peer needs to go on at any speed.
    mutating func earn(_ work: Double) { left = min(limit.most, left + work) }

    /// Microseconds for so many verified bytes.
    static func earned(_ bytes: Int) -> Double { Double(bytes) / Double(1 << 14) * Work.refusal.rawValue }

    /// Whether all that may be spent is spent, as far as that was known when the last message came.
    var isSpent: Bool { left < 0 }

    /// Whether more is owed than is waited for.
    var isExceeded: Bool { left < -limit.tolerated }

    /// How long the peer isn't to be read from; `nil` where something is left.
    mutating func pause(at now: Instant) -> Duration? {
        refill(at: now)
        guard left < 0 else { return nil }
        return min(limit.longestPause, .milliseconds(100) + .seconds(-left / limit.perSecond))
    }

    private mutating func refill(at now: Instant) {
        if let filledAt, now > filledAt { left = min(limit.most, left + (now - filledAt).inSeconds * limit.perSecond) }
        filledAt = max(now, filledAt ?? now)
    }
}
