import Swarm
import Testing
import Torrent

/// What peers are told of others, and what is believed of what they tell (BEP 11).
struct PeerExchangeTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private static func address(_ n: Int, host: UInt32 = 0x5db8_0000) -> PeerAddress {
        PeerAddress(.v4(host + UInt32(n)), port: 6881)
    }

    private static func contact(_ n: Int, _ address: PeerAddress? = nil, listens: Bool = true) -> PeerExchange.Contact {
        PeerExchange.Contact(
            key: PeerKey(UInt32(n)), address: address ?? Self.address(n), isListening: listens, flags: .isReachable)
    }

    private static func exchange(_ keys: Int...) -> PeerExchange {
        var exchange = PeerExchange(isPrivate: false)!
        for key in keys { exchange.joined(PeerKey(UInt32(key)), now: start) }
        return exchange
    }

    @Test func privateTorrentHasNoExchange() { #expect(PeerExchange(isPrivate: true) == nil) }

    @Test func newPeerHearsOfAllOthersAndThenOfChanges() throws {
        var exchange = Self.exchange(1)
        let contacts = [Self.contact(1), Self.contact(2), Self.contact(3, listens: false), Self.contact(4)]
        #expect(exchange.isDue(now: Self.start))
        let first = exchange.messages(contacts, now: Self.start)
        #expect(first.map(\.0) == [PeerKey(1)])
        #expect(
            first.first?.1.added.map(\.address) == [Self.address(2), Self.address(4)], "not itself, not who only dials")
        #expect(first.first?.1.added.allSatisfy { $0.flags == .isReachable } ?? false)
        #expect(!exchange.isDue(now: Self.start + .seconds(59)))
        #expect(exchange.messages([], now: Self.start + .seconds(59)).isEmpty)
        let later = exchange.messages(
            [Self.contact(1), Self.contact(4), Self.contact(5)], now: Self.start + .seconds(60))
        #expect(later.first?.1.added.map(\.address) == [Self.address(5)])
        #expect(later.first?.1.dropped == [Self.address(2)])
        // Without news there is no message, and the next one isn't delayed by a minute.
        let same = [Self.contact(1), Self.contact(4), Self.contact(5)]
        #expect(exchange.messages(same, now: Self.start + .seconds(120)).isEmpty)
        #expect(exchange.isDue(now: Self.start + .seconds(125)))
        exchange.left(PeerKey(1))
        #expect(exchange.messages(contacts, now: Self.start + .seconds(500)).isEmpty)
    }

    /// At most 50 of each in a message, at most one message in a minute, and everything is told in the end.
    @Test func messagesAreWithinTheirLimits() {
        var exchange = Self.exchange(1)
        let contacts = [Self.contact(1)] + (2..<202).map { Self.contact($0) }
        var told: Set<PeerAddress> = []
        var last: Instant?
        for second in 0..<600 {
            let now = Self.start + .seconds(second)
            for (_, news) in exchange.messages(contacts, now: now) {
                #expect(news.added.count <= PeerExchange.mostTold && news.dropped.isEmpty)
                if let last { #expect(now - last >= PeerExchange.interval) }
                last = now
                told.formUnion(news.added.map(\.address))
            }
        }
        #expect(told.count == 200)
        var dropped: Set<PeerAddress> = []
        for second in 600..<1200 {
            for (_, news) in exchange.messages([Self.contact(1)], now: Self.start + .seconds(second)) {
                #expect(news.added.isEmpty && news.dropped.count <= PeerExchange.mostTold)
                #expect(dropped.isDisjoint(with: news.dropped))
                dropped.formUnion(news.dropped)
            }
        }
        #expect(dropped == told)
    }

    @Test func localAddressesAreForLocalPeers() {
        let remote = Self.address(1)
        let (local, neighbour) = (Self.address(1, host: 0xc0a8_0100), Self.address(2, host: 0xc0a8_0100))
        let loop = Self.address(1, host: 0x7f00_0000)
        for (receiver, hears) in [
            (remote, [false, false, true]), (local, [true, false, true]), (loop, [true, true, true]),
        ] {
            var exchange = Self.exchange(1)
            let others = [neighbour, Self.address(9, host: 0x7f00_0000), Self.address(7)]
            let contacts = [Self.contact(1, receiver)] + others.enumerated().map { Self.contact($0 + 2, $1) }
            let news = exchange.messages(contacts, now: Self.start).first?.1.added.map(\.address) ?? []
            #expect(others.map { news.contains($0) } == hears, "\(receiver)")
            let verdict = exchange.received(
                others.map { PeerHint($0) }, from: PeerKey(1), at: receiver, now: Self.start)
            #expect(verdict == .take(zip(others, hears).filter(\.1).map(\.0)), "\(receiver)")
        }
    }

    @Test func peerIsBelievedWithinLimits() {
        var exchange = Self.exchange(1)
        let many = (2..<300).map { PeerHint(Self.address($0)) }
        guard case .take(let taken) = exchange.received(many, from: PeerKey(1), at: Self.address(1), now: Self.start)
        else {
            Issue.record("the first message counts")
            return
        }
        #expect(taken.count == PeerExchange.mostTaken)
        #expect(
            exchange.received(many, from: PeerKey(1), at: Self.address(1), now: Self.start + .seconds(5)) == .ignore)
        #expect(exchange.received(many, from: PeerKey(9), at: Self.address(9), now: Self.start) == .ignore, "no link")
        var verdicts: [PeerExchange.Verdict] = []
        for second in 6..<14 {
            verdicts.append(
                exchange.received([], from: PeerKey(1), at: Self.address(1), now: Self.start + .seconds(second)))
        }
        #expect(verdicts.contains(.disconnect), "a flood")
        // A minute later it may speak again.
        let calm = exchange.received([], from: PeerKey(1), at: Self.address(1), now: Self.start + .seconds(100))
        #expect(calm == .take([]))
    }

    // MARK: Introducers

    @Test func peersToldByTwoAreDialledFirst() {
        var book = AddressBook()
        let tellers = [Self.address(1), Self.address(2)]
        for teller in tellers { book.learn(teller, from: .tracker, at: 0) }
        for n in 10..<20 { book.learn(Self.address(n), toldBy: tellers[0], at: 0) }
        book.learn(Self.address(15), toldBy: tellers[1], at: 0)
        for teller in tellers { book.connected(teller, client: "", at: 0) }
        #expect(book.next(at: 0) == Self.address(15))
    }

    @Test func outcomeIsCreditedToTheTellers() {
        var book = AddressBook()
        let (teller, other) = (Self.address(1), Self.address(2))
        book.learn(teller, from: .tracker, at: 0)
        book.learn(other, from: .tracker, at: 0)
        for n in 10..<13 { book.learn(Self.address(n), toldBy: teller, at: 0) }
        book.learn(Self.address(10), toldBy: other, at: 0)
        book.connected(Self.address(10), client: "", at: 1)
        book.dialFailed(Self.address(11), at: 1)
        book.ban(Self.address(12), reason: "lied", at: 1)
        // A second failure is not the teller's.
        book.dialFailed(Self.address(11), at: 100)
        #expect(book[teller]?.toldGood == 1 && book[teller]?.toldBad == 2)
        #expect(book[other]?.toldGood == 1 && book[other]?.toldBad == 0)
        for n in 100..<160 {
            book.learn(Self.address(n), toldBy: teller, at: 1)
            book.dialFailed(Self.address(n), at: 2)
        }
        #expect(book[teller].map { $0.toldBad <= AddressBook.mostBadHints + 1 } ?? false, "it isn't believed any more")
    }

    /// Among peers of equal merit, the canonical priority decides (BEP 40).
    @Test func canonicalPriorityBreaksTies() throws {
        var book = AddressBook()
        let own = Self.address(77, host: 0x0808_0800)
        book.seenAt(own)
        let all = (1..<40).map { PeerAddress(.v4(UInt32($0) << 24 | 0x0001_0203), port: 6881) }
        let peers = all.filter(\.isDialable).filter { $0.host.reach == .everywhere }
        for peer in peers { book.learn(peer, from: .tracker, at: 0) }
        var order: [UInt32] = []
        while let next = book.next(at: 0) { order.append(try #require(PeerPriority.of(own, next))) }
        #expect(order.count == peers.count && order == order.sorted(by: >))
    }

    /// A swarm of a private torrent takes nothing that a peer tells.
    @Test func privateSwarmLearnsNothing() throws {
        var settings = SwarmSettings()
        settings.isPrivate = true
        let bench = SwarmBench(settings: settings).started()
        let key = bench.connect(SwarmBench.address(1))
        bench.swarm.learn([Self.address(50)], toldBy: key, now: bench.now)
        #expect(bench.swarm.book[Self.address(50)] == nil)
    }
}
