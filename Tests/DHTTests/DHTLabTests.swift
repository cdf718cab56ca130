import DHT
import DHTLab
import Testing
import Torrent

/// Nodes in a network of a thousand others, a fifth of them hostile.
struct DHTLabTests {
    private static let own = PeerAddress("11.22.33.44:6881")!
    private static let other = PeerAddress("12.23.34.45:6881")!

    /// A node that has run before, in a settled network.
    private static func warm(seed: UInt64, nodes: Int = 200, habits: [HostileNode.Habit] = HostileNode.Habit.allCases)
        -> (LabNetwork, LabPopulation, RealMember)
    {
        let network = LabNetwork(seed: seed)
        network.loss = 0.01
        let population = LabPopulation(count: 1000, hostile: 0.2, habits: habits, seed: seed)
        population.join(network)
        let member = RealMember(
            at: own, seed: seed, stored: population.snapshot(nodes: nodes, for: own.host), now: network.now)
        network.add(member)
        network.send(member.handle(.opened(.v4), now: network.now), of: member)
        return (network, population, member)
    }

    private static func search(_ search: DHTSearch, _ member: RealMember, _ network: LabNetwork) -> DHTSearchResult? {
        let count = member.results.count
        network.send(member.handle(.search(search), now: network.now), of: member)
        network.run(for: .seconds(120)) { member.results.count > count }
        return member.results.count > count ? member.results.last : nil
    }

    private static func percentile(_ values: [Duration], _ share: Double) -> Duration {
        guard !values.isEmpty else { return .zero }
        let sorted = values.sorted()
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    /// The times of lookups, printed and not asserted: p50 and p95 to the first peer, to the eighth token, to the end.
    @Test(arguments: [0, 1] as [UInt64]) func lookupsFindPeersAndAnnounce(seed: UInt64) throws {
        let (network, population, member) = Self.warm(seed: seed)
        network.run(for: .seconds(30))
        var (first, eighth, ends, packets): ([Duration], [Duration], [Duration], [Int]) = ([], [], [], [])
        let peer = PeerAddress("99.88.77.66:5555")!
        var random = SeededGenerator(seed: seed)
        var found = 0
        for _ in 0..<25 {
            let hash = population.publish(peer)
            let port = UInt16.random(in: 2000...60000, using: &random)
            let result = try #require(
                Self.search(
                    DHTSearch(hash, announce: DHTAnnouncement(port: port, isSeed: false)), member, network))
            if member.found[hash]?.contains(peer) ?? false { found += 1 }
            if let time = result.firstPeers { first.append(time) }
            if let time = result.eighthToken { eighth.append(time) }
            ends.append(result.duration)
            packets.append(result.packetCount)
            #expect(result.outcome == .finished && result.acceptedCount >= 4, "seed \(seed)")
            // Those who look for peers of this torrent find ours.
            #expect(population.holders(of: hash, PeerAddress(Self.own.host, port: port)) >= 2, "seed \(seed)")
        }
        #expect(found == 25, "\(found) of 25 lookups found the peer, seed \(seed)")
        print(
            """
            lookups among 1,000 nodes, 20 % hostile, seed \(seed): \
            first peers p50 \(Self.percentile(first, 0.5)) p95 \(Self.percentile(first, 0.95)), \
            eighth token p50 \(Self.percentile(eighth, 0.5)) p95 \(Self.percentile(eighth, 0.95)) (\(eighth.count) of 25), \
            end p50 \(Self.percentile(ends, 0.5)) p95 \(Self.percentile(ends, 0.95)), \
            packets p50 \(packets.sorted()[12])
            """)
        #expect(network.longest <= KRPCLimits.datagram)
        #expect(member.node.externalHost(of: .v4) == Self.own.host)
    }

