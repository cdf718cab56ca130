import DHT
import Engine
import NIOCore
import PeerWire
import Store
import TestSupport
import Testing
import Torrent

/// The DHT in a running engine, with nodes and peers over real sockets.
@Suite(.crowded) struct DHTServiceTests {
    private static func use(_ nodes: [DHTPeer], in settings: inout EngineSettings) {
        var options = DHTOptions()
        options.entries = nodes.prefix(2).map { .address($0.address) }
        options.dormantPacketsPerSecond = 1000
        settings.dht = options
        settings.bind = .v4(0x7f00_0001)
    }

    /// Whether a datagram names the torrent.
    private static func names(_ torrent: SampleTorrent, _ datagrams: [[UInt8]]) -> Bool {
        datagrams.contains { $0.firstRange(of: torrent.infoHash.bytes) != nil }
    }

    @Test func torrentIsDownloadedFromPeersOfTheDHTAlone() async throws {
        let torrent = try SampleTorrent(length: 500_000, seed: 81)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await withDHT { nodes in
                    await nodes[5].announce(torrent.infoHash, port: peers[0].address.port)
                    try await eventually("a node to store the announce") {
                        for node in nodes where await node.storedPeers > 0 { return true }
                        return false
                    }
                    try await site.run({ Self.use(nodes, in: &$0) }) { _ in try await site.untilComplete(id) }
                    let known = try site.read { db throws(StoreError) in try db.peers.rows(of: id) }
                    #expect(known.map(\.source) == [.dht])
                    // The next run knows the nodes, without any entry.
                    let stored = try site.read { db throws(StoreError) in try db.dht.nodes() }
                    #expect(stored.count >= 4 && stored.allSatisfy(\.isVerified))
                }
            }
        }
    }

    /// The next run searches as soon as its socket is open, before the torrent is loaded, and with stored nodes alone.
    @Test func nextRunFindsPeersByStoredNodes() async throws {
        let torrent = try SampleTorrent(length: 500_000, seed: 88)
        try await withSite { site in
            try await withPeers(torrent) { peers in
                try await withDHT { nodes in
                    try await site.run({ Self.use(nodes, in: &$0) }) { session in
                        try await eventually("the nodes to be found") {
                            await session.dhtReport?.families[.v4]?.goodNodes ?? 0 >= 7
                        }
                    }
                    await nodes[4].announce(torrent.infoHash, port: peers[0].address.port)
                    try await eventually("a node to store the announce") {
                        for node in nodes where await node.storedPeers > 0 { return true }
                        return false
                    }
                    let id = try site.add(torrent)
                    try await site.run({ Self.use([], in: &$0) }) { _ in try await site.untilComplete(id) }
                    #expect(torrent.faults(in: site.output) == [])
                }
            }
        }
    }

    /// Law 8: whatever happens, no datagram names a private torrent, its peers aren't tried as nodes, and they aren't
    /// told that there is a node.
    @Test func privateTorrentLeavesNoTraceInTheDHT() async throws {
        let secret = try SampleTorrent("secret.bin", length: 300_000, seed: 82, isPrivate: true)
        let open = try SampleTorrent("open.bin", length: 300_000, seed: 83)
        try await withSite { site in
            let hidden = try site.addComplete([secret])[0]
            let shown = try site.addComplete([open])[0]
            try site.write { db throws(StoreError) in
                // An active torrent too: it lacks everything.
                try db.execute("UPDATE torrent SET dht_due_at = 0")
            }
            let wanted = try SampleTorrent("wanted.bin", length: 300_000, seed: 84, isPrivate: true)
            let active = try site.add(wanted)
            try await withDHT { nodes in
                try await site.run({ Self.use(nodes, in: &$0) }) { session in
                    // A peer that has a node gives its port.
                    let trap = try await DHTPeer.start(seed: 99)
                    let peer = try await RawPeer.dial(await session.address)
                    try await peer.say(handshake(wanted.infoHash, [.dht, .extensionProtocol, .fast]))
                    try await peer.say([0, 0, 0, 3, 9, UInt8(trap.address.port >> 8), UInt8(trap.address.port & 255)])
                    try await eventually("our handshake") { peer.heard >= Handshake.byteCount }
                    #expect(peer.bytes[27] & 1 == 0)
                    try site.tell(.connect, active, argument: "\(nodes[7].address)")
                    try await eventually("the public torrent to be announced") {
                        try site.read { db throws(StoreError) in try db.dht.announcedAt(shown) } != nil
                    }
                    try await site.untilSettled()
                    #expect(await trap.received.isEmpty)
                    try await trap.stop()
                    await peer.hangUp()
                }
                for node in nodes {
                    let all = await node.received
                    #expect(!Self.names(secret, all) && !Self.names(wanted, all))
                }
                var isNamed = false
                for node in nodes where Self.names(open, await node.received) { isNamed = true }
                #expect(isNamed)
                let near = try site.read { db throws(StoreError) in
                    (try db.dht.near(hidden), try db.dht.near(active), try db.dht.near(shown))
                }
                #expect(near.0.isEmpty && near.1.isEmpty && !near.2.isEmpty)
            }
        }
    }

    /// Torrents of all kinds, by seed: exactly the public ones that aren't paused are named in the DHT, whether they
    /// are at rest or download.
    @Test(arguments: 1...3 as ClosedRange<UInt64>) func onlyPublicTorrentsAreNamed(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var kinds: [(torrent: SampleTorrent, isNamed: Bool)] = []
        try await withSite { site in
            for n in 0..<24 {
                let isPrivate = Bool.random(using: &random)
                let torrent = try SampleTorrent(
                    "t\(n)", length: 20_000, seed: seed * 1000 + UInt64(n), isPrivate: isPrivate)
                let isPaused = Int.random(in: 0..<4, using: &random) == 0
                if Bool.random(using: &random) {
                    let id = try site.addComplete([torrent])[0]
                    if isPaused { try site.write { db throws(StoreError) in try db.torrents.setPaused(id, true) } }
                } else {
                    _ = try site.add(torrent) { $0.isPaused = isPaused }
                }
                kinds.append((torrent, !isPrivate && !isPaused))
            }
            try await withDHT { nodes in
                try await site.run({ Self.use(nodes, in: &$0) }) { _ in
                    try await eventually("all public torrents to be named") {
                        var all: [[UInt8]] = []
                        for node in nodes { all += await node.received }
                        return kinds.allSatisfy { !$0.isNamed || Self.names($0.torrent, all) }
                    }
                    try await site.untilSettled()
                }
                for node in nodes {
                    let all = await node.received
                    for (torrent, isNamed) in kinds where !isNamed {
                        #expect(!Self.names(torrent, all), "seed \(seed): \(torrent.metainfo.name)")
                    }
                }
            }
        }
    }

    @Test func dormantTorrentsAreAnnouncedAndPlanned() async throws {
        let torrents = try (0..<20).map { try SampleTorrent("t\($0)", length: 20_000, seed: UInt64(200 + $0)) }
        try await withSite { site in
            let ids = try site.addComplete(torrents)
            try site.write { db throws(StoreError) in try db.torrents.setPaused(ids[3], true) }
            try await withDHT { nodes in
                try await site.run({ Self.use(nodes, in: &$0) }) { _ in
                    try await eventually("all torrents to be announced") {
                        try site.read { db throws(StoreError) in
                            try db.value("SELECT count(*) FROM torrent WHERE dht_announced_at IS NOT NULL") == 19
                        }
                    }
                    let (near, due) = try site.read { db throws(StoreError) in
                        (try db.dht.near(ids[0]), try db.dht.dueAt(ids[0]))
                    }
                    #expect(near.first?.nodes.count == 8 * 26)
                    #expect(try #require(due) > .now() + .seconds(1400))
                }
                for node in nodes { #expect(!Self.names(torrents[3], await node.received)) }
                var sum = 0
                for node in nodes { sum += await node.storedPeers }
                #expect(sum >= 19 * 4)
            }
            // A restart announces none of them again.
            try await withDHT { nodes in
                try await site.run({ Self.use(nodes, in: &$0) }) { session in
                    try await eventually("the nodes to be found") {
                        await session.dhtReport?.families[.v4]?.goodNodes ?? 0 >= 8
                    }
                    try await site.untilSettled()
                }
                for node in nodes { for torrent in torrents { #expect(!Self.names(torrent, await node.received)) } }
            }
        }
    }

    /// A peer of a public torrent tells the port of its node, and hears ours.
    @Test func nodesOfPeersAreTried() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 85)
        try await withSite { site in
            _ = try site.add(torrent)
            try await site.run({ Self.use([], in: &$0) }) { session in
                let node = try await DHTPeer.start(seed: 5)
                let peer = try await RawPeer.dial(await session.address)
                try await peer.say(handshake(torrent.infoHash, [.dht]))
                let port = await session.listenPort
                let message: [UInt8] = [0, 0, 0, 3, 9, UInt8(port >> 8), UInt8(port & 255)]
                try await eventually("our port") { peer.bytes.firstRange(of: message) != nil }
                #expect(peer.bytes[27] & 1 == 1)
                try await peer.say([0, 0, 0, 3, 9, UInt8(node.address.port >> 8), UInt8(node.address.port & 255)])
                try await eventually("the node to be asked") { await !node.received.isEmpty }
                await peer.hangUp()
                try await node.stop()
            }
        }
    }

    /// The peers that a tracker or another peer names may have nodes at their ports.
    @Test func nodesOfFoundPeersAreTried() async throws {
        let ofTracker = try await DHTPeer.start(seed: 21)
        let ofExchange = try await DHTPeer.start(seed: 22)
        try await withTracker { tracker in
            tracker.answer { $0.peers = [ofTracker.address] }
            let torrent = try SampleTorrent(length: 100_000, seed: 89, trackers: [[tracker.url]])
            try await withSite { site in
                _ = try site.add(torrent)
                try await site.run({ Self.use([], in: &$0) }) { session in
                    try await eventually("the tracker's peer to be asked") { await !ofTracker.received.isEmpty }
                    let teller = try await RawPeer.dial(await session.address)
                    try await teller.say(
                        PeerExchangeTests.greeting(torrent, telling: ofExchange.address, number: 1))
                    try await eventually("the other peer's peer to be asked") {
                        await !ofExchange.received.isEmpty
                    }
                    await teller.hangUp()
                }
            }
        }
        try await ofTracker.stop()
        try await ofExchange.stop()
    }

    /// `--dht-bootstrap NAME:PORT`: the name is looked up.
    @Test func nodeWithANameIsFound() async throws {
        try await withSite { site in
            try await withDHT { nodes in
                let name = try #require(MagnetPeer("localhost:\(nodes[0].address.port)"))
                try await site.run({
                    Self.use([], in: &$0)
                    $0.dht?.entries = [name]
                }) { session in
                    try await eventually("the nodes to be found") {
                        await session.dhtReport?.families[.v4]?.goodNodes ?? 0 >= 8
                    }
                }
            }
        }
    }

    /// The engine was there first: it asks again, though nothing answered.
    @Test func nodeThatStartsLaterIsFound() async throws {
        let first = try await DHTPeer.start(port: Machine.freePort(), seed: 23)
        try await withSite { site in
            try await site.run({ Self.use([first], in: &$0) }) { session in
                try await eventually("the node to be asked") { await !first.received.isEmpty }
                try await first.stop()
                let later = try await DHTPeer.start(port: first.address.port, seed: 24)
                try await eventually("the node to be found") {
                    await session.dhtReport?.families[.v4]?.goodNodes == 1
                }
                try await later.stop()
            }
        }
    }

    /// The number of datagrams that named the torrent, of all that were sent until now: what `watcher` sends to each
    /// node arrives after them.
    private static func count(naming torrent: SampleTorrent, _ nodes: [DHTPeer], _ watcher: DHTPeer) async throws
        -> Int
    {
        let mark = Array("d1:xi\(UInt64.random(in: 0...(.max)))ee".utf8)
        var count = 0
        for node in nodes {
            await watcher.send(mark, to: node.address)
            try await eventually("the mark to arrive") { await node.received.contains(mark) }
            count += await node.received.count { $0.firstRange(of: torrent.infoHash.bytes) != nil }
        }
        return count
    }

    /// Law 8: a magnet link may be searched for, because nothing says that its torrent is private. From the moment on
    /// in which the metadata does, no datagram names the torrent, in this run and the next.
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func torrentThatTurnsOutPrivateIsNotNamedAgain(seed: UInt64)
        async throws
    {
        var random = SeededGenerator(seed: seed)
        let torrent = try SampleTorrent(
            "secret", length: Int.random(in: 20_000...2_000_000, using: &random), pieceLength: 16384, seed: seed,
            isPrivate: true)
        let open = try SampleTorrent("open", length: 20_000, seed: seed + 100)
        let (pauses, isKnown) = (seed % 2 == 0, Bool.random(using: &random))
        try await withSite { site in
            let id = try site.add(magnet: torrent, pausesAfter: pauses)
            try await withMetadataPeers(torrent) { peers in
                try await withDHT { nodes in
                    let watcher = try await DHTPeer.start(seed: 77)
                    if isKnown {
                        await nodes[2].announce(torrent.infoHash, port: peers[0].address.port)
                        try await eventually("the announce of another node to end") { await !nodes[2].results.isEmpty }
                    }
                    let others = try await Self.count(naming: torrent, nodes, watcher)
                    let before = try await site.run({ Self.use(nodes, in: &$0) }) { session in
                        try await eventually("the magnet link to be searched for") {
                            try await Self.count(naming: torrent, nodes, watcher) > others
                        }
                        try site.tell(.connect, id, argument: "\(peers[0].address)")
                        if pauses { try await site.untilPaused(id) } else { try await site.untilComplete(id) }
                        // What would begin a search of a public torrent.
                        let before = try await Self.count(naming: torrent, nodes, watcher)
                        try site.tell(.connect, id, argument: "\(nodes[5].address)")
                        try site.tell(.announce, id)
                        try await site.untilSettled()
                        #expect(try await Self.count(naming: torrent, nodes, watcher) == before, "seed \(seed)")
                        return before
                    }
                    #expect(try site.row(id).isPrivate)
                    let shown = try site.addComplete([open])[0]
                    try site.write { db throws(StoreError) in try db.execute("UPDATE torrent SET dht_due_at = 0") }
                    try await site.run({ Self.use(nodes, in: &$0) }) { _ in
                        try await eventually("the public torrent to be announced") {
                            try site.read { db throws(StoreError) in try db.dht.announcedAt(shown) } != nil
                        }
                        try await site.untilSettled()
                    }
                    #expect(try await Self.count(naming: torrent, nodes, watcher) == before, "seed \(seed)")
                    let near = try site.read { db throws(StoreError) in try db.dht.near(id) }
                    #expect(near.isEmpty, "seed \(seed)")
                    try await watcher.stop()
                }
            }
        }
    }

    /// Floods and garbage cost packets of the DHT, never the engine.
    @Test func garbageAtTheSocketHarmsNothing() async throws {
        let torrent = try SampleTorrent(length: 500_000, seed: 86)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in
                try await withDHT { nodes in
                    try await site.run({ Self.use(nodes, in: &$0) }) { session in
                        let target = await session.address
                        let attacker = try await DHTPeer.start(seed: 7)
                        var random = SeededGenerator(seed: 17)
                        let good = Array("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".utf8)
                        for n in 0..<3000 {
                            var datagram = good
                            for _ in 0..<(n % 5) {
                                let place = Int.random(in: 1..<datagram.count, using: &random)
                                datagram[place] = UInt8.random(in: 0...255, using: &random)
                            }
                            if n % 7 == 0 { datagram = Array("d".utf8) + Array(repeating: UInt8(ascii: "d"), count: n) }
                            if n % 11 == 0 { datagram = [0, 0, 0, UInt8(n % 4)] + datagram }
                            await attacker.send(datagram, to: target)
                        }
                        await nodes[3].announce(torrent.infoHash, port: peers[0].address.port)
                        try await site.untilComplete(id)
                        // The flood was noticed.
                        #expect(await session.dhtReport?.counters.floodDropped ?? 0 > 0)
                        try await attacker.stop()
                    }
                }
            }
        }
    }

    /// Another program has the UDP port: trackers and peers go on, and the reason is said.
    @Test func takenUDPPortIsSaidAndHarmsNothing() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 87)
        try await withSite { site in
            let id = try site.add(torrent)
            let holder = try await DHTPeer.start(port: Machine.freePort(), seed: 3)
            try await withPeers(torrent) { peers in
                let change: (inout EngineSettings) -> Void = { settings in
                    Self.use([], in: &settings)
                    settings.listenPort = Int(holder.address.port)
                    settings.listenPortIsFixed = true
                }
                try await site.run(peers: peers.map(\.address), change) { _ in try await site.untilComplete(id) }
            }
            let row = try #require(try site.read { db throws(StoreError) in try db.dht.rows().first })
            #expect(
                row.problem
                    == "another program uses UDP port \(holder.address.port): choose another port with --listen-port")
            try await holder.stop()
        }
    }

    private func handshake(_ torrent: InfoHash, _ reserved: Handshake.Reserved) -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        var buffer = ByteBuffer()
        Handshake(reserved: reserved, infoHash: torrent, peerID: PeerID(using: &random)).append(to: &buffer)
        return Array(buffer.readableBytesView)
    }
}
