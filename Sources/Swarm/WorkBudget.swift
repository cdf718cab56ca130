package import Torrent

/// A budget of processor time in microseconds for a peer's messages, because a few of its bytes can cause much work
/// (law 7).
///
/// Each connection has a budget; ``SharedWork`` has those of its host, its network and the process. A peer whose budget
/// is spent isn't read from until it is refilled; a peer that owes too much is disconnected.
package struct WorkBudget: Sendable {
    /// The size of a budget, in microseconds.
    package struct Limit: Sendable {
        /// The microseconds refilled per second.
        package let perSecond: Double
        /// The most that may be spent at once.
        package let most: Double
        /// The debt above which the connection is closed. It covers what one read can bring, but not a flood.
        package let tolerated: Double
        /// The longest pause in reading from a peer.
        package var longestPause = Duration.seconds(2)

        /// Half a percent of a core. The burst covers an honest peer's busiest moment, such as the rejects of a whole
        /// pipeline (BEP 6).
        package static let connection = Limit(perSecond: 5000, most: 50_000, tolerated: 100_000)
        /// Two percent of a core for an IPv4 address or a /64. The burst covers the messages of 500 peers behind one
        /// address when they connect.
        package static let host = Limit(perSecond: 20_000, most: 1_000_000, tolerated: 500_000)
        /// A thousandth of a core, which an honest peer hardly uses. A host that stays below it doesn't wait for
        /// others.
        package static let modest = Limit(perSecond: 1000, most: 10_000, tolerated: 0)
        /// Five percent of a core for a /24 or a /48.
        package static let network = Limit(
            perSecond: 50_000, most: 600_000, tolerated: 1_000_000, longestPause: .seconds(30))
        /// A fifth of a core for all peers.
        package static let process = Limit(
            perSecond: 200_000, most: 600_000, tolerated: 1_000_000, longestPause: .seconds(30))
    }

    let limit: Limit
    private var left: Double
    private var filledAt: Instant?

    package init(_ limit: Limit) {
        self.limit = limit
        left = limit.most
    }

    /// The cost of messages in microseconds, measured and rounded up.
    package enum Work: Double {
        /// Any message. Even a few bytes, such as a keep-alive, cost more than their receipt.
        case message = 0.25
        /// A choke or unchoke, which takes back requests and searches for others.
        case turn = 200
        /// An incoming connection, which needs a socket and a check of its host.
        case arrival = 150
        /// A full bitfield, a handshake, an extension handshake, or a lost piece.
        case statement = 100
        /// A piece that may be requested while we are choked.
        case offer = 50
        /// A change of interest, which may cause an unchoke.
        case interest = 40
        /// A request that is rejected, cancelled or can't be served, or a block that we had not requested.
        case refusal = 20
    }

    /// Charges `work` microseconds.
    package mutating func charge(_ work: Double, at now: Instant) {
        refill(at: now)
        left -= work
    }

    /// Credits `work` microseconds. Verified bytes earn enough for a peer to continue at any speed.
    package mutating func earn(_ work: Double) { left = min(limit.most, left + work) }

    /// Returns the microseconds that `bytes` verified bytes earn.
    package static func earned(_ bytes: Int) -> Double { Double(bytes) / Double(1 << 14) * Work.refusal.rawValue }

    /// Whether the budget was spent when it was last charged or refilled.
    var isSpent: Bool { left < 0 }

    /// Whether the debt is more than tolerated.
    package var isExceeded: Bool { left < -limit.tolerated }

    /// Returns how long the peer must not be read from, or `nil` if budget is left.
    package mutating func pause(at now: Instant) -> Duration? {
        refill(at: now)
        guard left < 0 else { return nil }
        return min(limit.longestPause, .milliseconds(100) + .seconds(-left / limit.perSecond))
    }

    private mutating func refill(at now: Instant) {
        if let filledAt, now > filledAt { left = min(limit.most, left + (now - filledAt).inSeconds * limit.perSecond) }
        filledAt = max(now, filledAt ?? now)
    }
}
