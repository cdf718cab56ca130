package import DHT
import Logging
package import NIOCore
import Net
package import Store
package import Torrent

/// The DHT of a session: performs what its ``DHTNode`` decides, for active and dormant torrents alike.
///
/// It takes and returns a torrent only as a ``PublicInfoHash``, which a private torrent doesn't have (law 8 of the
/// design).
package actor DHTService: PeerDiscovery {
    package static let source = PeerSource.dht

    /// How often results are written, reports, and the nodes.
    private static let saveInterval = Duration.seconds(5)
    private static let reportInterval = Duration.seconds(5)
    private static let nodesInterval = Duration.seconds(60)
    private static let firstNodes = Duration.seconds(8)
    /// How often the addresses of this machine are looked at.
    private static let networkInterval = Duration.seconds(15)
    /// A dormant torrent whose announce no node accepted is due again after this.
    private static let dormantRetry = Duration.seconds(300)
    /// The pauses before a socket is opened again that failed or was closed.
    private static let reopenPauses = Duration.seconds(5)...Duration.seconds(300)
    /// The most addresses of peers that are tried as nodes at once.
    private static let mostPeersTried = 8

    /// An active torrent.
    private struct Client {
        let torrent: TorrentID
        let seeker: PeerSeeker
        var schedule: DHTSchedule
        var nearest: [NodeContact]
    }

    /// A dormant torrent whose announce is under way.
    private struct Dormant {
        let torrent: TorrentID
        var pending: Int
        var isAccepted = false
    }

    /// A dormant torrent that is due, with its number.
    package struct Due: Sendable {
        package let torrent: TorrentID
        package let announce: DHTDueAnnounce
    }

    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }
    private nonisolated let hub: DatagramHub
    private nonisolated let store: Store
    private nonisolated let clock: EngineClock
    private nonisolated let log = Logger(label: "pieces.dht")
    private let options: DHTOptions
    private let bind: PeerAddress.Host?
    private var node: DHTNode
    private let names: BootstrapNames
    private var network: NetworkWatch

    /// The port at which we accept peers.
    private var listenPort: UInt16 = 0
    private var clients: [PublicInfoHash: Client] = [:]
    private var dormant: [PublicInfoHash: Dormant] = [:]
    private var early = EarlySearches()
    private var earlyCandidates: [EarlySearches.Candidate]
    private var dueSource: (@Sendable (Int) async -> [Due])?
    private var timer: Scheduled<Void>?
    private var wakesAt: Instant?
    private var isStopped = false

    private var opened: Set<AddressFamily> = []
    private var failures: [AddressFamily: DatagramFailure] = [:]
    private var sendFailures: [AddressFamily: DatagramFailure] = [:]
    private var reopenAt: [AddressFamily: Instant] = [:]
    private var reopenPause = DHTService.reopenPauses.lowerBound

    private var records = DHTRecords()
    private var saving: Task<Void, Never>?
    private var savedAt: Instant
    private var reportedAt: Instant?
    private var nodesSavedAt: Instant
    private var searchedCount = 0
    private var announcedCount = 0
    private var sentCount = 0
    private var receivedCount = 0

    /// - `key`: at least 16 bytes of the system's random source.
    init(
        _ options: DHTOptions, bind: PeerAddress.Host?, hub: DatagramHub, stored: StoredDHT?, key: [UInt8],
        store: Store, clock: EngineClock, names: BootstrapNames
    ) {
        self.options = options
        self.bind = bind
        self.hub = hub
        self.store = store
        self.clock = clock
        self.names = names
        earlyCandidates = stored?.early ?? []
        loop = hub.loop
        var settings = DHTSettings()
        settings.dormantPacketsPerSecond = options.dormantPacketsPerSecond
        settings.version = Self.version
        settings.isReadOnly = options.isReadOnly ?? false
        settings.becomesReadOnly = options.isReadOnly == nil
        let now = clock.now
        node = DHTNode(settings: settings, stored: stored?.snapshot(clock) ?? DHTSnapshot(), key: key, now: now)
        network = NetworkWatch(now: now)
        savedAt = now + (.zero - Self.saveInterval)
        // The nodes of a new database are stored soon.
        nodesSavedAt = now + (Self.firstNodes - Self.nodesInterval)
    }

    /// Our client and version, as other nodes receive it.
    private static let version = Array("PE".utf8) + [0, 1]

    /// Enters the actor from another one on the same loop, without a hop.
    package nonisolated func onLoop<Value: Sendable>(_ body: (isolated DHTService) -> Value) -> Value {
        assumeIsolated(body)
    }

    // MARK: Life

    /// Begins with the sockets that the hub has open. `failures` says why the others aren't.
    func start(port: UInt16, failures: [DatagramFailure]) {
        listenPort = port
        for failure in failures { failed(failure) }
        hub.onLoop { hub in
            hub.receive(.dht) { datagram, sender in self.assumeIsolated { $0.received(datagram, from: sender) } }
        }
        // Searches for the torrents that will be downloaded begin while these are loaded.
        noteOpened(searching: earlyCandidates)
        earlyCandidates = []
        let given = options.entries.compactMap { if case .address(let address) = $0 { address } else { nil } }
        if !given.isEmpty { feed(.given(given)) }
        for failure in failures where !failure.isUnsupported { log.warning("\(failure): \(Self.consequence)") }
    }

    private static let consequence = "the DHT goes on without it; trackers and peers aren't affected"

    /// Stops sending, and saves what is known.
    func stop() async {
        guard !isStopped else { return }
        keepNodes()
        keepReport(isLast: true)
        isStopped = true
        timer?.cancel()
        names.shutdown()
        hub.onLoop { $0.receive(.dht, by: nil) }
        await save()
    }

    /// Dormant torrents that are due come from `source`, which gets the number that is wanted.
    func serveDormant(from source: @escaping @Sendable (Int) async -> [Due]) { dueSource = source }

    // MARK: Torrents

    /// From now on, peers of the active torrent are found for `seeker`, and it is announced.
    func serve(_ hash: PublicInfoHash, _ torrent: TorrentID, _ seeker: PeerSeeker) {
        if let search = early.take(hash) { return takeOver(search, hash, seeker) }
        forget(hash)
        later { await $0.begin(hash, torrent, seeker) }
    }

    /// The search for the torrent began before it was loaded.
    private func takeOver(_ search: EarlySearches.Search, _ hash: PublicInfoHash, _ seeker: PeerSeeker) {
        let (candidate, now) = (search.candidate, clock.now)
        var client = Client(
            torrent: candidate.torrent, seeker: seeker,
            schedule: DHTSchedule(due: candidate.due.map { now + ($0 - clock.timestamp) }, now: now),
            nearest: candidate.nearest)
        // Its own next search is as far away as if it had begun this one.
        _ = client.schedule.next(
            isHungry: true, mayAnnounce: false, isSeed: false, families: search.pending, now: now)
        clients[hash] = client
        guard !search.peers.isEmpty else { return }
        // The torrent is just being started.
        loop.execute { self.assumeIsolated { $0.give(search.peers, to: hash) } }
    }

    private func give(_ peers: [PeerAddress], to hash: PublicInfoHash) {
        if let client = clients[hash], let found = Self.found(peers, isPrivate: false) { client.seeker.found(found) }
    }

    private func begin(_ hash: PublicInfoHash, _ torrent: TorrentID, _ seeker: PeerSeeker) async {
        let stored = await stored(torrent)
        guard !isStopped, seeker.situation()?.isRunning == true else { return }
        let now = clock.now
        let due = stored.due.map { now + ($0 - clock.timestamp) }
        clients[hash] = Client(
            torrent: torrent, seeker: seeker, schedule: DHTSchedule(due: due, now: now), nearest: stored.near)
        attend(hash)
    }

    /// Does something that waits for the database; its failure changes nothing.
    @discardableResult
    private func later(_ body: @escaping @Sendable (isolated DHTService) async -> Void) -> Task<Void, Never> {
        Task { await body(self) }
    }

    /// Nothing more is sent for the torrent: it is at rest or removed, or its metadata says that it is private.
    func forget(_ hash: PublicInfoHash) {
        let isKnown = clients.removeValue(forKey: hash) != nil || dormant.removeValue(forKey: hash) != nil
        guard early.take(hash) != nil || isKnown else { return }
        feed(.forget(hash))
    }

    /// The torrent was removed from the database.
    func removed(_ torrent: TorrentID) { records.forget(torrent) }

    /// The user asks for more peers.
    func hasten(_ hash: PublicInfoHash) {
        clients[hash]?.schedule.hasten(now: clock.now)
        attend(hash)
    }

    /// Addresses of peers of a public torrent, which may have nodes at the same port.
    func heardOf(_ peers: [PeerAddress], of hash: PublicInfoHash) {
        guard !isStopped else { return }
        feed(.heardOf(Array(peers.prefix(Self.mostPeersTried))))
    }

    /// The port of our node in the family of the host, for the message `port`.
    func port(for host: PeerAddress.Host) -> UInt16? {
        let family = AddressFamily(of: host)
        // A node that doesn't answer is of no use to the peer.
        guard opened.contains(family), node.readOnly(family) == nil else { return nil }
        return hub.onLoop { $0.port(of: family) }
    }

    private func stored(_ torrent: TorrentID) async -> (near: [NodeContact], due: Timestamp?) {
        do {
            return try await store.perform { db throws(StoreError) in
                (try db.dht.near(torrent).flatMap { [NodeContact]($0) }, try db.dht.dueAt(torrent))
            }
        } catch {
            log.debug("could not read the nodes nearest to torrent \(torrent): \(error)")
            return ([], nil)
        }
    }

    private func attend(_ hash: PublicInfoHash) {
        guard let client = clients[hash] else { return }
        guard let situation = client.seeker.situation() else { return forget(hash) }
        let turn = clients[hash]?.schedule.next(
            isHungry: situation.isRunning && situation.isAnnounced && situation.isHungry,
            mayAnnounce: situation.isAnnounced && situation.isVerified && listenPort > 1,
            isSeed: situation.progress.left == 0, families: opened.count, now: clock.now)
        guard let turn else { return }
        let announcement = DHTAnnouncement(port: listenPort, isSeed: situation.progress.left == 0)
        feed(
            .search(
                DHTSearch(
                    hash, announce: turn.announces ? announcement : nil, nearest: client.nearest, effort: turn.effort)))
    }

    // MARK: Time

    /// Runs once a second.
    func tick() {
        guard !isStopped else { return }
        let now = clock.now
        lookAtSockets(now)
        if let change = network.change(every: Self.networkInterval, now: now) {
            log.info("the network has changed: looking for nodes again")
            for family in change where opened.contains(family) { feed(.networkChanged(family)) }
            for hash in clients.keys { clients[hash]?.schedule.hasten(now: now) }
            reopenAt = [:]
        }
        for hash in early.takeUnused(now: now) { feed(.forget(hash)) }
        for hash in clients.keys.sorted() { attend(hash) }
        if now - nodesSavedAt >= Self.nodesInterval { keepNodes() }
        if reportedAt.map({ now - $0 >= Self.reportInterval }) ?? true { keepReport() }
        if now - savedAt >= Self.saveInterval, !records.isEmpty, saving == nil {
            savedAt = now
            beginSaving()
        }
    }

    private func lookAtSockets(_ now: Instant) {
        let there = hub.onLoop { $0.families }
        for family in opened.subtracting(there) {
            opened.remove(family)
            feed(.closed(family))
        }
        for family in AddressFamily.allCases where !there.contains(family) {
            guard hub.onLoop({ $0.canUse(family) }), now >= reopenAt[family] ?? now else { continue }
            if reopenAt[family] != nil || failures[family] == nil {
                let failure = hub.onLoop { [listenPort] in $0.open(family, at: listenPort) }
                if let failure { failed(failure) } else { failures[family] = nil }
            }
            reopenAt[family] = now + reopenPause
            reopenPause = min(reopenPause * 2, Self.reopenPauses.upperBound)
        }
        noteOpened()
    }

    private func failed(_ failure: DatagramFailure) { failures[failure.family] = failure }

    private func noteOpened(searching candidates: [EarlySearches.Candidate] = []) {
        // A socket at another port serves trackers only: peers and nodes would be told a wrong port.
        let new = hub.onLoop { [listenPort] hub in hub.families.filter { hub.port(of: $0) == listenPort } }
            .subtracting(opened).sorted()
        guard !new.isEmpty else { return }
        opened.formUnion(new)
        reopenPause = Self.reopenPauses.lowerBound
        for candidate in candidates { early.began(candidate, families: new.count, now: clock.now) }
        let searches = candidates.map { DHTSearch($0.hash, nearest: $0.nearest) }
        for family in new {
            failures[family] = nil
            feed(.opened(family, searching: searches))
        }
    }

    // MARK: The node

    private func received(_ datagram: ByteBuffer, from sender: SocketAddress) {
        receivedCount += 1
        guard datagram.readableBytes <= KRPCLimits.datagram, let address = PeerAddress(sender) else { return }
        feed(.received(Array(datagram.readableBytesView), from: address))
    }

    private func feed(_ event: DHTNode.Event) {
        for effect in node.handle(event, now: clock.now) { perform(effect) }
        scheduleWake()
    }

    private func scheduleWake() {
        guard !isStopped, let next = node.nextWake else { return }
        if timer != nil, let wakesAt, wakesAt <= next { return }
        timer?.cancel()
        wakesAt = next
        let delay = max(0, (next - clock.now).nanoseconds)
        timer = loop.scheduleTask(in: .nanoseconds(delay)) { [weak self] in
            self?.assumeIsolated { service in
                service.timer = nil
                service.feed(.wake)
            }
        }
    }

    private func perform(_ effect: DHTNode.Effect) {
        guard !isStopped else { return }
        switch effect {
        case .send(let bytes, let address):
            sentCount += 1
            sendFailures[address.family] = address.native.flatMap { native in hub.onLoop { $0.send(bytes, to: native) }
            }
        case .found(let hash, let peers):
            // The peers of a dormant torrent dial us, if they want its data.
            early.found(peers, of: hash)
            give(peers, to: hash)
        case .ended(let result): ended(result)
        case .resolveRouters: resolve()
        case .needDue(let most): later { await $0.fetchDue(most) }
        case .externalAddress(let host): log.info("our \(AddressFamily(of: host).name) address is \(host.text)")
        }
    }

    private func ended(_ result: DHTSearchResult) {
        searchedCount += 1
        announcedCount += result.acceptedCount
        let (now, today) = (clock.now, clock.timestamp)
        if var client = clients[result.hash] {
            keep(result, of: client.torrent)
            if !result.nearest.isEmpty {
                client.nearest = client.nearest.filter { $0.address.family != result.family } + result.nearest
            }
            let (isLast, isAccepted) = client.schedule.ended(result, now: now)
            clients[result.hash] = client
            if isLast, isAccepted {
                records.plan(client.torrent, announced: today, due: today + DHTSettings.announceInterval)
            }
        } else if let search = early[result.hash] {
            keep(result, of: search.candidate.torrent)
            early.ended(result.hash)
        } else if var announce = dormant[result.hash] {
            keep(result, of: announce.torrent)
            announce.pending -= 1
            announce.isAccepted = announce.isAccepted || result.acceptedCount > 0
            dormant[result.hash] = announce.pending > 0 ? announce : nil
            guard announce.pending <= 0 else { return }
            records.plan(
                announce.torrent, announced: announce.isAccepted ? today : nil,
                due: today + (announce.isAccepted ? DHTSettings.announceInterval : Self.dormantRetry))
        }
    }

    private func keep(_ result: DHTSearchResult, of torrent: TorrentID) {
        records.keep(result.nearest, of: torrent, result.family)
    }

    private func fetchDue(_ most: Int) async {
        let due = await dueSource?(most) ?? []
        guard !isStopped else { return }
        let announces = due.filter { clients[$0.announce.hash] == nil && dormant[$0.announce.hash] == nil }
        for one in announces {
            dormant[one.announce.hash] = Dormant(torrent: one.torrent, pending: max(1, opened.count))
        }
        feed(.due(announces.map(\.announce)))
    }

    // MARK: Bootstrap

    private func resolve() {
        let named = options.entries.compactMap { if case .name(let name, let port) = $0 { (name, port) } else { nil } }
        // Nothing of the internet can be reached from a loopback address.
        let isLocal = bind.map { $0.reach == .loopback } ?? false
        let servers =
            options.entries.isEmpty && options.usesPublicServers && !isLocal
            ? DHTOptions.publicServers.compactMap { MagnetPeer($0) } : []
        let publicNames = servers.compactMap { if case .name(let name, let port) = $0 { (name, port) } else { nil } }
        names.resolve(named + publicNames) { addresses in
            self.loop.execute {
                self.assumeIsolated { service in
                    guard !service.isStopped else { return }
                    let given = addresses.prefix(named.count).flatMap(\.self)
                    if !given.isEmpty { service.feed(.given(given)) }
                    service.feed(.resolved(addresses.dropFirst(named.count).flatMap(\.self)))
                }
            }
        }
    }

    // MARK: Saving

    private func keepNodes() {
        nodesSavedAt = clock.now
        for (family, stored) in node.snapshot().families where !stored.nodes.isEmpty {
            records.nodes[family] = stored.nodes.map { DHTNodeRow($0, clock) }
        }
    }

    private func keepReport(isLast: Bool = false) {
        reportedAt = clock.now
        let (report, snapshot) = (node.report(), node.snapshot())
        records.rows = AddressFamily.allCases.compactMap { family in
            guard hub.onLoop({ $0.canUse(family) }), let state = report.families[family],
                let stored = snapshot.families[family]
            else { return nil }
            var row = DHTRow(family: family, nodeID: state.id.bytes, at: clock.timestamp)
            row.externalAddress = stored.externalHost?.text
            row.externalVotes = stored.externalVotes
            row.problem = problem(state, family)
            row.readOnly = state.readOnly.map { $0 == .set ? .set : .unreachable }
            row.port = isLast ? nil : hub.onLoop { $0.port(of: family) }.map { Int($0) }
            row.goodNodes = state.goodNodes
            row.knownNodes = state.nodes
            row.lookups = state.activeLookups
            row.storedTorrents = state.storedTorrents
            row.storedPeers = state.storedPeers
            return row
        }
        // Counts that aren't known by family.
        guard !records.rows.isEmpty else { return }
        records.rows[0].waiting = report.waitingSearches + report.dormantWaiting
        records.rows[0].searched = searchedCount
        records.rows[0].announced = announcedCount
        records.rows[0].sent = sentCount
        records.rows[0].received = receivedCount
        records.rows[0].dropped = report.counters.floodDropped + report.counters.malformed + report.counters.stray
    }

    private func problem(_ state: DHTReport.Family, _ family: AddressFamily) -> String? {
        guard let shortage = state.shortage else { return nil }
        return shortage.sentence(
            family, goodNodes: state.goodNodes, port: listenPort, closed: failures[family],
            unsent: sendFailures[family], names: names.problem)
    }

    /// Writes what waits to be written. Returns when it is written.
    func save() async {
        if let saving { await saving.value }
        if let saving { return await saving.value }
        guard !records.isEmpty else { return }
        beginSaving()
        await saving?.value
    }

    private func beginSaving() { saving = later { await $0.write() } }

    private func write() async {
        let written = records
        records = DHTRecords()
        do {
            try await store.perform { db throws(StoreError) in
                try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in try written.write(to: db) }
            }
        } catch {
            // Losing it costs some packets, and keeping it could grow without limit.
            log.debug("could not save what is known of the DHT: \(error)")
        }
        saving = nil
    }

    // MARK: Questions

    package var report: DHTReport { node.report() }
}
