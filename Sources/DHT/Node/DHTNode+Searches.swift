import Torrent

extension DHTNode {
    /// The nodes of the table with which a lookup begins.
    private static let startNodes = 16
    /// A brief search with fewer tokens than this becomes a thorough one.
    private static let leastTokens = 4

    // MARK: Events

    mutating func wait(_ search: DHTSearch) {
        let open = nodes.indices.filter { nodes[$0].isOpen }
        for family in open { wait(search, in: family) }
        if open.isEmpty { refuse(search, .v4) }
    }

    mutating func wait(_ search: DHTSearch, in family: Int) {
        if !nodes[family].waiting.add(search) { refuse(search, nodes[family].family) }
    }

    mutating func forget(_ hash: PublicInfoHash) {
        dormant.forget(hash)
        for family in nodes.indices {
            nodes[family].waiting.forget(hash)
            nodes[family].active.removeAll { $0.search?.hash == hash }
        }
    }

    private mutating func refuse(_ search: DHTSearch, _ family: AddressFamily) {
        effects.append(.ended(DHTSearchResult(hash: search.hash, outcome: .refused, family: family)))
    }

    /// Ends all searches of a family whose socket was closed.
    mutating func interrupt(_ family: Int) {
        for active in nodes[family].active {
            guard var result = active.result else { continue }
            result.outcome = .interrupted
            effects.append(.ended(result))
        }
        nodes[family].active = []
        for search in nodes[family].waiting.takeAll() { refuse(search, nodes[family].family) }
    }

    // MARK: Beginning

    mutating func beginSearches(_ now: Instant) {
        for family in nodes.indices where nodes[family].isOpen {
            while nodes[family].searchCount < FamilyNode.mostActive {
                guard !nodes[family].waiting.isEmpty else { break }
                let (hasNodes, kind) = (nodes[family].hasNodes, nodes[family].family)
                // A search with stored nodes of its own can begin without others.
                let search = nodes[family].waiting.takeFirst { search in
                    hasNodes || search.nearest.contains { $0.address.family == kind }
                }
                guard let search else { break }
                begin(search, family, now)
            }
        }
        let ready = nodes.indices.filter { nodes[$0].isOpen && nodes[$0].answerCount > 0 }
        guard !ready.isEmpty else { return }
        if let count = dormant.takeDemand(now: now) { effects.append(.needDue(most: count)) }
        while ready.allSatisfy({ nodes[$0].searchCount < FamilyNode.mostActive }), let search = dormant.next(now: now) {
            for family in nodes.indices where nodes[family].isOpen {
                if ready.contains(family) { begin(search, family, now) } else { refuse(search, nodes[family].family) }
            }
        }
    }

    private mutating func begin(_ search: DHTSearch, _ family: Int, _ now: Instant) {
        let mine = search.nearest.filter { $0.address.family == nodes[family].family && $0.address.isUsable }
        let effort: Lookup.Effort = search.effort == .brief && mine.count >= Self.leastTokens ? .brief : .thorough
        let target = NodeID(search.hash.infoHash)
        var lookup = Lookup(target: target, needsTokens: search.announcement != nil, effort: effort)
        for contact in mine.prefix(Lookup.width) where contact.id != nodes[family].id {
            lookup.add(contact, toldBy: nil)
        }
        if effort == .thorough { addTable(to: &lookup, family) }
        let number = add(lookup, search, family, now)
        // The addresses with which we begin may be all there is, and one of them may know the torrent.
        if lookup.candidateCount < Lookup.width { askEntries(number, isWithRouters: false, family, now) }
    }

    /// Searches for the nodes around our own id.
    mutating func beginOwnSearch(_ family: Int, _ now: Instant) {
        guard !nodes[family].isSearchingOwn else { return }
        var lookup = Lookup(target: nodes[family].id, needsTokens: false, effort: .thorough)
        addTable(to: &lookup, family)
        let number = add(lookup, nil, family, now)
        if lookup.candidateCount < Lookup.width || nodes[family].table.goodCount < Bootstrap.enough {
            askEntries(number, isWithRouters: true, family, now)
        }
    }

    private func addTable(to lookup: inout Lookup, _ family: Int) {
        for node in nodes[family].table.closest(to: lookup.target, count: Self.startNodes, onlyGood: false) {
            lookup.add(node.contact, toldBy: nil)
        }
    }

