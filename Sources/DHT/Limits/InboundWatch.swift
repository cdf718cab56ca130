import Torrent

/// Finds out whether nodes that we didn't ask can reach our socket.
///
/// If none of them does in a long time, a router or a firewall drops their datagrams, and the node should be read-only
/// (BEP 43), so that others don't wait for its answers. Only nodes of the internet count: in a local network, every
/// node is one that we asked.
struct InboundWatch {
    /// How long the node waits for a query, and how many answers it must have had, before it counts as unreachable: so
    /// many nodes know it by then that a reachable one gets several queries a minute.
    static let trial = Duration.seconds(15 * 60)
    static let leastAnswers = 150
    /// An unreachable node tries again after this. Its queries are read-only meanwhile, so that hardly anyone asks it.
    static let rest = Duration.seconds(6 * 3600)
    /// For so long after our last datagram to a host, a router may let its datagrams pass.
    static let mapping = Duration.seconds(300)
    /// The hosts that are remembered; two that share a place make a stranger look known, which only delays the verdict.
    static let places = 1 << 14

    private enum Verdict {
        case unknown, reachable, unreachable
    }

    /// When a host was queried last, in seconds, by its place; empty once the verdict is ``Verdict/reachable``.
    private var queriedAt: [UInt32] = []
    private var answers = 0
    private var verdict = Verdict.unknown
    /// When the verdict is due, or ends.
    private var turnsAt: Instant?

    var isUnreachable: Bool { verdict == .unreachable }

    /// The socket was opened, or the network has changed.
    mutating func begin(now: Instant) {
        queriedAt = Array(repeating: 0, count: Self.places)
        beginTrial(now)
    }

    mutating func queried(_ host: PeerAddress.Host, now: Instant) {
        guard !queriedAt.isEmpty, host.reach == .everywhere else { return }
        queriedAt[Self.place(host)] = Self.seconds(now)
    }

    /// The host answered a query of ours.
    mutating func answered(_ host: PeerAddress.Host) { if host.reach == .everywhere { answers += 1 } }

    /// The host sent a query.
    mutating func wasQueried(by host: PeerAddress.Host, now: Instant) {
        guard !queriedAt.isEmpty, host.reach == .everywhere else { return }
        let last = queriedAt[Self.place(host)]
        guard last == 0 || Int(Self.seconds(now)) - Int(last) > Int(Self.mapping.components.seconds) else { return }
        verdict = .reachable
        queriedAt = []
        turnsAt = nil
    }

    /// Judges, if it is time to.
    mutating func turn(now: Instant) {
        guard let turnsAt, now >= turnsAt else { return }
        if verdict == .unreachable { return beginTrial(now) }
        guard answers >= Self.leastAnswers else { return }
        verdict = .unreachable
        self.turnsAt = now + Self.rest
    }

    private mutating func beginTrial(_ now: Instant) {
        answers = 0
        verdict = .unknown
        turnsAt = now + Self.trial
    }

    /// The time since the origin of the clock, and never 0.
    private static func seconds(_ now: Instant) -> UInt32 {
        UInt32(clamping: max(1, (now - .origin).components.seconds))
    }

    private static func place(_ host: PeerAddress.Host) -> Int {
        let word: UInt64 =
            switch host {
            case .v4(let word): UInt64(word)
            case .v6(let high, let low): high ^ (low &* 31)
            }
        // Fibonacci hashing, the same in each run.
        return Int((word &* 0x9e37_79b9_7f4a_7c15) >> 50)
    }
}
