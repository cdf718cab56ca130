import Torrent

/// The node of one address family: its id, what it knows, and what it has begun (BEP 32).
///
/// The parts have private state, and meet in the events of ``DHTNode``.
struct FamilyNode {
    /// A lookup that is under way.
    struct Active {
        let number: Int
        /// `nil` for the search of our own surroundings.
        let search: DHTSearch?
        var lookup: Lookup
        let began: Instant
        var result: DHTSearchResult?
        /// The announces that aren't answered yet; `nil` while nodes are searched.
        var announcing: Int?
        var found: Set<PeerAddress> = []
        var seeds: BloomFilter?
        var peers: BloomFilter?

        var isSearching: Bool { announcing == nil }
    }

    /// The most peers of one search that are reported.
    static let mostFound = 2000
    /// The most searches at once, without those that only wait for the answers to their announces.
    static let mostActive = 32

    let family: AddressFamily
    var isOpen = false
    var table: RoutingTable
    var votes: ExternalAddressVotes
    var shelf: PeerShelf
    var queries = Queries()
    var bootstrap = Bootstrap()
    var introducers = Introducers()
    var inbound = InboundWatch()
    var active: [Active] = []
    /// Searches that wait for a place, or for a node to ask.
    var waiting = WaitingSearches()
    var nextRefresh: Instant?
    /// Nodes that an earlier run stored, the best first; pinged when the socket opens.
    var restored: [DHTSnapshot.Node]
    /// Queries and answers since the socket was opened.
    var sentCount = 0
    var answerCount = 0
    var lastAnswer: Instant?

    init(family: AddressFamily, stored: DHTSnapshot.Family?, using random: inout SecretGenerator) {
        self.family = family
        let external = stored?.externalHost
        var id = stored?.id ?? NodeID.random(using: &random)
        if let external, !SecureNodeID.isValid(id, for: external) {
            id = SecureNodeID.make(for: external, using: &random)
        }
        table = RoutingTable(own: id)
        votes = ExternalAddressVotes(stored: external)
        shelf = PeerShelf(own: id)
        restored = (stored?.nodes ?? []).prefix(DHTSnapshot.mostNodes).filter { $0.contact.address.family == family }
        for node in restored { table.restore(node.contact) }
    }

    var id: NodeID { table.own }
    var searchCount: Int { active.count(where: \.isSearching) }
    var isSearchingOwn: Bool { active.contains { $0.search == nil } }

    /// Whether there are nodes to begin a search with.
    var hasNodes: Bool { table.count > 0 || bootstrap.hasEntries }

    func index(of number: Int) -> Int? { active.firstIndex { $0.number == number } }

    /// Moves to another id, with all nodes.
    mutating func move(to id: NodeID) {
        table = table.rehomed(to: id)
        shelf.move(to: id)
    }

    var shortage: DHTReport.Shortage? {
        guard isOpen else { return .noSocket }
        guard table.goodCount < Bootstrap.enough else { return nil }
        if table.goodCount > 0 { return .fewNodes }
        if table.count == 0, !bootstrap.hasEntries, bootstrap.routers.isEmpty { return .noEntry }
        return sentCount >= 8 && answerCount == 0 ? .noAnswers(queries: sentCount) : .starting
    }

    func report(_ readOnly: DHTReport.ReadOnly?) -> DHTReport.Family {
        DHTReport.Family(
            id: id, isSecure: votes.winner.map { SecureNodeID.isValid(id, for: $0) }, externalHost: votes.winner,
            goodNodes: table.goodCount, nodes: table.count, spareNodes: table.spareCount, buckets: table.bucketCount,
            activeLookups: active.count, queriesUnderWay: queries.count, storedTorrents: shelf.torrentCount,
            storedPeers: shelf.peerCount, shortage: shortage, readOnly: readOnly)
    }

    /// What to store: nodes that answered, the quickest first; those of the earlier run if none has answered yet.
    func snapshot() -> DHTSnapshot.Family {
        let nodes = table.nodes.filter { $0.isVerified && $0.failures < 3 }
            .sorted { ($0.failures, $0.roundTrip ?? .zero, $0.id) < ($1.failures, $1.roundTrip ?? .zero, $1.id) }
        let rest =
            nodes.count < Bootstrap.enough
            ? restored.filter { table.node(at: $0.contact.address)?.isVerified != true } : []
        let all =
            nodes.map {
                DHTSnapshot.Node(
                    contact: $0.contact, roundTrip: $0.roundTrip, answeredAt: $0.answeredAt, isVerified: true)
            }
            + rest.map {
                DHTSnapshot.Node(contact: $0.contact, roundTrip: $0.roundTrip, answeredAt: $0.answeredAt)
            }
        var family = DHTSnapshot.Family(
            id: id, externalHost: votes.winner, nodes: Array(all.prefix(DHTSnapshot.mostNodes)))
        family.externalVotes = votes.winnerCount
        return family
    }
}
