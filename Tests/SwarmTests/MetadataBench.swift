import Swarm
import Torrent

/// A fetch of metadata on a bench: the database and the hash answer at once. A block is only a tag: 0 if it is right.
struct MetadataBench {
    struct Block: Hashable {
        let size: Int
        let index: Int
    }

    /// The right size.
    let size: Int
    private(set) var fetch: MetadataFetch
    private(set) var now = Instant.origin + .seconds(1)
    private(set) var isDone = false
    private(set) var stored: [Block: (sender: PeerAddress, tag: UInt64)] = [:]
    /// All requests, by peer.
    private(set) var requests: [PeerKey: [Int]] = [:]
    private(set) var banned: Set<PeerAddress> = []
    private(set) var mostOutstanding = 0
    private(set) var mostSizes = 0
    var storeFails = false
    /// Whether complete metadata is hashed.
    var hashes = true
    private var open: [PeerKey: [Int]] = [:]
    private var addresses: [PeerKey: PeerAddress] = [:]
    private var disconnected: Set<PeerKey> = []
    private var lastTag: UInt64 = 0
    private var lastPort: UInt16 = 1000

    init(size: Int, stored: [Block: (sender: PeerAddress, tag: UInt64)] = [:]) {
        self.size = size
        self.stored = stored
        fetch = MetadataFetch(
            stored: stored.sorted { $0.key.index < $1.key.index }.map {
                MetadataFetch.Stored(size: $0.key.size, block: $0.key.index, sender: $0.value.sender)
            }, unixOrigin: 1_700_000_000)
        feed { $0.start(now: $1) }
    }

    // MARK: Events

    mutating func connect() -> PeerKey {
        lastPort += 1
        let address = PeerAddress(.v4(0x0a00_0000 + UInt32(lastPort)), port: lastPort)
        let info = PeerInfo(
            address: address, isIncoming: true, supportsFast: true, supportsExtensions: true, client: "test")
        guard case .success(let key) = fetch.connected(info, now: now) else { preconditionFailure("there is a place") }
        addresses[key] = address
        open[key] = []
        settle()
        return key
    }

    mutating func offer(_ peer: PeerKey, _ bytes: Int?) { feed { $0.offers(peer, bytes: bytes, now: $1) } }

    /// Limits the rate, in bytes per second.
    mutating func limit(_ rate: Int?) { feed { $0.change(downloadLimit: rate, now: $1) } }

    mutating func close(_ peer: PeerKey) {
        open[peer] = nil
        feed { $0.closed(peer, now: $1) }
    }

    mutating func reject(_ peer: PeerKey) {
        guard let block = open[peer]?.first else { return }
        open[peer]?.removeFirst()
        feed { $0.rejected(peer, block: block, now: $1) }
    }

    /// The peer sends a block of its stated size.
    mutating func answer(_ peer: PeerKey, block: Int, count: Int, lies: Bool = false) {
        open[peer]?.removeAll { $0 == block }
        let verdict = fetch.received(peer, block: block, count: count, now: now)
        lastTag += 1
        let tag = lies ? lastTag : 0
        switch verdict {
        case .ignore: break
        case .store(let size): store(size, [block], from: peer, tag)
        case .storeAll(let size, let blocks): store(size, blocks, from: peer, tag)
        }
        settle()
    }

    private mutating func store(_ size: Int, _ blocks: [Int], from peer: PeerKey, _ tag: UInt64) {
        if storeFails { return fetch.storeFailed(size, blocks: blocks, now: now) }
        for block in blocks {
            if let sender = addresses[peer] { stored[Block(size: size, index: block)] = (sender, tag) }
        }
        mostSizes = max(mostSizes, Set(stored.keys.map(\.size)).count)
        fetch.stored(size, blocks: blocks, now: now)
    }

    /// The peer answers the request that it has had for longest.
    mutating func serveOne(_ peer: PeerKey, lies: Bool = false) {
        guard let block = open[peer]?.first, let size = claimed[peer] else { return }
        answer(peer, block: block, count: min(16384, size - block * 16384), lies: lies || size != self.size)
    }

    mutating func serve(_ peer: PeerKey) { while open[peer]?.isEmpty == false, !isDone { serveOne(peer) } }

    /// All peers answer in turn, until none is asked any more.
    mutating func serveAll(lies liars: Set<PeerKey> = []) {
        while !isDone, open.values.contains(where: { !$0.isEmpty }) {
            for peer in open.keys.sorted() { serveOne(peer, lies: liars.contains(peer)) }
        }
    }

    /// Time passes, with its ticks.
    mutating func pass(_ time: Duration) {
        let end = now + time
        while now < end {
            now = min(end, now + MetadataFetch.tickInterval)
            feed { $0.tick(now: $1) }
        }
    }

    // MARK: Questions

    func address(_ peer: PeerKey) -> PeerAddress { addresses[peer] ?? PeerAddress(.v4(0), port: 0) }
    func outstanding(_ peer: PeerKey) -> [Int] { open[peer] ?? [] }
    func isDisconnected(_ peer: PeerKey) -> Bool { disconnected.contains(peer) }

    // MARK: Effects

    /// What each peer states.
    private var claimed: [PeerKey: Int] = [:]

    private mutating func feed(_ event: (inout MetadataFetch, Instant) -> Void) {
        event(&fetch, now)
        settle()
    }

    private mutating func settle() {
        while fetch.hasEffects {
            for effect in fetch.takeEffects() { perform(effect) }
        }
        mostOutstanding = max(mostOutstanding, fetch.reports.map(\.requests).max() ?? 0)
    }

    private mutating func perform(_ effect: MetadataFetch.Effect) {
        switch effect {
        case .request(let peer, let block):
            requests[peer, default: []].append(block)
            open[peer]?.append(block)
            claimed[peer] = fetch.statedSize(of: peer)
        case .disconnect(let peer, _):
            disconnected.insert(peer)
            open[peer] = nil
            fetch.closed(peer, now: now)
        case .drop(let size, let sender):
            stored = stored.filter { $0.key.size != size || $0.value.sender == sender }
        case .banned(let address, _): banned.insert(address)
        case .assemble(let size):
            guard hashes else { return }
            let count = (size + 16383) / 16384
            let tags = (0..<count).map { stored[Block(size: size, index: $0)]?.tag }
            guard !tags.contains(nil) else { return fetch.unreadable(size, now: now) }
            let isRight = size == self.size && tags.allSatisfy { $0 == 0 }
            let digests = tags.map { tag in SHA1.hash(withUnsafeBytes(of: tag ?? 0) { Array($0) }) }
            isDone = isDone || isRight
            fetch.hashed(size, isRight: isRight, digests: digests, now: now)
        case .dial, .keepAlive, .shun, .mismatch: break
        }
    }
}
