import DHT
import NIOCore
import NIOPosix
import Net
import Torrent

/// A node of the DHT on loopback: the machine of the room `DHT` behind a socket of its own.
actor DHTPeer {
    private static let host = PeerAddress.Host.v4(0x7f00_0001)

    nonisolated let loop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    private nonisolated let hub: DatagramHub
    private var node: DHTNode
    private let began = ContinuousClock.now
    private var timer: Scheduled<Void>?
    /// What arrived.
    private(set) var received: [[UInt8]] = []
    private(set) var results: [DHTSearchResult] = []
    private(set) var found: Set<PeerAddress> = []
    nonisolated let address: PeerAddress

    private init(_ hub: DatagramHub, seed: UInt64, at address: PeerAddress) {
        self.hub = hub
        self.address = address
        loop = hub.loop
        node = DHTNode(settings: DHTSettings(), seed: seed, now: .origin)
    }

    /// Port 0 chooses a free one.
    static func start(_ entries: [PeerAddress] = [], port: UInt16 = 0, seed: UInt64) async throws -> DHTPeer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let hub = DatagramHub(loop: loop, bind: host)
        if let failure = await hub.open(port: port).first { throw failure }
        let address = PeerAddress(host, port: await hub.port(of: .v4) ?? 0)
        let peer = DHTPeer(hub, seed: seed, at: address)
        await hub.receive(.dht) { datagram, sender in
            peer.assumeIsolated { $0.take(Array(datagram.readableBytesView), from: sender) }
        }
        await peer.feed(.opened(.v4))
        if !entries.isEmpty { await peer.feed(.given(entries)) }
        return peer
    }

    var goodNodes: Int { node.report().families[.v4]?.goodNodes ?? 0 }
    var storedPeers: Int { node.report().families[.v4]?.storedPeers ?? 0 }

    private var now: Instant { .origin + (ContinuousClock.now - began) }

    private func take(_ datagram: [UInt8], from sender: SocketAddress) {
        received.append(datagram)
        if let sender = PeerAddress(sender) { feed(.received(datagram, from: sender)) }
    }

    func feed(_ event: DHTNode.Event) {
        for effect in node.handle(event, now: now) {
            switch effect {
            case .send(let bytes, let address): send(bytes, to: address)
            case .found(_, let peers): found.formUnion(peers)
            case .ended(let result): results.append(result)
            case .resolveRouters, .needDue, .externalAddress: break
            }
        }
        timer?.cancel()
        guard let wake = node.nextWake else { return }
        timer = loop.scheduleTask(in: .nanoseconds(max(0, (wake - now).nanoseconds))) { [weak self] in
            self?.assumeIsolated { $0.feed(.wake) }
        }
    }

    func send(_ bytes: [UInt8], to address: PeerAddress) {
        if let native = address.native { _ = hub.onLoop { $0.send(bytes, to: native) } }
    }

    /// Announces that a peer listens at the port of this host.
    func announce(_ torrent: InfoHash, port: UInt16) {
        guard let hash = PublicInfoHash(torrent, isPrivate: false) else { return }
        feed(.search(DHTSearch(hash, announce: DHTAnnouncement(port: port, isSeed: true))))
    }

    func stop() async throws {
        timer?.cancel()
        try await hub.close().get()
    }
}

/// Runs `body` beside a network of nodes that know each other.
func withDHT<Value>(
    nodes count: Int = 8, isolation: isolated (any Actor)? = #isolation, _ body: ([DHTPeer]) async throws -> Value
) async throws -> Value {
    var nodes: [DHTPeer] = []
    let result: Result<Value, any Error>
    do {
        for n in 0..<count {
            nodes.append(try await DHTPeer.start(nodes.first.map { [$0.address] } ?? [], seed: UInt64(n + 1)))
        }
        result = .success(try await body(nodes))
    } catch {
        result = .failure(error)
    }
    for node in nodes { try await node.stop() }
    return try result.get()
}
