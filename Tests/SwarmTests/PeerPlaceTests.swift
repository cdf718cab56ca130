import Swarm
import Testing
import Torrent

/// Which idle peer gives its place to another when all places are taken (BEP 40).
struct PeerPlaceTests {
    private static let own = PeerAddress(.v4(0x0808_0404), port: 6881)

    /// Peers of different hosts of the internet, lowest priority first.
    private static func ranked(_ count: Int, seed: UInt64 = 1) -> [PeerAddress] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { n in
            PeerAddress(.v4(0x5000_0000 + UInt32(n) << 12 + UInt32.random(in: 1...4000, using: &random)), port: 6881)
        }
        .sorted { rank($0) < rank($1) }
    }

    private static func rank(_ address: PeerAddress) -> UInt32 { PeerPriority.of(own, address) ?? 0 }

    private func bench(places: Int, isAddressKnown: Bool = true) -> SwarmBench {
        var settings = SwarmSettings()
        settings.maximumPeers = places
        let bench = SwarmBench(settings: settings, have: Array(0..<8)).started()
        if isAddressKnown { bench.feed { swarm, _ in swarm.seen(at: Self.own) } }
        return bench
    }

    /// Returns the key of the peer, if it gets a place.
    private func join(_ address: PeerAddress, _ bench: SwarmBench) -> PeerKey? {
        var key: PeerKey?
        let info = PeerInfo(
            address: address, isIncoming: true, supportsFast: true, supportsExtensions: true, client: "test")
        bench.feed { swarm, now in
            if case .success(let new) = swarm.connected(info, now: now) { key = new }
        }
        return key
    }

    private func connected(_ bench: SwarmBench) -> Set<PeerAddress> {
        Set(bench.swarm.peerReports(now: bench.now).map(\.address))
    }

    @Test func newcomerOfAHigherPriorityReplacesTheIdlePeerOfTheLowest() {
        let (bench, peers) = (bench(places: 2), Self.ranked(4))
        for peer in [peers[0], peers[2]] { #expect(join(peer, bench) != nil) }
        #expect(join(peers[3], bench) == nil, "nobody has been there for long enough")
        bench.advance(.seconds(12))
        #expect(join(peers[1], bench) != nil)
        #expect(connected(bench) == [peers[1], peers[2]])
        bench.advance(.seconds(12))
        #expect(join(peers[0], bench) == nil, "it doesn't come back")
        #expect(join(peers[3], bench) != nil)
        #expect(connected(bench) == [peers[2], peers[3]])
    }

    @Test func peerThatIsServedKeepsItsPlace() {
        let (bench, peers) = (bench(places: 2), Self.ranked(3))
        let served = join(peers[0], bench)
        #expect(join(peers[1], bench) != nil)
        guard let served else { return }
        bench.feed { $0.interested(served, now: $1) }
        bench.feed { $0.requested(served, piece: 0, begin: 0, length: 16_384, now: $1) }
        let request = BlockRequest(piece: PieceIndex(0), begin: 0, length: 16_384)
        bench.advance(.seconds(8))
        bench.feed { $0.served(served, request, now: $1) }
        bench.advance(.seconds(8))
        #expect(join(peers[2], bench) != nil)
        #expect(connected(bench) == [peers[0], peers[2]])
    }

    @Test func withoutOurOwnAddressTheFirstStay() {
        let (bench, peers) = (bench(places: 2, isAddressKnown: false), Self.ranked(3))
        for peer in peers.prefix(2) { #expect(join(peer, bench) != nil) }
        bench.advance(.seconds(30))
        #expect(join(peers[2], bench) == nil)
    }

    /// Peers that are of no use come again and again: each that is replaced has a lower priority than the one in its
    /// place, so that the same peers are never kept twice, and the set settles.
    @Test(arguments: 1...50 as ClosedRange<UInt64>) func peersThatAreKeptSettle(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let places = Int.random(in: 2...8, using: &random)
        let bench = bench(places: places)
        let peers = Self.ranked(30, seed: seed)
        var (replacements, sum) = (0, 0)
        // Beyond a minute an idle peer gives way to anybody.
        for _ in 0..<4 {
            for peer in peers.shuffled(using: &random) {
                let before = connected(bench)
                guard !before.contains(peer), join(peer, bench) != nil else { continue }
                let now = connected(bench)
                for other in before.subtracting(now) {
                    replacements += 1
                    #expect(Self.rank(other) < Self.rank(peer), "seed \(seed)")
                }
                let worth = now.reduce(0) { $0 + Int(Self.rank($1)) }
                #expect(now.count <= places && worth > sum, "seed \(seed)")
                sum = worth
            }
            bench.advance(.seconds(12))
        }
        #expect(connected(bench).count == places && replacements > 0, "seed \(seed)")
    }
}
