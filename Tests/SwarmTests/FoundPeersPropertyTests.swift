import Swarm
import Testing
import Torrent

/// Whatever peer exchange and local discovery bring, at random: law 8 of the design holds, and so do the limits.
struct FoundPeersPropertyTests {
    private static func address(using random: inout SeededGenerator) -> PeerAddress {
        PeerAddress(.v4(UInt32.random(in: 0x5000_0000...0x5fff_ffff, using: &random)), port: 6881)
    }

    private func dialled(_ effects: [Effect]) -> Set<PeerAddress> {
        Set(effects.compactMap { if case .dial(let address) = $0 { address } else { nil } })
    }

    /// Peers come, go, tell of others, and the network, the DHT, trackers and the user name more: a private torrent
    /// dials nobody that only a public source named, and tells nobody.
    @Test(arguments: 1...60 as ClosedRange<UInt64>) func privateTorrentDialsNobodyFoundInPublic(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var settings = SwarmSettings()
        settings.isPrivate = true
        let bench = SwarmBench(settings: settings).started()
        var (allowed, inPublic): (Set<PeerAddress>, Set<PeerAddress>) = ([], [])
        var connected: [PeerKey] = []
        for step in 0..<200 {
            let found = (0..<Int.random(in: 1...5, using: &random)).map { _ in Self.address(using: &random) }
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                let source = PeerSource.allCases.randomElement(using: &random) ?? .pex
                if source.isAllowed(isPrivate: true) { allowed.formUnion(found) } else { inPublic.formUnion(found) }
                bench.feed { $0.learn(found, from: source, now: $1) }
            case 2:
                guard let teller = connected.randomElement(using: &random) else { continue }
                inPublic.formUnion(found)
                bench.feed { $0.learn(found, toldBy: teller, now: $1) }
            case 3: connected.append(bench.connect(1000 + step, isIncoming: true, have: []))
            case 4:
                guard let key = connected.randomElement(using: &random) else { continue }
                connected.removeAll { $0 == key }
                bench.feed { $0.closed(key, now: $1) }
            default: bench.advance(.seconds(Int.random(in: 1...30, using: &random)))
            }
            let dials = dialled(bench.take())
            #expect(dials.isDisjoint(with: inPublic.subtracting(allowed)), "seed \(seed), step \(step)")
            for address in dials { bench.feed { $0.dialFailed(address, now: $1) } }
            connected.removeAll { key in !bench.swarm.peerReports(now: bench.now).contains { $0.key == key } }
        }
        #expect(PeerExchange(isPrivate: true) == nil)
        #expect(PublicInfoHash(InfoHash([UInt8](repeating: 1, count: 20))!, isPrivate: true) == nil)
    }

    /// A flood from many peers: addresses, and who told of them, stay within their limits, and each that was tried is
    /// counted for or against those who told of it.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func floodStaysWithinItsLimits(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var book = AddressBook()
        let tellers = (0..<12).map { _ in Self.address(using: &random) }
        for teller in tellers {
            book.learn(teller, from: .tracker, at: 0)
            book.connected(teller, client: "", at: 0)
        }
        var telling: [PeerAddress: Set<PeerAddress>] = [:]
        var (good, bad) = (0, 0)
        for now in 1...300 as ClosedRange<Int64> {
            let teller = tellers.randomElement(using: &random)!
            for _ in 0..<PeerExchange.mostTaken {
                let address = Self.address(using: &random)
                telling[address, default: []].insert(teller)
                book.learn(address, toldBy: teller, at: now)
                // Others tell of it, too.
                for other in tellers.shuffled(using: &random).prefix(Int.random(in: 0...6, using: &random)) {
                    telling[address]?.insert(other)
                    book.learn(address, toldBy: other, at: now)
                }
            }
            #expect(book.count <= AddressBook.capacity, "seed \(seed)")
            for _ in 0..<10 {
                guard let address = book.next(at: now) else { break }
                let told = tellers.contains(address) ? 0 : min(telling[address]?.count ?? 0, AddressBook.mostTellers)
                if random.chance(0.3) {
                    book.connected(address, client: "", at: now)
                    book.disconnected(address, downloaded: 1, uploaded: 0, rate: 1, at: now)
                    good += told
                } else {
                    book.dialFailed(address, at: now)
                    bad += told
                }
            }
        }
        let entries = tellers.compactMap { book[$0] }
        let (countedGood, countedBad) = (
            entries.reduce(0) { $0 + $1.toldGood }, entries.reduce(0) { $0 + $1.toldBad }
        )
        #expect(countedGood > 0 && countedBad > 0, "seed \(seed)")
        #expect(countedGood <= good && countedBad <= bad, "seed \(seed): each is counted once at most")
    }

    /// Peers that come and go by the hundred: no message names more than its limits, and what a peer was told and not
    /// told to forget is what is connected, in the end.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func messagesStayWithinTheirLimits(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var exchange = try #require(PeerExchange(isPrivate: false))
        let receivers = (1...4).map { PeerKey(UInt32($0)) }
        for key in receivers { exchange.joined(key, now: .origin) }
        var others: [PeerExchange.Contact] = []
        var known: [PeerKey: Set<PeerAddress>] = [:]
        var number: UInt32 = 10
        func tell(_ now: Instant) {
            let own = receivers.map {
                PeerExchange.Contact(
                    key: $0, address: PeerAddress(.v4(0x5800_0000 + $0.value), port: 1), isListening: false, flags: [])
            }
            for (key, news) in exchange.messages(own + others, now: now) {
                #expect(news.added.count <= PeerExchange.mostTold && news.dropped.count <= PeerExchange.mostTold)
                let added = Set(news.added.map(\.address))
                #expect(added.isDisjoint(with: known[key, default: []]), "seed \(seed): told twice")
                #expect(Set(news.dropped).isSubset(of: known[key, default: []]), "seed \(seed)")
                known[key, default: []].formUnion(added)
                known[key]?.subtract(news.dropped)
            }
        }
        for second in 0..<600 {
            if second < 300 {
                others.removeAll { _ in random.chance(0.02) }
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    number += 1
                    others.append(
                        PeerExchange.Contact(
                            key: PeerKey(number), address: Self.address(using: &random),
                            isListening: random.chance(0.8), flags: []))
                }
            }
            tell(.origin + .seconds(second))
        }
        for second in 600..<3000 { tell(.origin + .seconds(second)) }
        let listening = Set(others.filter(\.isListening).map(\.address))
        for key in receivers { #expect(known[key] == listening, "seed \(seed)") }
    }

    /// A peer that sends message after message is ignored, then disconnected.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func talkativePeerIsDisconnected(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var exchange = try #require(PeerExchange(isPrivate: false))
        let key = PeerKey(1)
        exchange.joined(key, now: .origin)
        var now = Instant.origin
        var taken = 0
        for count in 1...1000 {
            now = now + .milliseconds(Int64.random(in: 0...4000, using: &random))
            let hints = (0..<200).map { _ in PeerHint(Self.address(using: &random)) }
            switch exchange.received(hints, from: key, at: Self.address(using: &random), now: now) {
            case .take(let addresses):
                taken += 1
                #expect(addresses.count <= PeerExchange.mostTaken)
            case .ignore: break
            case .disconnect:
                #expect(count >= PeerExchange.flood && taken < PeerExchange.flood, "seed \(seed)")
                return
            }
        }
        Issue.record("seed \(seed): it was never disconnected")
    }
}

extension SeededGenerator {
    fileprivate mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }
}
