import DHT
import DHTLab
import Glibc
import Torrent

/// How long lookups take: in virtual time among 1,000 nodes, and on loopback beside libtorrent's.
struct DHTLookups {
    private static let seeds: Range<UInt64> = 0..<8
    private static let lookups = 25
    private static let nodes = 1000
    private static let hostile = 0.2
    /// libtorrent's nodes, and torrents that they announced.
    private static let realNodes = 50
    private static let torrents = 25
    private static let joining = Duration.seconds(20)
    private static let roundTrip = Duration.milliseconds(50)

    /// The median and the 95th percentile.
    private static func percentiles(_ times: [Duration]) -> (String, String) {
        let sorted = times.sorted()
        guard let last = sorted.last else { return ("–", "–") }
        func share(_ share: Double) -> String {
            let place = Int(Double(sorted.count) * share)
            return (place < sorted.count ? sorted[place] : last).milliseconds
        }
        return (share(0.5), share(0.95))
    }

    // MARK: Virtual time

    /// Of a node that ran before, in a settled network whose round trips are 20 to 300 ms, and that loses 1 %.
    func printVirtual() throws {
        var (first, eighth, ends): ([Duration], [Duration], [Duration]) = ([], [], [])
        var packets: [Int] = []
        for seed in Self.seeds {
            let network = LabNetwork(seed: seed)
            network.loss = 0.01
            let population = LabPopulation(count: Self.nodes, hostile: Self.hostile, seed: seed)
            population.join(network)
            guard let own = PeerAddress("11.22.33.44:6881"), let peer = PeerAddress("99.88.77.66:5555") else { return }
            let member = RealMember(
                at: own, seed: seed, stored: population.snapshot(nodes: 200, for: own.host), now: network.now)
            network.add(member)
            network.send(member.handle(.opened(.v4), now: network.now), of: member)
            network.run(for: .seconds(30))
            for _ in 0..<Self.lookups {
                let search = DHTSearch(
                    population.publish(peer), announce: DHTAnnouncement(port: 7777, isSeed: false))
                let count = member.results.count
                network.send(member.handle(.search(search), now: network.now), of: member)
                network.run(for: .seconds(120)) { member.results.count > count }
                guard member.results.count > count, let result = member.results.last else { continue }
                if let time = result.firstPeers { first.append(time) }
                if let time = result.eighthToken { eighth.append(time) }
                ends.append(result.duration)
                packets.append(result.packetCount)
            }
        }
        let total = Self.seeds.count * Self.lookups
        print("\(total) lookups in virtual time among \(Self.nodes) nodes, 20 % of them hostile; times in ms")
        let table = Table(["until", "of them", "p50", "p95"], firstWidth: 16)
        for (name, times) in [("first peers", first), ("eighth token", eighth), ("end and announce", ends)] {
            let (median, most) = Self.percentiles(times)
            table.add([name, "\(times.count)", median, most])
        }
        let sorted = packets.sorted()
        if !sorted.isEmpty { print("packets of a lookup with its announces, median: \(sorted[sorted.count / 2])\n") }
    }

    // MARK: Real nodes

    /// Our node and one of libtorrent's look for the same torrents in the same network, of which a fifth has gone: on
    /// loopback, and for root also where a round trip takes as long as on the Internet.
    func printReal() throws {
        for roundTrip in getuid() == 0 ? [.zero, Self.roundTrip] : [.zero] { try printReal(roundTrip) }
    }

    private func printReal(_ roundTrip: Duration) throws {
        guard
            let nodes = try LibtorrentNodes(count: Self.realNodes, torrents: Self.torrents, roundTrip: roundTrip)
        else {
            print("python3 has no libtorrent, so there is nothing to compare with\n")
            return
        }
        let own = try PolledNode(entry: nodes.entry)
        own.work(for: Self.joining)
        try nodes.takeDown()
        var (ours, theirs): ([Duration], [Duration]) = ([], [])
        for (number, hash) in nodes.torrents.enumerated() {
            // In turn, because what is learnt from one search helps in the next.
            let isOursFirst = number % 2 == 0
            if isOursFirst, let time = own.search(hash, patience: .seconds(30)) { ours.append(time) }
            if let time = try nodes.search(number) { theirs.append(time) }
            if !isOursFirst, let time = own.search(hash, patience: .seconds(30)) { ours.append(time) }
        }
        let place = roundTrip == .zero ? "on loopback" : "behind round trips of \(roundTrip.milliseconds) ms"
        print(
            """
            \(nodes.torrents.count) lookups among \(Self.realNodes) nodes of libtorrent \(place), a fifth of which has \
            just gone; ms to the first peers
            """)
        let table = Table(["who", "found", "p50", "p95"], firstWidth: 16)
        for (name, times) in [("pieces", ours), ("libtorrent", theirs)] {
            let (median, most) = Self.percentiles(times)
            table.add([name, "\(times.count)", median, most])
        }
        if let mine = ours.sorted().dropFirst(ours.count / 2).first,
            let other = theirs.sorted().dropFirst(theirs.count / 2).first
        {
            print("ratio of the medians: \((mine / other).text(2))\n")
        }
    }
}
