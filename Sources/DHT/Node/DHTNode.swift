package import Torrent

/// A node of the DHT, of one or both address families: events in, effects out.
///
/// ``handle(_:now:)`` takes each ``Event`` with the time, and returns the ``Effect``s that the shell performs in order.
/// ``nextWake`` says when ``Event/wake`` is due. ``snapshot()`` is what to store, at most once a minute, and
/// ``report()`` what to show.
///
/// The events are in `DHTNode+Messages` (queries of others and their answers), `DHTNode+Searches` (lookups and
/// announces) and `DHTNode+Upkeep` (finding and keeping nodes).
package struct DHTNode: Sendable {
    /// How often expired peers are removed.
    static let expiryInterval = Duration.seconds(60)

    var settings: DHTSettings
    var random: SecretGenerator
    /// One for each ``AddressFamily``, in their order.
    var nodes: [FamilyNode]
    var tokens: TokenBox
    var flood = FloodGuard()
    var queryBudget: PacketBudget
    var answerBudget: PacketBudget
    var answerBytes: PacketBudget
    var dormant: DormantAnnounces
    var counters = DHTCounters()
    var lastNumber = 0
    /// Lookups that may have something to send or may be done.
    var due: [(family: Int, number: Int)] = []
    /// When the query budget allows the next query of a lookup that waits for it.
    var blockedUntil: Instant?
    var nextExpiry: Instant
    var isResolving = false
    var effects: [Effect] = []
    /// When ``Event/wake`` is due at the latest; `nil` while no socket is open.
    package internal(set) var nextWake: Instant?

    /// - `key`: at least 16 bytes of the system's random source. Tests use ``init(settings:stored:seed:now:)``.
    package init(settings: DHTSettings, stored: DHTSnapshot = DHTSnapshot(), key: [UInt8], now: Instant) {
        self.init(settings: settings, stored: stored, random: SecretGenerator(key: key), now: now)
    }

    /// A node whose random numbers can be predicted.
    package init(settings: DHTSettings, stored: DHTSnapshot = DHTSnapshot(), seed: UInt64, now: Instant) {
        self.init(settings: settings, stored: stored, random: SecretGenerator(seed: seed), now: now)
    }

    private init(settings: DHTSettings, stored: DHTSnapshot, random: SecretGenerator, now: Instant) {
        self.settings = settings
        var random = random
        nodes = AddressFamily.allCases.map { FamilyNode(family: $0, stored: stored.families[$0], using: &random) }
        tokens = TokenBox(using: &random, now: now)
        self.random = random
        queryBudget = PacketBudget(
            rate: Double(max(settings.queriesPerSecond, 1)), burst: Double(max(settings.queriesPerSecond, 1)) * 2)
        answerBudget = PacketBudget(
            rate: Double(max(settings.answersPerSecond, 1)), burst: Double(max(settings.answersPerSecond, 1)) * 2)
        answerBytes = PacketBudget(
            rate: Double(max(settings.answerBytesPerSecond, 1)),
            burst: Double(max(settings.answerBytesPerSecond, 1)) * 2)
        dormant = DormantAnnounces(packetsPerSecond: settings.dormantPacketsPerSecond)
        nextExpiry = now + Self.expiryInterval
    }

    /// Handles one event, and returns what has to be done, in order.
    package mutating func handle(_ event: Event, now: Instant) -> [Effect] {
        switch event {
        case .opened(let family, let searches): opened(family.rawValue, searches, now)
        case .closed(let family): closed(family.rawValue, now)
        case .networkChanged(let family): networkChanged(family.rawValue, now)
        case .received(let datagram, let address): received(datagram, from: address.unmapped, now)
        case .given(let addresses): heardOf(addresses, .given, now)
        case .heardOf(let addresses): heardOf(addresses, .heard, now)
        case .resolved(let addresses):
            isResolving = false
            heardOf(addresses, .router, now)
        case .search(let search): wait(search)
        case .forget(let hash): forget(hash)
        case .due(let torrents): dormant.due(torrents, now: now)
        case .readOnly(let isReadOnly): settings.isReadOnly = isReadOnly
        case .wake: break
        }
        passDeadlines(now)
        keepUp(now)
        beginSearches(now)
        advanceLookups(now)
        nextWake = findNextWake()
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }

    // MARK: Questions

    package func id(of family: AddressFamily) -> NodeID { nodes[family.rawValue].id }
    package func externalHost(of family: AddressFamily) -> PeerAddress.Host? { nodes[family.rawValue].votes.winner }

    package func snapshot() -> DHTSnapshot {
        DHTSnapshot(families: Dictionary(uniqueKeysWithValues: nodes.map { ($0.family, $0.snapshot()) }))
    }

    package func report() -> DHTReport {
        DHTReport(
            families: Dictionary(uniqueKeysWithValues: nodes.map { ($0.family, $0.report(readOnly($0.family))) }),
            waitingSearches: nodes.reduce(0) { $0 + $1.waiting.count }, dormantWaiting: dormant.waitingCount,
            silencedSources: flood.silentCount, counters: counters)
    }

    /// Why the queries of other nodes aren't answered; `nil` if they are.
    package func readOnly(_ family: AddressFamily) -> DHTReport.ReadOnly? {
        if settings.isReadOnly { return .set }
        return nodes[family.rawValue].inbound.isUnreachable ? .unreachable : nil
    }

    // MARK: Time

    private mutating func findNextWake() -> Instant? {
        guard nodes.contains(where: \.isOpen) else { return nil }
        var times = [tokens.nextTurn, nextExpiry]
        if let blockedUntil { times.append(blockedUntil) }
        if let wake = dormant.nextWake { times.append(wake) }
        for family in nodes.indices where nodes[family].isOpen {
            if let at = nodes[family].queries.nextDeadline() { times.append(at) }
            if let at = nodes[family].bootstrap.nextTry { times.append(at) }
            if let at = nodes[family].nextRefresh { times.append(at) }
        }
        return times.min()
    }

    // MARK: Sending

    /// Sends a query, and takes it from the budget. Whether it may be sent was asked before.
    mutating func send(
        _ method: KRPCQuery.Method, to address: PeerAddress, id: NodeID?, for purpose: Queries.Purpose, _ family: Int,
        _ now: Instant
    ) {
        let query = Queries.Query(address: address, id: id, purpose: purpose, sentAt: now)
        let transaction = nodes[family].queries.add(query, using: &random)
        queryBudget.take()
        nodes[family].table.queried(address, now: now)
        nodes[family].inbound.queried(address.host, now: now)
        nodes[family].sentCount += 1
        counters.queriesSent += 1
        let message = KRPCMessage(
            transaction: transaction, .query(KRPCQuery(sender: nodes[family].id, method)), version: settings.version,
            isReadOnly: readOnly(nodes[family].family) != nil)
        effects.append(.send(message.datagram, to: address))
    }

    /// Whether a query of a lookup may be sent now.
    mutating func mayQuery(_ family: Int, _ now: Instant) -> Bool {
        nodes[family].isOpen && !nodes[family].queries.isFull && queryBudget.allows(now: now)
    }

    /// Whether a query for upkeep may be sent now. Half of the budget is for lookups alone, because strangers can make
    /// us ping whom they want.
    mutating func mayPing(_ family: Int, _ now: Instant) -> Bool {
        mayQuery(family, now) && queryBudget.allows(Double(max(settings.queriesPerSecond, 1)), now: now)
    }
}
