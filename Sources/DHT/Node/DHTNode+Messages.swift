import Torrent

extension DHTNode {
    /// The most peers of an answer.
    private static let mostValues = [100, 25]
    /// Bytes of an answer beside nodes, peers, filters and the transaction id.
    private static let answerOverhead = 150
    /// Without any answer for so long, the network is down, not the nodes.
    private static let outage = Duration.seconds(60)

    mutating func received(_ datagram: [UInt8], from address: PeerAddress, _ now: Instant) {
        let family = address.family.rawValue
        guard nodes[family].isOpen, address.isDialable else { return }
        // An answer that we wait for isn't part of a flood.
        let isExpected = nodes[family].queries.expects(address) && !flood.isSilenced(address, now: now)
        guard isExpected || flood.admits(address, now: now) else {
            counters.floodDropped += 1
            return
        }
        if !read(datagram, from: address, family, now), isExpected { _ = flood.admits(address, now: now) }
    }

    /// Returns whether it was an answer to a query of ours.
    private mutating func read(_ datagram: [UInt8], from address: PeerAddress, _ family: Int, _ now: Instant) -> Bool {
        guard let message = KRPCMessage(datagram) else {
            counters.malformed += 1
            return false
        }
        switch message.body {
        case .query(let query):
            answer(query, message, from: address, family, now)
            return false
        case .invalidQuery(let error):
            counters.malformed += 1
            if readOnly(nodes[family].family) == nil { reply(.error(error), to: message, at: address, now) }
            return false
        case .answer(let answer):
            guard let query = nodes[family].queries.take(message.transaction, from: address) else {
                counters.stray += 1
                return false
            }
            answered(query, answer, message, family, now)
        case .error:
            guard let query = nodes[family].queries.take(message.transaction, from: address) else {
                counters.stray += 1
                return false
            }
            counters.errorsReceived += 1
            failed(query, family, now)
        }
        return true
    }

    // MARK: Queries of others

    private mutating func answer(
        _ query: KRPCQuery, _ message: KRPCMessage, from address: PeerAddress, _ family: Int, _ now: Instant
    ) {
        // A query under our own id came from us, or from someone who lies.
        guard query.sender != nodes[family].id else { return }
        nodes[family].inbound.wasQueried(by: address.host, now: now)
        // BEP 43: whoever is read-only doesn't answer.
        guard readOnly(nodes[family].family) == nil else { return }
        counters.queriesReceived += 1
        if !message.isReadOnly { meet(NodeContact(id: query.sender, address: address), family, now) }
        var values = KRPCAnswer(sender: nodes[family].id)
        switch query.method {
        case .ping: break
        case .findNode(let target, let want):
            addNodes(near: target, want, to: &values, family)
        case .getPeers(let hash, let want, let filter):
            let isScrape = filter.contains(.scrape)
            // Bloom filters leave room for the nodes of one family only.
            addNodes(near: NodeID(hash), isScrape ? [] : want, to: &values, family)
            if nodes[family].shelf.accepts(hash, from: address.host) {
                values.token = tokens.token(for: address.host, hash)
            }
            if isScrape, let filters = nodes[family].shelf.filters(of: hash) {
                (values.seeds, values.peers) = filters
            } else {
                values.values = nodes[family].shelf.peers(
                    of: hash, most: room(for: values, message, family), isSeedless: filter.contains(.noSeeds),
                    using: &random)
            }
        case .announce(let announce):
            guard tokens.accepts(announce.token, from: address.host, announce.infoHash) else {
                counters.wrongTokens += 1
                return reply(.error(.badToken), to: message, at: address, now)
            }
            let peer = PeerAddress(address.host, port: announce.impliesPort ? address.port : announce.port)
            guard peer.isUsable else { return reply(.error(.invalid("port")), to: message, at: address, now) }
            guard nodes[family].shelf.store(peer, isSeed: announce.isSeed, for: announce.infoHash, now: now) else {
                return reply(.error(.full), to: message, at: address, now)
            }
            counters.announcesStored += 1
        }
        reply(.answer(values), to: message, at: address, now)
    }

    /// A node that queries us may be of use, once it has answered too.
    private mutating func meet(_ contact: NodeContact, _ family: Int, _ now: Instant) {
        guard !nodes[family].bootstrap.isRouter(contact.address) else { return }
        if nodes[family].table.isConsistent(contact) {
            nodes[family].table.heardOf(contact)
            // Too few nodes to wait for the next refresh.
            guard nodes[family].table.goodCount < Bootstrap.enough, nodes[family].table.node(at: contact.address) == nil
            else { return }
        }
        if !nodes[family].queries.expects(contact.address), mayPing(family, now) {
            send(.ping, to: contact.address, id: nil, for: .ping, family, now)
        }
    }

    private func addNodes(near target: NodeID, _ want: WantedFamilies, to values: inout KRPCAnswer, _ family: Int) {
        let want = want.isEmpty ? WantedFamilies(nodes[family].family) : want
        func closest(_ family: AddressFamily) -> [NodeContact] {
            nodes[family.rawValue].table.closest(to: target, count: RoutingTable.bucketSize, onlyGood: true)
                .map(\.contact)
        }
        if want.contains(.n4) { values.nodes = closest(.v4) }
        if want.contains(.n6) { values.nodes6 = closest(.v6) }
    }