    /// The first search of a new node that knows one address: through bootstrap and lookup to the first peers.
    @Test func coldStartFindsPeers() throws {
        var times: [Duration] = []
        for seed in 0..<10 as Range<UInt64> {
            let network = LabNetwork(seed: seed)
            let population = LabPopulation(count: 1000, hostile: 0.2, seed: seed)
            population.join(network)
            let member = RealMember(at: Self.own, seed: seed, now: network.now)
            network.add(member)
            network.send(member.handle(.opened(.v4), now: network.now), of: member)
            let peer = PeerAddress("99.88.77.66:5555")!
            let hash = population.publish(peer)
            let began = network.now
            network.send(member.handle(.search(DHTSearch(hash)), now: network.now), of: member)
            network.send(member.handle(.heardOf([population.honest[0].address]), now: network.now), of: member)
            network.run(for: .seconds(60)) { member.found[hash]?.contains(peer) ?? false }
            #expect(member.found[hash]?.contains(peer) ?? false, "seed \(seed)")
            times.append(network.now - began)
            network.run(for: .seconds(60))
            #expect((member.node.report().families[.v4]?.goodNodes ?? 0) >= 40, "seed \(seed)")
        }
        print(
            """
            cold start among 1,000 nodes, 20 % hostile: \
            first peers p50 \(Self.percentile(times, 0.5)) p95 \(Self.percentile(times, 0.95))
            """)
    }

    /// A restart: the first query for a torrent leaves with the socket's opening, and a stored node answers it after
    /// one round trip.
    @Test(arguments: 0..<3 as Range<UInt64>) func warmStartAsksAtOnce(seed: UInt64) throws {
        let (network, population, member) = Self.warm(seed: seed, habits: [.silent])
        network.loss = 0
        let peer = PeerAddress("99.88.77.66:5555")!
        let hash = population.publish(peer)
        let holder = try #require(population.honest.first { $0.announced[hash.infoHash] != nil })
        let began = network.now
        network.send(
            member.handle(.search(DHTSearch(hash, nearest: [holder.contact])), now: network.now), of: member)
        network.run(for: .seconds(5)) { member.found[hash] != nil }
        #expect(member.found[hash]?.first == peer)
        #expect(network.now - began <= network.roundTrip(Self.own, holder.address), "seed \(seed)")
    }

