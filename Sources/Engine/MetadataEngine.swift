import Logging
import NIOCore
import NIOPosix
import Net
import PeerWire
import Store
import Swarm
import System
import Torrent

/// One active torrent of which only the magnet link is known: a thin owner that feeds ``MetadataFetch`` and performs
/// its effects, on the event loop of its peers.
///
/// When the metadata has arrived and is stored, the session activates the torrent like any other, and the
/// ``TorrentEngine`` takes over the open connections.
actor MetadataEngine {
    /// What trackers are told as long as the size is unknown. With 0, many would only send leechers.
    static let unknownLeft: Int64 = 16_384
    /// The most peers that are looked up by name, and the most addresses of each.
    private static let mostNames = 16
    private static let addressesOfName = 4
    private static let saveInterval = Duration.seconds(10)
    /// How long until a failed write of the result is tried again.
    private static let retryTime = TimeAmount.seconds(5)

    nonisolated let id: TorrentID
    nonisolated let infoHash: InfoHash
    nonisolated let environment: Environment
    nonisolated var unownedExecutor: UnownedSerialExecutor { environment.loop.executor.asUnownedSerialExecutor() }

    private(set) var row: TorrentRow
    private let magnet: MagnetRow?
    var fetch: MetadataFetch
    let announces: TorrentAnnounces
    let log: Logger
    let listenPort: UInt16
    /// `nil` if the exchange is off.
    var exchange: PeerExchange?
    /// What is known of each connection.
    var links: [PeerKey: MetadataLink] = [:]
    private let onChange: @Sendable (Change) -> Void
    /// Changes of stored blocks that wait for the one that is being written.
    private var writes: [MetadataWrite] = []
    private var isWriting = false
    private var savedPeers: SavedPeers
    /// The peers of earlier runs that only a public torrent may have.
    private let publicPeers: Set<PeerAddress>
    private var nextSave = Instant.origin
    private var timer: Scheduled<Void>?
    /// When requests resume that a rate limit holds up.
    private var limitTimer: (at: Instant, timer: Scheduled<Void>)?
    private var isPerforming = false
    private(set) var isStopped = false
    /// Whether the metadata is stored.
    private(set) var hasArrived = false
    private var savedOffer: MetadataOffer?
    private var underWay: [Int: Task<Void, Never>] = [:]
    private var lastTask = 0

    /// A change that is reported to the session.
    enum Change: Sendable {
        /// The metadata is stored, and the torrent is an ordinary one.
        case arrived(TorrentID, MagnetTable.Arrival)
        /// The metadata is authentic, but no torrent can be made of it.
        case failed(TorrentID, String)
        case misbehaved(PeerAddress.Host, reason: String, isCertain: Bool)
    }

    init(
        _ loaded: Loaded, environment: Environment, listenPort: UInt16, seed: UInt64,
        onChange: @escaping @Sendable (Change) -> Void
    ) {
        id = loaded.row.id
        infoHash = loaded.row.infoHash
        self.environment = environment
        self.listenPort = listenPort
        self.onChange = onChange
        row = loaded.row
        magnet = loaded.magnet
        savedPeers = SavedPeers(loaded.peers)
        publicPeers = Set(loaded.peers.filter { !$0.source.isAllowed(isPrivate: true) }.map(\.address))
        var log = Logger(label: "pieces.metadata")
        log[metadataKey: "torrent"] = "\(loaded.row.name)"
        self.log = log
        let now = environment.clock.timestamp
        fetch = MetadataFetch(
            stored: loaded.blocks.map { MetadataFetch.Stored(size: $0.size, block: $0.index, sender: $0.sender) },
            suspects: Set(loaded.peers.filter { $0.hashFailures > 0 && !$0.isBanned(at: now) }.map(\.address)),
            unixOrigin: environment.clock.unixOrigin.rawValue)
        if environment.settings.usesPeerExchange { exchange = PeerExchange(isPrivate: false) }
        for peer in loaded.peers { fetch.restore(AddressBook.Entry(peer, at: now)) }
        announces = TorrentAnnounces(loaded.row, loaded.trackers, environment: environment, seed: seed, log: log)
    }

    /// What the database knows of the torrent.
    struct Loaded: Sendable {
        let row: TorrentRow
        let magnet: MagnetRow?
        let blocks: [MetadataBlockRow]
        let peers: [PeerRow]
        let trackers: [TrackerRow]

        init(_ row: TorrentRow, _ db: Connection, now: Timestamp) throws(StoreError) {
            self.row = row
            magnet = try db.magnets.row(row.id)
            blocks = try db.magnets.blocks(of: row.id)
            peers =
                try db.peers.banned(of: row.id, now: now)
                + db.peers.toTry(of: row.id, limit: AddressBook.capacity / 2, now: now)
            trackers = try db.trackers.rows(of: row.id)
        }
    }

    /// Enters the actor from another one on the same loop, without a hop.
    nonisolated func onLoop<Value: Sendable>(_ body: (isolated MetadataEngine) -> Value) -> Value {
        assumeIsolated(body)
    }

    /// Whether the torrent isn't paused when its metadata has arrived.
    var downloadsAtOnce: Bool { magnet.map { !$0.pausesAfter } ?? true }

    // MARK: Life

    /// Starts the fetch: peers are dialled, and trackers are contacted when due.
    func start() {
        let now = environment.clock.now
        fetch.start(now: now)
        announces.onLoop { [seeker = makeSeeker()] announces in
            announces.serve(seeker)
            announces.start()
            announces.announceIfDue()
        }
        dht?.serve(id, makeSeeker())
        if let (service, hash) = localDiscovery { service.onLoop { [seeker = makeSeeker()] in $0.serve(hash, seeker) } }
        let manual = environment.settings.peers
        if let peers = FoundPeers(manual, from: .manual, isPrivate: false) { learn(peers) }
        lookUpPeers()
        setState(.metadata)
        tick()
    }

    /// Looks up the peers that the link gives by name, on a thread that may block.
    private func lookUpPeers() {
        let names = (magnet?.link.peers ?? []).compactMap { peer -> (host: String, port: UInt16)? in
            if case .name(let host, let port) = peer { (host, port) } else { nil }
        }
        for (host, port) in names.prefix(Self.mostNames) {
            let found = NIOThreadPool.singleton.runIfActive(eventLoop: environment.loop) {
                HostNames.addresses(of: host, limit: Self.addressesOfName).compactMap { text in
                    PeerAddress.Host(text).map { PeerAddress($0, port: port) }
                }
            }
            found.whenSuccess { [weak self] addresses in self?.onLoop { $0.learn(manual: addresses) } }
        }
    }

    /// Stops the fetch. If `keepingConnections`, they wait for ``takeLinks()``; otherwise they are closed.
    func stop(sayingGoodbye: Bool, keepingConnections: Bool) async {
        isStopped = true
        timer?.cancel()
        limitTimer?.timer.cancel()
        fetch.stop()
        leavePublic()
        if !keepingConnections { closeConnections() }
        await announces.stop(sayingGoodbye: sayingGoodbye)
        while let task = underWay.values.first { await task.value }
        await savePeers()
    }

    func closeConnections() {
        for link in links.values { link.connection.close(because: "\(DisconnectReason.paused)") }
    }

    /// Feeds an event to the machine and performs the resulting effects.
    func feed(_ event: (inout MetadataFetch, Instant) -> Void) {
        event(&fetch, environment.clock.now)
        perform()
    }

    /// Runs in the background; ``stop(sayingGoodbye:keepingConnections:)`` waits for it.
    private func inBackground(_ body: @escaping @Sendable (MetadataEngine) async -> Void) {
        lastTask += 1
        let number = lastTask
        underWay[number] = Task {
            await body(self)
            underWay[number] = nil
        }
    }

    // MARK: Effects

    func perform() {
        guard !isPerforming else { return }
        isPerforming = true
        while fetch.hasEffects {
            for effect in fetch.takeEffects() { perform(effect) }
        }
        isPerforming = false
        for link in links.values { link.connection.flush() }
        awaitLimit()
    }

    /// Sets the timer for requests that a rate limit holds up.
    private func awaitLimit() {
        guard let at = fetch.resumesAt, !isStopped, limitTimer.map({ at < $0.at }) ?? true else { return }
        limitTimer?.timer.cancel()
        let wait = max(.zero, at - environment.clock.now)
        let timer: Scheduled<Void> = environment.loop.scheduleTask(in: .nanoseconds(wait.nanoseconds)) { [weak self] in
            self?.onLoop { engine in
                engine.limitTimer = nil
                engine.feed { $0.tick(now: $1) }
            }
        }
        limitTimer = (at, timer)
    }

    private func perform(_ effect: MetadataFetch.Effect) {
        switch effect {
        case .dial(let address): dial(address)
        case .disconnect(let key, let reason): links[key]?.connection.close(because: "\(reason)")
        case .keepAlive(let key): links[key]?.connection.send(.keepAlive)
        case .request(let key, let block):
            let request = MetadataMessage(block: block, .request)
            guard let link = links[key], let message = link.extensions.message(request) else { return }
            link.connection.send(message)
        case .assemble(let size): inBackground { await $0.assemble(size) }
        case .drop(let size, let sender): write(.drop(size: size, exceptOf: sender))
        case .shun(let host, let reason): onChange(.misbehaved(host, reason: reason, isCertain: true))
        case .banned(let address, let reason):
            note(.banned, "\(address): \(reason)") { id, db, now throws(StoreError) in
                try db.peers.ban(id, address, until: now + PeerRow.banTime, reason: reason, now: now)
            }
        case .mismatch(let size, let senders):
            let from = senders == 1 ? "one peer" : "\(senders) peers"
            let next = senders == 1 ? "" : "; it is fetched again from one peer at a time, to find out who lied"
            note(.failed, "metadata of \(Format.bytes(Int64(size))) from \(from) failed its hash check\(next)")
        }
    }

    /// Logs an event, and performs a write with it.
    private func note(
        _ kind: EventKind, _ detail: String,
        _ write: @escaping @Sendable (TorrentID, Connection, Timestamp) throws(StoreError) -> Void = { (_, _, _) in }
    ) {
        log.info("\(kind): \(detail)")
        inBackground { engine in
            let (id, now) = (engine.id, engine.environment.clock.timestamp)
            do throws(StoreError) {
                try await engine.environment.store.perform { db throws(StoreError) in
                    try write(id, db, now)
                    try db.events.append(kind, detail, torrent: id, now: now)
                }
            } catch {
                engine.log.error("could not save an event: \(error)")
            }
        }
    }

    private func setState(_ state: TorrentState) {
        guard row.state != state else { return }
        inBackground { engine in
            do throws(StoreError) {
                try await engine.environment.store.perform { [id = engine.id] db throws(StoreError) in
                    guard let row = try db.torrents.row(id), !row.hasMetadata, !row.settings.isPaused else { return }
                    try db.torrents.setState(id, state)
                }
            } catch {
                engine.log.error("could not save the state: \(error)")
            }
        }
    }

    // MARK: Time

    private func tick() {
        guard !isStopped else { return }
        let now = environment.clock.now
        feed { $0.tick(now: $1) }
        announces.onLoop { $0.announceIfDue() }
        if now >= nextSave {
            nextSave = now + Self.saveInterval
            inBackground { engine in
                await engine.savePeers()
                await engine.announces.save()
            }
        }
        timer = environment.loop.scheduleTask(in: .nanoseconds(MetadataFetch.tickInterval.nanoseconds)) { [weak self] in
            self?.onLoop { $0.tick() }
        }
    }

    // MARK: Blocks

    /// Saves a block; the answer goes to the machine.
    func save(_ data: [UInt8], size: Int, block: Int, from sender: PeerAddress) {
        write(.save(size: size, index: block, sender: sender, data: data))
    }

    private func write(_ change: MetadataWrite) {
        writes.append(change)
        guard !isWriting else { return }
        isWriting = true
        inBackground { await $0.performWrites() }
    }

    /// Writes what waits, and what comes meanwhile. Blocks that arrive during a transaction go into the next one
    /// together.
    private func performWrites() async {
        while !writes.isEmpty {
            let batch = writes
            writes = []
            var failure: StoreError?
            do throws(StoreError) {
                try await environment.store.perform { [id] db throws(StoreError) in
                    try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
                        for change in batch { try change.perform(of: id, db) }
                    }
                }
            } catch {
                log.error("could not save metadata: \(error)")
                failure = error
            }
            guard !isStopped else { continue }
            for case .save(let size, let index, _, _) in batch {
                feed { fetch, now in
                    if failure == nil {
                        fetch.stored(size, blocks: [index], now: now)
                    } else {
                        fetch.storeFailed(size, blocks: [index], now: now)
                    }
                }
            }
        }
        isWriting = false
    }

    // MARK: The metadata

    /// The metadata, put together and hashed.
    private struct Candidate: Sendable {
        let bytes: [UInt8]
        let isRight: Bool
        /// Those of its blocks.
        let digests: [SHA1Digest]

        /// Hashes off the loop.
        nonisolated init(_ bytes: [UInt8], of infoHash: InfoHash) async {
            self.bytes = bytes
            isRight = InfoHash(SHA1.hash(bytes)) == infoHash
            digests = bytes.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: Geometry.blockLength).map { start in
                    let end = min(start + Geometry.blockLength, bytes.count)
                    return SHA1.hash(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                }
            }
        }
    }

    private func assemble(_ size: Int) async {
        let id = id
        let bytes: [UInt8]?
        do throws(StoreError) {
            bytes = try await environment.store.perform { db throws(StoreError) in
                try db.magnets.assembled(id, size: size)
            }
        } catch {
            log.error("could not read metadata: \(error)")
            bytes = nil
        }
        guard let bytes else { return feed { $0.unreadable(size, now: $1) } }
        let candidate = await Candidate(bytes, of: infoHash)
        feed { $0.hashed(size, isRight: candidate.isRight, digests: candidate.digests, now: $1) }
        guard candidate.isRight, !isStopped else { return }
        await conclude(candidate.bytes)
    }

    /// The metadata is authentic. It is stored with the trackers that the torrent has now.
    private func conclude(_ info: [UInt8]) async {
        let (id, webSeeds) = (id, magnet?.link.webSeeds ?? [])
        await savePeers()
        do {
            let trackers = try await environment.store.perform { db throws(StoreError) in
                try db.trackers.rows(of: id).map(\.url)
            }
            let metainfo: Metainfo
            do {
                metainfo = try await Self.metainfo(around: info, trackers, webSeeds)
            } catch {
                return try await fail("the metadata has arrived, but pieces can't use it: \(error)")
            }
            // Law 8: from here on the torrent is known to be private.
            if metainfo.isPrivate {
                leavePublic()
                feed { fetch, _ in fetch.becamePrivate(earlier: publicPeers) }
            }
            let now = environment.clock.timestamp
            let arrival = try await environment.store.perform { db throws(StoreError) in
                try db.metadataArrived(id, metainfo, now: now)
            }
            guard let arrival, !isStopped else { return }
            log.info("the metadata has arrived: \(metainfo.name), \(Format.bytes(Int64(info.count)))")
            hasArrived = true
            onChange(.arrived(id, arrival))
        } catch {
            log.error("could not save the metadata: \(error)")
            timer = environment.loop.scheduleTask(in: Self.retryTime) { [weak self] in
                self?.onLoop { engine in
                    guard !engine.isStopped else { return }
                    engine.inBackground { await $0.conclude(info) }
                }
            }
        }
    }

    /// The metadata was stored by someone else.
    func noteArrival() {
        fetch.stop()
        dht?.forget()
        hasArrived = true
    }

    private func fail(_ sentence: String) async throws {
        let (id, now) = (id, environment.clock.timestamp)
        try await environment.store.perform { db throws(StoreError) in
            try db.magnets.isUnusable(id, sentence, now: now)
        }
        onChange(.failed(id, sentence))
    }

    /// Parses off the loop, because metadata may be large.
    private nonisolated static func metainfo(around info: [UInt8], _ trackers: [String], _ webSeeds: [String])
        async throws
        -> Metainfo
    {
        try Metainfo(torrentFile: Metainfo.torrentFile(around: info, trackers: trackers, webSeeds: webSeeds))
    }

    // MARK: Changes and saving

    func apply(_ new: TorrentRow) { row = new }

    /// What the fetch needs of the common limits. If a limit holds it up, it gets an equal share, because the rate says
    /// nothing then.
    var demand: RateAllocator.Demand {
        let isHeldUp = fetch.resumesAt != nil
        return RateAllocator.Demand(download: isHeldUp ? .max : fetch.rate(now: environment.clock.now), upload: 0)
    }

    /// Applies the torrent's share of the common limits; its own limits apply too.
    func limit(_ share: RateAllocator.Share) {
        let limits = row.settings.limits
        let rate = [limits.download.map { Int($0) }, share.download].compactMap(\.self).min()
        feed { fetch, now in
            fetch.change(mostPeers: limits.peers ?? share.peers)
            fetch.change(downloadLimit: rate, now: now)
        }
    }

    /// Saves what changed about peers, and what they offer.
    func savePeers() async {
        let updates = savedPeers.takeUpdates(fetch.takePeerChanges())
        let offer = fetch.offer
        let isNew = offer != savedOffer
        guard !updates.isEmpty || isNew else { return }
        let (id, now) = (id, environment.clock.timestamp)
        do throws(StoreError) {
            try await environment.store.perform { db throws(StoreError) in
                try db.transaction(.immediate, durability: .lazy) { () throws(StoreError) in
                    if !updates.isEmpty { try db.peers.save(id, updates, now: now) }
                    if isNew { try db.magnets.setOffer(id, bytes: offer?.bytes, peers: offer?.peers ?? 0) }
                }
            }
            savedOffer = offer
        } catch {
            log.error("could not save the state of peers: \(error)")
        }
    }
}