    /// How many peers still fit into the datagram.
    private func room(for values: KRPCAnswer, _ message: KRPCMessage, _ family: Int) -> Int {
        let nodeBytes =
            (values.nodes?.count ?? 0) * AddressFamily.v4.nodeLength
            + (values.nodes6?.count ?? 0) * AddressFamily.v6.nodeLength
        let left = KRPCLimits.sent - Self.answerOverhead - message.transaction.count - nodeBytes
        // A peer is a string: `6:` or `18:` before its bytes.
        let valueBytes = family == AddressFamily.v4.rawValue ? 8 : 21
        return min(max(0, left / valueBytes), Self.mostValues[family])
    }

    private mutating func reply(
        _ body: KRPCMessage.Body, to query: KRPCMessage, at address: PeerAddress, _ now: Instant
    ) {
        let datagram = KRPCMessage(
            transaction: query.transaction, body, version: settings.version, externalAddress: address
        ).datagram
        guard answerBudget.allows(now: now), answerBytes.allows(Double(datagram.count), now: now) else {
            counters.floodDropped += 1
            return
        }
        answerBudget.take()
        answerBytes.take(Double(datagram.count))
        counters.answersSent += 1
        effects.append(.send(datagram, to: address))
    }

    // MARK: Answers to us

    private mutating func answered(
        _ query: Queries.Query, _ answer: KRPCAnswer, _ message: KRPCMessage, _ family: Int, _ now: Instant
    ) {
        let contact = NodeContact(id: answer.sender, address: query.address)
        guard contact.id != nodes[family].id, contact.id != .zero, query.id == nil || query.id == contact.id else {
            hasWrongID(query, family, now)
            return
        }
        counters.answersReceived += 1
        nodes[family].answerCount += 1
        nodes[family].inbound.answered(query.address.host)
        nodes[family].lastAnswer = now
        let roundTrip = now - query.sentAt
        nodes[family].queries.measured(roundTrip)
        let isRouter = nodes[family].bootstrap.isRouter(query.address)
        if !isRouter { nodes[family].table.answered(contact, roundTrip: roundTrip, now: now) }
        if let external = message.externalAddress, external.family == nodes[family].family,
            let host = nodes[family].votes.vote(external.host, by: query.address.host)
        {
            hasExternalHost(host, family, now)
        }
        switch query.purpose {
        case .ping: break
        case .nodes:
            for node in told(answer, by: query.address, family) { nodes[family].table.heardOf(node) }
        case .lookup(let number):
            lookup(number, answered: contact, answer, isRouter: isRouter, family, now)
        case .announce(let number): announceEnded(number, isAccepted: true, family, now)
        }
        shareOther(answer, by: query.address, family)
    }

    /// The nodes of an answer that can be used, of the answering node's family.
    func told(_ answer: KRPCAnswer, by address: PeerAddress, _ family: Int) -> [NodeContact] {
        guard nodes[family].introducers.isBelieved(address.host) else { return [] }
        let own = nodes[family].id
        return ((nodes[family].family == .v4 ? answer.nodes : answer.nodes6) ?? []).filter {
            $0.id != own && $0.id != .zero && $0.address.isUsable && $0.address.isBelievable(from: address.host)
                && $0.address != address && !nodes[family].bootstrap.isRouter($0.address)
        }
    }

    /// Nodes of the other family, for which we asked because it has too few.
    private mutating func shareOther(_ answer: KRPCAnswer, by address: PeerAddress, _ family: Int) {
        let other = 1 - family
        guard nodes[other].isOpen, nodes[other].table.goodCount < Bootstrap.enough,
            let told = nodes[other].family == .v4 ? answer.nodes : answer.nodes6
        else { return }
        for node in told.prefix(RoutingTable.bucketSize) where node.address.isUsable {
            guard node.address.isBelievable(from: address.host), node.address.family == nodes[other].family else {
                continue
            }
            nodes[other].table.heardOf(node)
            tell(node, toOwnSearchOf: other)
        }
    }

    /// A node answered under another id than it was known by.
    private mutating func hasWrongID(_ query: Queries.Query, _ family: Int, _ now: Instant) {
        counters.wrongIDs += 1
        nodes[family].table.remove(at: query.address)
        if case .lookup(let number) = query.purpose, let index = nodes[family].index(of: number),
            let teller = nodes[family].active[index].lookup.teller(of: query.address)
        {
            nodes[family].introducers.told(by: teller, wasRight: false)
        }
        failed(query, family, now)
    }

    /// A query ended without an answer that counts.
    mutating func failed(_ query: Queries.Query, _ family: Int, _ now: Instant) {
        let othersAnswer = nodes[family].lastAnswer.map { now - $0 < Self.outage } ?? false
        switch query.purpose {
        case .ping, .nodes: nodes[family].table.failed(query.address, othersAnswer: othersAnswer)
        case .lookup(let number):
            nodes[family].table.failed(query.address, othersAnswer: othersAnswer)
            guard let index = nodes[family].index(of: number) else { return }
            nodes[family].active[index].lookup.failed(query.address)
            due.append((family, number))
        // The node has answered before; its table entry isn't to blame.
        case .announce(let number): announceEnded(number, isAccepted: false, family, now)
        }
    }

    mutating func passDeadlines(_ now: Instant) {
        for family in nodes.indices {
            while let (stage, query) = nodes[family].queries.nextPassed(now: now) {
                switch stage {
                case .failed:
                    counters.timeouts += 1
                    failed(query, family, now)
                case .overdue, .late:
                    guard case .lookup(let number) = query.purpose, let index = nodes[family].index(of: number) else {
                        continue
                    }
                    if stage == .overdue {
                        nodes[family].active[index].lookup.isOverdue(query.address)
                    } else {
                        nodes[family].active[index].lookup.isLate(query.address)
                    }
                    due.append((family, number))
                }
            }
        }
    }
}
