package import Torrent

/// One search for the nodes closest to a target: asks the closest known nodes for closer ones, until none are left
/// (BEP 5).
///
/// A value: the owner sends what ``next()`` returns, and reports what became of each query. A query that isn't answered
/// within a short time no longer holds its slot, but its late answer still counts: that is what makes lookups fast.
package struct Lookup {
    package enum Effort {
        /// As many nodes as it takes.
        case thorough
        /// The nodes that were closest the last time, and a few in the place of those that don't answer.
        case brief
    }

    /// The queries under way at once, of those that aren't overdue.
    static let parallel = 5
    /// The nodes that a lookup ends with, and that a torrent is announced to.
    static let width = 8
    /// A lookup whose closest nodes have ids that don't suit their addresses, or gave no token, goes on until it has
    /// this many answers.
    static let mostWidth = 16
    /// How many of the nodes at the end must suit their address (BEP 42), if there are that many.
    static let leastSecure = 4
    /// The most nodes that are kept in mind.
    package static let mostCandidates = 100
    /// The most queries of a thorough lookup. It usually needs 20 to 60; liars could lead it on for ever.
    package static let mostQueries = 200
    /// The packets of a brief one, with its announces.
    static let briefPackets = 16

    package struct Answered: Equatable {
        package let contact: NodeContact
        package let isSecure: Bool
        let token: [UInt8]?
    }

    private enum State {
        case fresh
        case asked
        case overdue
        /// So late that the end doesn't wait for it.
        case late
        case answered(token: [UInt8]?)
        case failed
    }

    private struct Candidate {
        let contact: NodeContact
        let distance: NodeID
        let isSecure: Bool
        /// Who told of it; `nil` for nodes of our own table.
        let teller: PeerAddress.Host?
        var state = State.fresh

        var isFresh: Bool { if case .fresh = state { true } else { false } }
    }

    let target: NodeID
    let effort: Effort
    /// Whether the nodes at the end must have given tokens.
    private let needsTokens: Bool
    /// In the order of their distances.
    private var candidates: [Candidate] = []
    /// The networks of the internet that have a candidate: one each, so that one owner doesn't fill the list.
    private var networks: Set<PeerAddress.Host> = []
    /// Addresses that were asked without knowing their ids.
    private var entries: Set<PeerAddress> = []
    package private(set) var queryCount = 0
    private var failureCount = 0

    package init(target: NodeID, needsTokens: Bool, effort: Effort) {
        self.target = target
        self.needsTokens = needsTokens
        self.effort = effort
    }

    // MARK: Questions

    /// The nodes that answered, the closest first.
    package var answered: [Answered] {
        candidates.compactMap { candidate in
            guard case .answered(let token) = candidate.state else { return nil }
            return Answered(contact: candidate.contact, isSecure: candidate.isSecure, token: token)
        }
    }

    var tokenCount: Int {
        candidates.count {
            if case .answered(.some) = $0.state { true } else { false }
        }
    }

    /// The closest nodes that answered: those to store for the next time.
    package var nearest: [NodeContact] { answered.prefix(Self.width).map(\.contact) }

    /// The nodes to announce to: the closest with a token, and the closest of these that suit their address.
    package var announceTargets: [Answered] {
        let withToken = answered.filter { $0.token != nil }
        var targets = Array(withToken.prefix(Self.width))
        let secure = targets.count(where: \.isSecure)
        if secure < Self.leastSecure {
            targets += withToken.dropFirst(Self.width).filter(\.isSecure).prefix(Self.leastSecure - secure)
        }
        return effort == .brief ? Array(targets.prefix(max(0, Self.briefPackets - queryCount))) : targets
    }

    func teller(of address: PeerAddress) -> PeerAddress.Host? {
        candidates.first { $0.contact.address == address }?.teller
    }

    /// Whether nothing is left to ask or to wait for.
    package var isDone: Bool {
        guard entries.isEmpty else { return false }
        guard let open = firstOpen(where: { if case .late = $0 { false } else { true } }) else { return true }
        if case .fresh = candidates[open].state { return !mayAskMore && !isWaiting }
        return false
    }

    // MARK: Events

    /// Adds a node. Returns whether it is new.
    @discardableResult package mutating func add(_ contact: NodeContact, toldBy teller: PeerAddress.Host?) -> Bool {
        guard !candidates.contains(where: { $0.contact.address == contact.address }) else { return false }
        let isPublic = contact.address.host.reach == .everywhere
        guard !isPublic || !networks.contains(contact.address.host.network) else { return false }
        let distance = contact.id ^ target
        let place = candidates.firstIndex { distance < $0.distance } ?? candidates.count
        // The same id at two addresses: the one that was named first stays.
        guard place == 0 || candidates[place - 1].distance != distance else { return false }
        if candidates.count == Self.mostCandidates {
            guard place < candidates.count, let last = candidates.lastIndex(where: \.isFresh), last >= place else {
                return false
            }
            let dropped = candidates.remove(at: last)
            networks.remove(dropped.contact.address.host.network)
        }
        if isPublic { networks.insert(contact.address.host.network) }
        candidates.insert(
            Candidate(
                contact: contact, distance: distance,
                isSecure: SecureNodeID.isValid(contact.id, for: contact.address.host), teller: teller),
            at: place)
        return true
    }

    /// Returns the next node to ask, which then counts as asked.
    package mutating func next() -> NodeContact? {
        guard let place = nextPlace else { return nil }
        candidates[place].state = .asked
        queryCount += 1
        return candidates[place].contact
    }

    /// Whether ``next()`` would return a node.
    var hasNext: Bool { nextPlace != nil }

    private var nextPlace: Int? {
        guard mayAskMore else { return nil }
        var busy = 0
        let parallel = effort == .brief ? Self.width : Self.parallel
        let open = firstOpen { state in
            switch state {
            case .fresh: return true
            case .asked:
                busy += 1
                return busy >= parallel
            case .overdue, .late, .answered, .failed: return false
            }
        }
        guard let open, candidates[open].isFresh else { return nil }
        return open
    }

    /// An address was asked whose id isn't known.
    package mutating func asked(entry address: PeerAddress) {
        entries.insert(address)
        queryCount += 1
    }

    /// A bootstrap server answered. It doesn't become a candidate.
    mutating func answered(entry address: PeerAddress) { entries.remove(address) }

    var isEmpty: Bool { candidates.isEmpty && entries.isEmpty }
    package var candidateCount: Int { candidates.count }

    /// A node answered, in time or late. One that wasn't a candidate becomes one.
    package mutating func answered(_ contact: NodeContact, token: [UInt8]?) {
        entries.remove(contact.address)
        add(contact, toldBy: nil)
        change(contact.address) { $0 = .answered(token: token) }
    }

    package mutating func isOverdue(_ address: PeerAddress) {
        change(address) { if case .asked = $0 { $0 = .overdue } }
    }

    package mutating func isLate(_ address: PeerAddress) {
        entries.remove(address)
        change(address) { if case .overdue = $0 { $0 = .late } }
        failureCount += 1
    }

    /// A node didn't answer, or not as it should. Another node of its network may be tried.
    package mutating func failed(_ address: PeerAddress) {
        entries.remove(address)
        var wasLate = false
        change(address) {
            if case .late = $0 { wasLate = true }
            $0 = .failed
        }
        if !wasLate { failureCount += 1 }
        networks.remove(address.host.network)
    }

    // MARK: Parts

    private var mayAskMore: Bool {
        switch effort {
        case .thorough: queryCount < Self.mostQueries
        // Those that failed get no announce, so their packets can go to others.
        case .brief: queryCount < min(Self.width + failureCount, Self.briefPackets * 3 / 4)
        }
    }

    /// Whether an answer is still to come that the end waits for.
    private var isWaiting: Bool {
        candidates.contains {
            switch $0.state {
            case .asked, .overdue: true
            case .fresh, .late, .answered, .failed: false
            }
        }
    }

    /// The closest candidate without a result, of those that matter, for which `isMeant` holds.
    private func firstOpen(where isMeant: (State) -> Bool) -> Int? {
        var (alive, secure, tokens) = (0, 0, 0)
        for (place, candidate) in candidates.enumerated() {
            switch candidate.state {
            case .answered(let token):
                alive += 1
                secure += candidate.isSecure ? 1 : 0
                tokens += token == nil ? 0 : 1
                let isEnough = alive >= Self.width && secure >= Self.leastSecure
                if isEnough && (!needsTokens || tokens >= Self.width) || alive >= Self.mostWidth { return nil }
            case .failed: continue
            case .fresh, .asked, .overdue, .late: if isMeant(candidate.state) { return place }
            }
        }
        return nil
    }

    private mutating func change(_ address: PeerAddress, _ body: (inout State) -> Void) {
        guard let place = candidates.firstIndex(where: { $0.contact.address == address }) else { return }
        body(&candidates[place].state)
    }
}