    /// Twenty-five minutes later, the stored nodes are enough.
    @Test(arguments: 0..<3 as Range<UInt64>) func announceAgainCostsEightToSixteenPackets(seed: UInt64) throws {
        let (network, population, member) = Self.warm(seed: seed)
        network.run(for: .seconds(20))
        let hash = population.publish(PeerAddress("99.88.77.66:5555")!)
        let announcement = DHTAnnouncement(port: 7777, isSeed: true)
        let first = try #require(Self.search(DHTSearch(hash, announce: announcement), member, network))
        #expect(first.nearest.count == 8)
        for _ in 0..<3 {
            network.run(for: DHTSettings.announceInterval)
            let again = try #require(
                Self.search(
                    DHTSearch(hash, announce: announcement, nearest: first.nearest, effort: .brief), member, network))
            #expect((8...16).contains(again.packetCount), "\(again.packetCount) packets, seed \(seed)")
            #expect(again.acceptedCount >= 4, "seed \(seed)")
        }
    }

    /// The stored nodes are gone: the search becomes a whole lookup by itself.
    @Test func briefSearchBecomesThoroughIfNeedBe() throws {
        let (network, population, member) = Self.warm(seed: 5)
        network.run(for: .seconds(20))
        let hash = population.publish(PeerAddress("99.88.77.66:5555")!)
        var random = SeededGenerator(seed: 5)
        let gone = (1...8).map { n in
            NodeContact(
                id: .random(using: &random), address: PeerAddress(.v4(0x1700_0001 + UInt32(n) << 8), port: 5000))
        }
        let result = try #require(
            Self.search(
                DHTSearch(hash, announce: DHTAnnouncement(port: 7777, isSeed: true), nearest: gone, effort: .brief),
                member, network))
        #expect(result.acceptedCount >= 4 && result.nearest.count == 8)
        #expect(Set(result.nearest).isDisjoint(with: gone))
    }

    /// Each kind of hostile node alone, as a fifth of the network.
    @Test(arguments: HostileNode.Habit.allCases) func eachHabitIsHarmless(habit: HostileNode.Habit) throws {
        let (network, population, member) = Self.warm(seed: 11, habits: [habit])
        network.run(for: .seconds(60))
        let peer = PeerAddress("99.88.77.66:5555")!
        var found = 0
        for n in 0..<5 {
            let hash = population.publish(peer)
            let result = try #require(
                Self.search(
                    DHTSearch(hash, announce: DHTAnnouncement(port: 7777, isSeed: n == 0)), member, network))
            if member.found[hash]?.contains(peer) ?? false { found += 1 }
            #expect(population.holders(of: hash, PeerAddress(Self.own.host, port: 7777)) >= 3, "\(habit)")
            #expect(result.packetCount < 216, "\(habit)")
            let local = (member.found[hash] ?? []).filter { $0.host.reach != .everywhere || $0.port < 2 }
            #expect(local.isEmpty, "\(habit)")
        }
        #expect(found == 5, "\(habit)")
        let report = try #require(member.node.report().families[.v4])
        #expect(report.nodes <= 640 && report.spareNodes <= 400, "\(habit)")
        #expect(report.externalHost == Self.own.host, "\(habit)")
        #expect(report.goodNodes >= 30, "\(habit)")
    }

    /// From one address that the user gave, through a whole network of real nodes, to a peer.
    @Test(arguments: 0..<2 as Range<UInt64>) func realNodesBuildANetwork(seed: UInt64) throws {
        let network = LabNetwork(seed: seed)
        network.loss = 0.02
        var members: [RealMember] = []
        var random = SeededGenerator(seed: seed)
        for n in 0..<40 {
            let host = PeerAddress.Host.v4(0x2000_0001 + UInt32(n) << 8)
            let member = RealMember(at: PeerAddress(host, port: 6881), seed: random.next(), now: network.now)
            members.append(member)
            network.add(member)
            network.send(member.handle(.opened(.v4), now: network.now), of: member)
            if n > 0 { network.send(member.handle(.heardOf([members[0].address]), now: network.now), of: member) }
            network.run(for: .milliseconds(200))
        }
        network.run(for: .seconds(120))
        for member in members {
            let report = try #require(member.node.report().families[.v4])
            #expect(report.goodNodes >= 20, "seed \(seed)")
            #expect(report.externalHost == member.address.host && report.isSecure == true, "seed \(seed)")
            #expect(report.shortage == nil)
        }
        let hash = LabPopulation.hash(using: &random)
        let announced = try #require(
            Self.search(DHTSearch(hash, announce: DHTAnnouncement(port: 4000, isSeed: true)), members[7], network))
        #expect(announced.acceptedCount >= 6, "seed \(seed)")
        let result = try #require(Self.search(DHTSearch(hash), members[31], network))
        #expect(members[31].found[hash] == [PeerAddress(members[7].address.host, port: 4000)], "seed \(seed)")
        #expect(result.announcedCount == 0 && result.firstPeers != nil)
        let scrape = try #require(Self.search(DHTSearch(hash, isScrape: true), members[20], network))
        #expect(abs((scrape.seeds ?? 0) - 1) < 0.5 && (scrape.peers ?? 0) < 0.5, "seed \(seed)")
        // A restart from what was stored, without any address.
        let stored = members[5].node.snapshot()
        #expect((stored.families[.v4]?.nodes.count ?? 0) >= 20)
        let again = RealMember(at: members[5].address, seed: 99, stored: stored, now: network.now)
        network.remove(members[5].address)
        network.add(again)
        network.send(again.handle(.opened(.v4), now: network.now), of: again)
        let found = try #require(Self.search(DHTSearch(hash), again, network))
        #expect(again.found[hash] == [PeerAddress(members[7].address.host, port: 4000)], "seed \(seed)")
        #expect(found.duration < .seconds(20))
        #expect(again.node.id(of: .v4) == members[5].node.id(of: .v4))
    }

    /// Two nodes are a network too: each knows the other by its address only.
    @Test func twoNodesFindEachOther() throws {
        let network = LabNetwork(seed: 1)
        let a = RealMember(at: PeerAddress("10.0.0.1:6881")!, seed: 1, now: network.now)
        let b = RealMember(at: PeerAddress("10.0.0.2:6881")!, seed: 2, now: network.now)
        for member in [a, b] {
            network.add(member)
            network.send(member.handle(.opened(.v4), now: network.now), of: member)
        }
        network.send(a.handle(.heardOf([b.address]), now: network.now), of: a)
        var random = SeededGenerator(seed: 1)
        let hash = LabPopulation.hash(using: &random)
        let result = try #require(
            Self.search(DHTSearch(hash, announce: DHTAnnouncement(port: 4000, isSeed: true)), a, network))
        #expect(result.acceptedCount == 1)
        network.run(for: .seconds(10))
        _ = try #require(Self.search(DHTSearch(hash), b, network))
        #expect(b.node.report().families[.v4]?.goodNodes == 1)
        #expect(a.node.report().families[.v4]?.goodNodes == 1)
        // The only node that stores a peer is b itself, which knows its own shelf; a third node finds it there.
        let c = RealMember(at: PeerAddress("10.0.0.3:6881")!, seed: 3, now: network.now)
        network.add(c)
        network.send(c.handle(.opened(.v4), now: network.now), of: c)
        network.send(c.handle(.heardOf([a.address]), now: network.now), of: c)
        _ = try #require(Self.search(DHTSearch(hash), c, network))
        #expect(c.found[hash] == [PeerAddress("10.0.0.1:4000")!])
    }

    /// Bootstrap servers are asked, and are nothing else.
    @Test func bootstrapServersGiveNodesAndStayOutOfTheTable() throws {
        let network = LabNetwork(seed: 3)
        let population = LabPopulation(count: 300, hostile: 0, seed: 3)
        population.join(network)
        let member = RealMember(at: Self.own, seed: 3, now: network.now)
        let router = population.honest[0]
        member.routers = [router.address]
        network.add(member)
        network.send(member.handle(.opened(.v4), now: network.now), of: member)
        network.run(for: .seconds(60))
        #expect(member.routerRequests == 1)
        let stored = try #require(member.node.snapshot().families[.v4])
        #expect(stored.nodes.count >= 30)
        #expect(!stored.nodes.contains { $0.contact.address == router.address })
    }

    /// The socket opened before the network was there.
    @Test func nodeRecoversWhenTheNetworkComesLater() throws {
        let (network, population, member) = Self.warm(seed: 8, habits: [.silent])
        _ = population
        network.loss = 1
        network.run(for: .seconds(600))
        #expect(member.node.report().families[.v4]?.goodNodes == 0)
        network.loss = 0
        network.send(member.handle(.networkChanged(.v4), now: network.now), of: member)
        network.run(for: .seconds(20))
        #expect((member.node.report().families[.v4]?.goodNodes ?? 0) >= 8)
    }

    /// A hundred thousand dormant torrents would be announced like these: at the rate, the needy ones first.
    @Test func dormantTorrentsAreAnnouncedAtABoundedRate() throws {
        let (network, population, member) = Self.warm(seed: 9)
        network.run(for: .seconds(20))
        _ = population
        var random = SeededGenerator(seed: 9)
        let honest = population.honest
        member.due = (0..<400).map { n in
            let hash = LabPopulation.hash(using: &random)
            let target = NodeID(hash.infoHash)
            let nearest = honest.sorted { $0.id.isCloser(than: $1.id, to: target) }.prefix(8).map(\.contact)
            return DHTDueAnnounce(
                hash, DHTAnnouncement(port: 6881, isSeed: true), nearest: nearest, hasWorkingTracker: n % 2 == 0)
        }
        let sent = member.sentTo.count
        let seconds = 60
        network.run(for: .seconds(seconds))
        let packets = member.sentTo.count - sent
        // Its own upkeep is a packet or two a second.
        #expect(packets <= 50 * seconds + 100 + 3 * seconds, "\(packets) packets")
        #expect(packets >= 40 * seconds, "\(packets) packets")
        let ended = member.results.filter { $0.outcome == .finished }
        #expect(ended.count >= 150, "\(ended.count)")
        #expect(ended.allSatisfy { $0.packetCount <= 16 && $0.acceptedCount >= 4 })
        // More are read only when there is room.
        #expect(member.demands.allSatisfy { $0 <= 32 })
        #expect(member.node.report().dormantWaiting <= 128)
    }

    @Test func sameSeedGivesTheSameRun() {
        func run() -> (Int, Int, Int) {
            let (network, population, member) = Self.warm(seed: 21)
            let hash = population.publish(PeerAddress("99.88.77.66:5555")!)
            _ = Self.search(DHTSearch(hash), member, network)
            return (network.datagramCount, network.byteCount, member.sentTo.count)
        }
        #expect(run() == run())
    }
}
