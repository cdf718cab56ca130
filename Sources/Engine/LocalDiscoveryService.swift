import Discovery
import Logging
package import NIOCore
import Net
package import Torrent

/// The local discovery of a session: announces active public torrents on the local network, and finds their peers there
/// (BEP 14).
///
/// It takes a torrent only as a ``PublicInfoHash``, which a private torrent doesn't have (law 8 of the design).
package actor LocalDiscoveryService: PeerDiscovery {
    package static let source = PeerSource.lsd

    /// How often the network interfaces are looked at.
    private static let refreshInterval = Duration.seconds(60)

    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    private nonisolated let clock: EngineClock
    private nonisolated let log = Logger(label: "pieces.lsd")
    private let bind: PeerAddress.Host?
    private var machine: LocalDiscovery?
    private var sockets: MulticastSockets?
    private var seekers: [PublicInfoHash: PeerSeeker] = [:]
    private var refreshAt: Instant
    private var lastProblems: [String] = []

    init(loop: any EventLoop, bind: PeerAddress.Host?, clock: EngineClock) {
        self.loop = loop
        self.bind = bind
        self.clock = clock
        refreshAt = clock.now
    }

    /// Enters the actor from another one on the same loop, without a hop.
    package nonisolated func onLoop<Value: Sendable>(_ body: (isolated LocalDiscoveryService) -> Value) -> Value {
        assumeIsolated(body)
    }

    /// `port` is where we accept peers.
    func start(port: UInt16, seed: UInt64) {
        guard port > 0 else { return }
        machine = LocalDiscovery(port: port, seed: seed)
        sockets = MulticastSockets(
            loop: loop, bind: bind, port: LocalAnnouncement.port, group: { LocalAnnouncement.group($0).host }
        ) { datagram, sender in
            self.assumeIsolated { $0.received(datagram, from: sender) }
        }
    }

    func stop() async {
        seekers = [:]
        machine = nil
        guard let closing = sockets?.onLoop({ $0.close() }) else { return }
        // A socket that can't be closed ends with the process.
        do { try await closing.get() } catch { log.debug("\(error)") }
    }

    /// From now on, peers of the active torrent are found for `seeker`, and it is announced.
    func serve(_ hash: PublicInfoHash, _ seeker: PeerSeeker) {
        seekers[hash] = seeker
        machine?.add(hash, now: clock.now)
    }

    func forget(_ hash: PublicInfoHash) {
        seekers[hash] = nil
        machine?.remove(hash)
    }

    /// Runs once a second.
    func tick() {
        let now = clock.now
        guard let sockets, !seekers.isEmpty else { return }
        if now >= refreshAt {
            refreshAt = now + Self.refreshInterval
            let problems = sockets.onLoop { $0.refresh() }
            if problems != lastProblems { for problem in problems { log.info("\(problem)") } }
            lastProblems = problems
        }
        for announcement in machine?.takeDue(now: now) ?? [] {
            for family in AddressFamily.allCases {
                let bytes = Array(announcement.text(for: family).utf8)
                sockets.onLoop { $0.send(bytes, family) }
            }
        }
    }

    private func received(_ datagram: ByteBuffer, from sender: PeerAddress) {
        let found = machine?.received(datagram.readableBytesView, from: sender.host, now: clock.now) ?? []
        for (hash, address) in found {
            // Whoever is served is public.
            guard let peers = Self.found([address], isPrivate: false) else { continue }
            seekers[hash]?.found(peers)
        }
    }
}