    private mutating func add(_ lookup: Lookup, _ search: DHTSearch?, _ family: Int, _ now: Instant) -> Int {
        lastNumber += 1
        let result = search.map {
            DHTSearchResult(hash: $0.hash, outcome: .finished, family: nodes[family].family)
        }
        nodes[family].active.append(
            FamilyNode.Active(number: lastNumber, search: search, lookup: lookup, began: now, result: result))
        due.append((family, lastNumber))
        return lastNumber
    }

    private mutating func askEntries(_ number: Int, isWithRouters: Bool, _ family: Int, _ now: Instant) {
        guard let index = nodes[family].index(of: number) else { return }
        let bootstrap = nodes[family].bootstrap
        for address in bootstrap.entries.suffix(Lookup.width)
            + (isWithRouters ? bootstrap.routers.prefix(Lookup.width) : [])
        {
            guard mayQuery(family, now), nodes[family].table.node(at: address) == nil else { continue }
            nodes[family].active[index].lookup.asked(entry: address)
            send(
                method(of: nodes[family].active[index], family), to: address, id: nil, for: .lookup(number), family, now
            )
        }
    }

    /// A node became known while our own search is under way.
    mutating func tell(_ node: NodeContact, toOwnSearchOf family: Int) {
        guard let index = nodes[family].active.firstIndex(where: { $0.search == nil }) else { return }
        if nodes[family].active[index].lookup.add(node, toldBy: nil) {
            due.append((family, nodes[family].active[index].number))
        }
    }

    private func method(of active: FamilyNode.Active, _ family: Int) -> KRPCQuery.Method {
        guard let search = active.search else {
            // The other family may have too few nodes (BEP 32).
            let other = nodes[1 - family]
            let isNeeded = other.isOpen && other.table.goodCount < Bootstrap.enough
            return .findNode(active.lookup.target, want: isNeeded ? .both : [])
        }
        return .getPeers(search.hash.infoHash, want: [], filter: search.isScrape ? [.scrape] : [])
    }

    // MARK: Under way

    mutating func lookup(
        _ number: Int, answered contact: NodeContact, _ answer: KRPCAnswer, isRouter: Bool, _ family: Int,
        _ now: Instant
    ) {
        guard let index = nodes[family].index(of: number) else { return }
        due.append((family, number))
        if isRouter {
            nodes[family].active[index].lookup.answered(entry: contact.address)
        } else {
            if let teller = nodes[family].active[index].lookup.teller(of: contact.address) {
                nodes[family].introducers.told(by: teller, wasRight: true)
            }
            nodes[family].active[index].lookup.answered(contact, token: answer.token)
        }
        let isOwn = nodes[family].active[index].search == nil
        for node in told(answer, by: contact.address, family) {
            nodes[family].active[index].lookup.add(node, toldBy: contact.address.host)
            if isOwn { nodes[family].table.heardOf(node) }
        }
        guard let hash = nodes[family].active[index].search?.hash else { return }
        let elapsed = now - nodes[family].active[index].began
        if nodes[family].active[index].result?.eighthToken == nil,
            nodes[family].active[index].lookup.tokenCount >= Lookup.width
        {
            nodes[family].active[index].result?.eighthToken = elapsed
        }
        count(answer, index, family)
        let mostNew = FamilyNode.mostFound - nodes[family].active[index].found.count
        let peers = answer.values.filter {
            $0.family == nodes[family].family && $0.isUsable && $0.isBelievable(from: contact.address.host)
        }.prefix(max(0, mostNew)).filter { nodes[family].active[index].found.insert($0).inserted }
        guard !peers.isEmpty else { return }
        nodes[family].active[index].result?.peerCount += peers.count
        if nodes[family].active[index].result?.firstPeers == nil {
            nodes[family].active[index].result?.firstPeers = elapsed
        }
        effects.append(.found(hash, Array(peers)))
    }

