import Discovery
import Logging
package import NIOCore
import Net
import Store
package import Torrent

/// The local discovery of a session: announces public torrents on the local network, and finds their peers there (BEP
/// 14). Torrents at rest are announced in turn, a datagram of them every ``LocalDiscovery/dormantPause``.
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
    /// Whether torrents at rest take part.
    private var servesDormant = false
    /// The number of the last torrent at rest that was announced.
    private var lastAnnounced: TorrentID?
    /// Torrents that peers announced, and that the session has to look up.
    private var others: [(hash: InfoHash, address: PeerAddress)] = []
    private static let mostOthers = 100
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
    func start(port: UInt16, seed: UInt64, servesDormant: Bool) {
        guard port > 0 else { return }
        self.servesDormant = servesDormant
        machine = LocalDiscovery(port: port, seed: seed)
        sockets = MulticastSockets(
            loop: loop, bind: bind, port: LocalAnnouncement.port, group: { LocalAnnouncement.group($0).host }
        ) { datagram, sender in
            self.assumeIsolated { $0.received(datagram, from: sender) }
        }
    }

    func stop() async {
        servesDormant = false
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
        guard let sockets, !seekers.isEmpty || servesDormant else { return }
        if now >= refreshAt {
            refreshAt = now + Self.refreshInterval
            let problems = sockets.onLoop { $0.refresh() }
            if problems != lastProblems { for problem in problems { log.info("\(problem)") } }
            lastProblems = problems
        }
        for announcement in machine?.takeDue(now: now) ?? [] { send(announcement) }
    }

    // MARK: Torrents at rest

    /// If torrents at rest are due, announces the next ones. `find` returns the public ones of the next torrents that
    /// seed, at most so many, and the last one's number; `nil` if none follows.
    func announceDormant(
        _ find: @Sendable (_ after: TorrentID?, _ most: Int) async -> (hashes: [PublicInfoHash], last: TorrentID?)
    ) async {
        guard servesDormant, machine?.takeDormantTurn(now: clock.now) ?? false else { return }
        let seeds = await find(lastAnnounced, LocalAnnouncement.mostHashes)
        lastAnnounced = seeds.last
        let announcement = machine?.announceDormant(seeds.hashes, isLast: seeds.last == nil, now: clock.now)
        if let announcement { send(announcement) }
    }

    /// Returns the torrents that peers announced since the last call, and that may be at rest here.
    func takeOthers() -> [(hash: InfoHash, address: PeerAddress)] {
        defer { others = [] }
        return others
    }

    private func send(_ announcement: LocalAnnouncement) {
        for family in AddressFamily.allCases {
            let bytes = Array(announcement.text(for: family).utf8)
            sockets?.onLoop { $0.send(bytes, family) }
        }
    }

    private func received(_ datagram: ByteBuffer, from sender: PeerAddress) {
        guard let found = machine?.received(datagram.readableBytesView, from: sender.host, now: clock.now) else {
            return
        }
        for hash in found.active {
            // Whoever is served is public.
            guard let peers = Self.found([found.address], isPrivate: false) else { continue }
            seekers[hash]?.found(peers)
        }
        guard servesDormant else { return }
        for hash in found.others.prefix(Self.mostOthers - others.count) { others.append((hash, found.address)) }
    }
}
