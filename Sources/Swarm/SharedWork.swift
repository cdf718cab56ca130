import Torrent

/// What the messages of all connections of all torrents cost together: by host, by network and for the process (law 7).
///
/// A host that spends much waits for its own budget, and for those that it shares; one that spends little waits for
/// none.
package struct SharedWork: Sendable {
    /// What becomes of a connection that spent something.
    package enum Verdict: Equatable, Sendable {
        case goOn
        /// Nothing is read from it for so long.
        case rest(Duration)
        /// It is disconnected, and its host is struck.
        case exceeded
    }

    private var process = WorkBudget(.process)
    private var hosts = Recent(.host)
    private var modesty = Recent(.modest)
    private var networks = Recent(.network)

    package init() {}

    /// Whether all that peers may cost together is spent: whoever comes now has to wait.
    package var isSpent: Bool { process.isSpent }

    /// Hosts and networks of which something is known.
    var count: Int { hosts.count + modesty.count + networks.count }

    /// Somebody connected to us.
    package mutating func arrived(from address: PeerAddress.Host, at now: Instant) -> Verdict {
        spend(WorkBudget.Work.arrival.rawValue, of: address, at: now)
    }

    /// A connection of the host did work for so many microseconds that it hadn't earned.
    mutating func spend(_ work: Double, of address: PeerAddress.Host, at now: Instant) -> Verdict {
        process.charge(work, at: now)
        let (ofNetwork, networkPause) = networks.charge(work, address.network, at: now)
        let (ofHost, hostPause) = hosts.charge(work, address.subscriber, at: now)
        let isImmodest = modesty.charge(work, address.subscriber, at: now).0.isSpent
        if ofHost.isExceeded { return .exceeded }
        // Who spends little doesn't wait for what others spend.
        guard isImmodest else { return hostPause.map { .rest($0) } ?? .goOn }
        if ofHost.isSpent, ofNetwork.isExceeded || process.isExceeded { return .exceeded }
        let pause = [hostPause, networkPause, process.pause(at: now)].compactMap(\.self).max()
        return pause.map { .rest($0) } ?? .goOn
    }

    /// Budgets of those that spent something lately: at most twice ``capacity`` of them, found and forgotten in
    /// constant time.
    private struct Recent: Sendable {
        static let capacity = 4096

        private let limit: WorkBudget.Limit
        private var young: [PeerAddress.Host: WorkBudget] = [:]
        private var old: [PeerAddress.Host: WorkBudget] = [:]

        init(_ limit: WorkBudget.Limit) { self.limit = limit }

        var count: Int { young.count + old.count }

        mutating func charge(_ work: Double, _ host: PeerAddress.Host, at now: Instant) -> (WorkBudget, Duration?) {
            if young[host] == nil, young.count >= Self.capacity { (old, young) = (young, [:]) }
            var budget = young[host] ?? old[host] ?? WorkBudget(limit)
            budget.charge(work, at: now)
            let pause = budget.pause(at: now)
            young[host] = budget
            return (budget, pause)
        }
    }
}
