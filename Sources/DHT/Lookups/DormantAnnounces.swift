import DequeModule
import Torrent

/// Announces dormant torrents at a bounded packet rate, those without a working tracker first.
///
/// The torrents stay in the database, which knows when each is due; a few at a time are here. So memory doesn't grow
/// with their number.
struct DormantAnnounces {
    /// The torrents that are asked for at once.
    static let batch = 32
    /// The most torrents that wait here.
    static let most = 4 * batch
    /// The pause after nothing was due.
    static let rest = Duration.seconds(30)
    /// The packets that must be free before one begins: as many as a brief search takes.
    static let reserve = Double(Lookup.briefPackets)

    private var budget: PacketBudget
    private var urgent = Deque<DHTSearch>()
    private var others = Deque<DHTSearch>()
    private var isAsked = false
    private var askAgainAt: Instant?
    private var isBlockedUntil: Instant?

    init(packetsPerSecond: Int) {
        let rate = Double(max(packetsPerSecond, 1))
        budget = PacketBudget(rate: rate, burst: max(rate, Self.reserve))
    }

    var waitingCount: Int { urgent.count + others.count }

    /// The time at which there may be something to do.
    var nextWake: Instant? {
        if waitingCount > 0 { return isBlockedUntil }
        return isAsked ? nil : askAgainAt
    }

    /// Whether more torrents should be asked for; then they count as asked for.
    mutating func takeDemand(now: Instant) -> Int? {
        guard !isAsked, waitingCount < Self.batch / 4, askAgainAt.map({ now >= $0 }) ?? true else { return nil }
        isAsked = true
        return Self.batch
    }

    mutating func due(_ torrents: [DHTDueAnnounce], now: Instant) {
        isAsked = false
        askAgainAt = torrents.isEmpty ? now + Self.rest : nil
        for torrent in torrents where waitingCount < Self.most {
            let search = DHTSearch(
                torrent.hash, announce: torrent.announcement, nearest: torrent.nearest, effort: .brief, isDormant: true)
            if torrent.hasWorkingTracker { others.append(search) } else { urgent.append(search) }
        }
    }

    mutating func next(now: Instant) -> DHTSearch? {
        guard waitingCount > 0 else { return nil }
        guard budget.allows(Self.reserve, now: now) else {
            isBlockedUntil = budget.refilled(Self.reserve, after: now)
            return nil
        }
        isBlockedUntil = nil
        return urgent.popFirst() ?? others.popFirst()
    }

    /// A packet of a dormant torrent was sent.
    mutating func sent() { budget.take() }

    mutating func forget(_ hash: PublicInfoHash) {
        urgent.removeAll { $0.hash == hash }
        others.removeAll { $0.hash == hash }
    }
}
