package import Torrent

/// The cost of the messages of all connections of all torrents: by host, by network, and for the process (law 7).
///
/// A host that spends much waits for its own budget and for those that it shares. A host that spends little waits only
/// for its own.
package struct SharedWork: Sendable {
    /// What happens to a connection that spent work.
    package enum Verdict: Equatable, Sendable {
        case goOn
        /// Nothing is read from the connection for this long.
        case rest(Duration)
        /// The connection is closed and its host is struck.
        case exceeded
    }

    private var process = WorkBudget(.process)
    private var hosts = Recent(.host)
    private var modesty = Recent(.modest)
    private var networks = Recent(.network)

    package init() {}

    /// Whether the budget of all peers is spent, so that new connections must wait.
    package var isSpent: Bool { process.isSpent }

    /// The number of budgets that are kept for hosts and networks.
    package var count: Int { hosts.count + modesty.count + networks.count }

    /// A peer connected to us.
    package mutating func arrived(from address: PeerAddress.Host, at now: Instant) -> Verdict {
        spend(WorkBudget.Work.arrival.rawValue, of: address, at: now)
    }

    /// Charges `work` microseconds, which a connection of the host had not earned.
    package mutating func spend(_ work: Double, of address: PeerAddress.Host, at now: Instant) -> Verdict {
        process.charge(work, at: now)
        let (ofNetwork, networkPause) = networks.charge(work, address.network, at: now)
        let (ofHost, hostPause) = hosts.charge(work, address.subscriber, at: now)
        let isImmodest = modesty.charge(work, address.subscriber, at: now).0.isSpent
        if ofHost.isExceeded { return .exceeded }
        // A host that spends little doesn't wait for the others.
        guard isImmodest else { return hostPause.map { .rest($0) } ?? .goOn }
        if ofHost.isSpent, ofNetwork.isExceeded || process.isExceeded { return .exceeded }
        let pause = [hostPause, networkPause, process.pause(at: now)].compactMap(\.self).max()
        return pause.map { .rest($0) } ?? .goOn
    }

    /// The budgets of recent spenders: at most twice ``capacity``, found and forgotten in constant time.
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