    /// Adds the bloom filters of an answer, or its peers if the node makes none (BEP 33).
    private mutating func count(_ answer: KRPCAnswer, _ index: Int, _ family: Int) {
        guard nodes[family].active[index].search?.isScrape ?? false else { return }
        var (seeds, peers) = (answer.seeds, answer.peers)
        if seeds == nil, peers == nil, !answer.values.isEmpty {
            var filter = BloomFilter()
            for peer in answer.values { filter.insert(peer.host) }
            peers = filter
        }
        func unite(_ filter: BloomFilter?, _ other: BloomFilter?) -> BloomFilter? {
            guard var filter, let other else { return filter ?? other }
            filter.formUnion(other)
            return filter
        }
        seeds = unite(nodes[family].active[index].seeds, seeds)
        peers = unite(nodes[family].active[index].peers, peers)
        nodes[family].active[index].seeds = seeds
        nodes[family].active[index].peers = peers
    }

    /// Sends what the lookups want to send, as far as the budget goes, and ends those that are done.
    mutating func advanceLookups(_ now: Instant) {
        blockedUntil = nil
        var blocked: [(family: Int, number: Int)] = []
        // A brief search that failed makes a thorough one due.
        while !due.isEmpty {
            var seen: Set<Int> = []
            let batch = due
            due = []
            for (family, number) in batch where seen.insert(number).inserted {
                if !advance(number, family, now) { blocked.append((family, number)) }
            }
        }
        due = blocked
        if !blocked.isEmpty { blockedUntil = queryBudget.refilled(after: now) }
    }

    /// Returns whether the lookup has sent all that it can.
    private mutating func advance(_ number: Int, _ family: Int, _ now: Instant) -> Bool {
        guard let index = nodes[family].index(of: number), nodes[family].active[index].isSearching else { return true }
        while true {
            guard mayQuery(family, now) else {
                if nodes[family].active[index].lookup.hasNext { return false }
                break
            }
            guard let contact = nodes[family].active[index].lookup.next() else { break }
            if nodes[family].active[index].search?.isDormant ?? false { dormant.sent() }
            send(
                method(of: nodes[family].active[index], family), to: contact.address, id: contact.id,
                for: .lookup(number), family, now)
        }
        if nodes[family].active[index].lookup.isDone { finish(index, family, now) }
        return true
    }

    // MARK: Ending

    private mutating func finish(_ index: Int, _ family: Int, _ now: Instant) {
        let active = nodes[family].active[index]
        guard let search = active.search else {
            nodes[family].active.remove(at: index)
            return
        }
        // Too few of the stored nodes are left.
        if active.lookup.effort == .brief, active.lookup.tokenCount < Self.leastTokens, nodes[family].table.count > 0 {
            var search = search
            search.effort = .thorough
            search.nearest = active.lookup.nearest
            nodes[family].active.remove(at: index)
            begin(search, family, now)
            return
        }
        nodes[family].active[index].result?.nearest = active.lookup.nearest
        nodes[family].active[index].result?.packetCount = active.lookup.queryCount
        nodes[family].active[index].result?.seeds = active.seeds?.estimate
        nodes[family].active[index].result?.peers = active.peers?.estimate
        let targets = search.announcement == nil ? [] : active.lookup.announceTargets
        nodes[family].active[index].announcing = targets.count
        nodes[family].active[index].result?.announcedCount = targets.count
        nodes[family].active[index].result?.packetCount += targets.count
        for target in targets {
            guard let announcement = search.announcement, let token = target.token else { continue }
            if search.isDormant { dormant.sent() }
            send(
                .announce(
                    KRPCAnnounce(
                        infoHash: search.hash.infoHash, port: announcement.port, impliesPort: announcement.impliesPort,
                        isSeed: announcement.isSeed, token: token)),
                to: target.contact.address, id: target.contact.id, for: .announce(active.number), family, now)
        }
        end(active.number, family, now)
    }

    mutating func announceEnded(_ number: Int, isAccepted: Bool, _ family: Int, _ now: Instant) {
        guard let index = nodes[family].index(of: number), let waiting = nodes[family].active[index].announcing else {
            return
        }
        nodes[family].active[index].announcing = waiting - 1
        if isAccepted { nodes[family].active[index].result?.acceptedCount += 1 }
        end(number, family, now)
    }

    private mutating func end(_ number: Int, _ family: Int, _ now: Instant) {
        guard let index = nodes[family].index(of: number), nodes[family].active[index].announcing == 0 else { return }
        let active = nodes[family].active.remove(at: index)
        guard var result = active.result else { return }
        result.duration = now - active.began
        effects.append(.ended(result))
    }
}
