import Torrent

extension DHTNode {
    /// The pause between two refreshes, each of one node (libtorrent's), and while there are few nodes.
    private static let refreshInterval = Duration.seconds(5)
    private static let refreshIntervalOfFew = Duration.seconds(1)
    private static let few = 64
    /// The spare nodes that are tried at once while there are few.
    private static let sparesTriedOfFew = 8
    /// A node isn't refreshed sooner than this after the last query, and while there are few.
    private static let leastRefreshAge = Duration.seconds(60)
    private static let leastRefreshAgeOfFew = Duration.seconds(10)
    /// The stored nodes that are pinged when the socket opens.
    private static let pingedAtStart = 64
    /// With more good nodes than this, addresses of peers aren't tried any more.
    private static let nodesWanted = 128

    // MARK: Events

    mutating func opened(_ family: Int, _ searches: [DHTSearch], _ now: Instant) {
        guard !nodes[family].isOpen else { return }
        nodes[family].isOpen = true
        nodes[family].sentCount = 0
        nodes[family].answerCount = 0
        nodes[family].nextRefresh = now + Self.refreshIntervalOfFew
        nodes[family].bootstrap.begin(now: now)
        if settings.becomesReadOnly { nodes[family].inbound.begin(now: now) }
        // Before the pings, so that peers are found within one round trip of the start.
        for search in searches { wait(search, in: family) }
        beginSearches(now)
        advanceLookups(now)
        for node in nodes[family].restored.prefix(Self.pingedAtStart) where mayPing(family, now) {
            send(.ping, to: node.contact.address, id: node.contact.id, for: .ping, family, now)
        }
    }

    mutating func closed(_ family: Int, _ now: Instant) {
        guard nodes[family].isOpen else { return }
        interrupt(family)
        _ = nodes[family].queries.removeAll()
        nodes[family].isOpen = false
        nodes[family].nextRefresh = nil
        nodes[family].bootstrap.stop()
    }

    mutating func networkChanged(_ family: Int, _ now: Instant) {
        guard nodes[family].isOpen else { return }
        nodes[family].votes.restart()
        nodes[family].bootstrap.begin(now: now)
        if settings.becomesReadOnly { nodes[family].inbound.begin(now: now) }
        nodes[family].sentCount = 0
        nodes[family].answerCount = 0
        // Whether the known nodes can be reached from here is seen at once.
        let known = nodes[family].table.closest(to: nodes[family].id, count: Bootstrap.enough, onlyGood: false)
        for node in known where mayPing(family, now) {
            send(.ping, to: node.contact.address, id: node.contact.id, for: .ping, family, now)
        }
    }

    mutating func heardOf(_ addresses: [PeerAddress], _ kind: Bootstrap.Kind, _ now: Instant) {
        for address in addresses.prefix(Bootstrap.mostEntries).map(\.unmapped) {
            let family = address.family.rawValue
            guard nodes[family].table.goodCount < Self.nodesWanted, nodes[family].table.node(at: address) == nil,
                nodes[family].bootstrap.add(address, kind), mayPing(family, now)
            else { continue }
            if let own = nodes[family].active.firstIndex(where: { $0.search == nil && $0.isSearching }) {
                let active = nodes[family].active[own]
                nodes[family].active[own].lookup.asked(entry: address)
                send(
                    .findNode(active.lookup.target, want: []), to: address, id: nil, for: .lookup(active.number),
                    family,
                    now)
            } else if nodes[family].table.goodCount < Bootstrap.enough {
                beginOwnSearch(family, now)
            } else if kind != .router {
                send(.ping, to: address, id: nil, for: .ping, family, now)
            }
        }
    }

    /// Enough nodes agree on our address.
    mutating func hasExternalHost(_ host: PeerAddress.Host, _ family: Int, _ now: Instant) {
        effects.append(.externalAddress(host))
        guard !SecureNodeID.isValid(nodes[family].id, for: host) else { return }
        nodes[family].move(to: SecureNodeID.make(for: host, using: &random))
        beginOwnSearch(family, now)
    }

    // MARK: Time

    mutating func keepUp(_ now: Instant) {
        tokens.turn(using: &random, now: now)
        if now >= nextExpiry {
            nextExpiry = now + Self.expiryInterval
            for family in nodes.indices { nodes[family].shelf.expire(now: now) }
        }
        for family in nodes.indices where nodes[family].isOpen {
            if let at = nodes[family].bootstrap.nextTry, now >= at,
                nodes[family].bootstrap.takeTry(goodNodes: nodes[family].table.goodCount, now: now)
            {
                if !isResolving {
                    isResolving = true
                    effects.append(.resolveRouters)
                }
                beginOwnSearch(family, now)
            }
            if let at = nodes[family].nextRefresh, now >= at { refresh(family, now) }
            nodes[family].inbound.turn(now: now)
        }
    }

    private mutating func refresh(_ family: Int, _ now: Instant) {
        let good = nodes[family].table.goodCount
        if good < Bootstrap.enough { nodes[family].bootstrap.hurry(now: now) }
        let isShort = good < Self.few
        nodes[family].nextRefresh = now + (isShort ? Self.refreshIntervalOfFew : Self.refreshInterval)
        for _ in 0..<(isShort ? Self.sparesTriedOfFew : 1) {
            guard mayPing(family, now), let spare = nodes[family].table.takeUsefulSpare() else { break }
            send(.ping, to: spare.address, id: spare.id, for: .ping, family, now)
        }
        guard mayPing(family, now), let (node, hasRoom, sharing) = nodes[family].table.stalest() else { return }
        if let at = node.queriedAt, now - at < (isShort ? Self.leastRefreshAgeOfFew : Self.leastRefreshAge) { return }
        let method: KRPCQuery.Method =
            hasRoom ? .findNode(nodes[family].id.random(sharing: sharing, using: &random), want: []) : .ping
        send(method, to: node.contact.address, id: node.id, for: hasRoom ? .nodes : .ping, family, now)
    }
}
