package import Torrent

/// Fetches the metadata (the info dictionary) of a magnet link from peers (BEP 9).
///
/// A pure machine like ``Swarm``: events take the time, effects are performed by the shell, and there are no payload
/// bytes in it.
///
/// Peers state the size of the metadata, and may lie. So the blocks of each stated size are put together apart from the
/// others, for at most ``claimLimit`` sizes at a time, those that most peers state. When all blocks of one size are
/// here, they are hashed. If the hash is wrong, a single sender is banned. If there were several senders, the blocks
/// are fetched from one peer at a time: the first right hash then shows which peers had lied.
///
/// **Queries**: ``offer``, ``isHungry``, ``peerCount``, ``dialCount``, ``receivedBytes``, ``rate(now:)``,
/// ``resumesAt``, ``reports``
///
/// **Events**
/// - of connections: ``learn(_:from:now:)``, ``learn(_:toldBy:now:)``, ``becamePrivate(earlier:)``, ``restore(_:)``,
///   ``connected(_:now:)``, ``foundSelf(at:)``,
///   ``dialFailed(_:now:)``, ``closed(_:now:)``, ``shunned(_:reason:)``
/// - messages: ``heard(_:now:)``, ``offers(_:bytes:now:)``, ``received(_:block:count:now:)``,
///   ``rejected(_:block:now:)``
/// - answers: ``stored(_:blocks:now:)``, ``storeFailed(_:blocks:now:)``, ``hashed(_:isRight:digests:now:)``,
///   ``unreadable(_:now:)``
/// - settings: ``change(mostPeers:)``, ``change(downloadLimit:now:)``
/// - time: ``tick(now:)``, every ``tickInterval`` and at ``resumesAt``; ``stop()``
package struct MetadataFetch {
    /// The most bytes of metadata.
    package static let maximumBytes = 160 << 20
    /// The most sizes of which blocks are kept.
    package static let claimLimit = 3
    /// The most requests that a peer owes us before it has sent a block.
    package static let requestsOfPeer = 2
    /// The most requests that any other peer owes us. Otherwise large metadata would take a round trip for every two
    /// blocks; Transmission keeps 64 requests.
    package static let requestsOfProvenPeer = 16
    /// How long nothing is requested from a peer that refused a block, or sent nothing.
    package static let restTime = Duration.seconds(60)
    /// How long a peer may owe us a block.
    package static let silentAfter = Duration.seconds(20)
    /// The same for the only peer that is asked.
    package static let soleSilentAfter = Duration.seconds(6)
    /// How often the shell calls ``tick(now:)``.
    package static let tickInterval = Duration.milliseconds(500)
    /// How long nothing is requested after a block could not be stored.
    static let storePause = Duration.seconds(5)
    /// The faults after which a peer is disconnected.
    static let maximumFaults = 3
    /// How often a peer may state another size.
    static let maximumChanges = 4

    package enum Effect: Equatable, Sendable {
        /// Answered by ``MetadataFetch/connected(_:now:)`` or ``MetadataFetch/dialFailed(_:now:)``.
        case dial(PeerAddress)
        /// Answered by ``MetadataFetch/closed(_:now:)``.
        case disconnect(PeerKey, DisconnectReason)
        case keepAlive(PeerKey)
        /// Ask the peer for a block.
        case request(PeerKey, block: Int)
        /// Put the stored blocks together and hash them; answered by ``MetadataFetch/hashed(_:isRight:digests:now:)``
        /// or ``MetadataFetch/unreadable(_:now:)``.
        case assemble(size: Int)
        /// Forget the stored blocks of this size, except those of one sender. Not answered.
        case drop(size: Int, exceptOf: PeerAddress?)
        /// Reject the host when it dials again. Not answered.
        case shun(PeerAddress.Host, reason: String)
        /// The peer is banned from this torrent. Not answered.
        case banned(PeerAddress, reason: String)
        /// Metadata of this size had a wrong hash. Not answered.
        case mismatch(size: Int, senders: Int)
    }

    /// What to do with a block.
    package enum Verdict: Equatable, Sendable {
        /// Store the block as one of metadata of this size; answered by ``MetadataFetch/stored(_:blocks:now:)`` or
        /// ``MetadataFetch/storeFailed(_:blocks:now:)``.
        case store(size: Int)
        /// The bytes are the whole metadata. Store these of its blocks, in the same way.
        case storeAll(size: Int, blocks: [Int])
        case ignore
    }

    private var peers = MetadataPeers()
    private var claims: [Int: MetadataClaim] = [:]
    private var suspects: Set<PeerAddress>
    private var pausedUntil: Instant?
    private var limit = MetadataLimit()
    private var isStopped = false
    private let unixOrigin: Int64
    private var effects: [Effect] = []
    /// Bytes of blocks that have arrived in this run.
    package private(set) var receivedBytes: Int64 = 0

    /// A block that was stored by an earlier run.
    package struct Stored: Sendable {
        package let size: Int
        package let block: Int
        package let sender: PeerAddress

        package init(size: Int, block: Int, sender: PeerAddress) {
            self.size = size
            self.block = block
            self.sender = sender
        }
    }

    /// `suspects` are peers that had a part in metadata with a wrong hash.
    package init(stored: [Stored] = [], suspects: Set<PeerAddress> = [], unixOrigin: Int64) {
        self.unixOrigin = unixOrigin
        self.suspects = suspects
        for block in stored where (1...Self.maximumBytes).contains(block.size) {
            claims[block.size, default: MetadataClaim(size: block.size, isSuspicious: !suspects.isEmpty)].restore(
                block.block, from: block.sender)
        }
    }

    /// Starts fetching.
    package mutating func start(now: Instant) {
        trim()
        for size in claims.keys.sorted() { assembleIfWhole(size) }
        fill(now: now)
        dialMore(now: now)
    }

    package mutating func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects
    }

    package var hasEffects: Bool { !effects.isEmpty }

    // MARK: Queries

    /// What most peers offer; `nil` while no peer offers any.
    package var offer: MetadataOffer? {
        guard let size = ranking.first else { return nil }
        return MetadataOffer(bytes: size, peers: followers(of: size), blocks: claims[size]?.senders.count ?? 0)
    }

    /// Whether more peers would help.
    package var isHungry: Bool { peers.members.count + peers.dialing.count < 4 }
    package var peerCount: Int { peers.members.count }
    package var dialCount: Int { peers.dialing.count }
    /// When requests that the rate limit holds up resume; `nil` if it holds up none.
    package var resumesAt: Instant? { isStopped ? nil : limit.resumesAt }
    /// Received bytes per second.
    package mutating func rate(now: Instant) -> Int { limit.rate(now: now) }

    /// The address of a connected peer.
    package func address(of key: PeerKey) -> PeerAddress? { peers[key]?.address }

    /// The size of the metadata that a connected peer states.
    package func statedSize(of key: PeerKey) -> Int? { peers[key]?.size }

    /// A connected peer, for lists.
    package struct Report: Sendable {
        package let key: PeerKey
        package let address: PeerAddress
        package let isIncoming: Bool
        package let client: String
        package let receivedBytes: Int64
        package let requests: Int
    }

    package var reports: [Report] {
        peers.keys.compactMap { key in
            peers[key].map {
                Report(
                    key: key, address: $0.address, isIncoming: $0.isIncoming,
                    client: peers.book[$0.address]?.client ?? "", receivedBytes: $0.receivedBytes,
                    requests: $0.requests.count)
            }
        }
    }

    /// Returns the peers whose history changed, so that they can be stored.
    package mutating func takePeerChanges() -> [AddressBook.Entry] { peers.book.takeChanges() }

    private func followers(of size: Int) -> Int {
        peers.members.values.count { $0.size == size && !$0.isClosing }
    }

    /// The sizes that are claimed or of which there are blocks, best first: most peers, then most blocks.
    private var ranking: [Int] {
        let sizes = Set(claims.keys).union(peers.members.values.compactMap(\.size))
        let ranks = sizes.map { (peers: followers(of: $0), blocks: claims[$0]?.senders.count ?? 0, size: $0) }
        return ranks.sorted { ($0.peers, $0.blocks, $1.size) > ($1.peers, $1.blocks, $0.size) }.map(\.size)
    }

    private func unix(_ now: Instant) -> Int64 { unixOrigin + now.nanoseconds / 1_000_000_000 }

    // MARK: Connections

    package mutating func learn(_ addresses: [PeerAddress], from source: PeerSource, now: Instant) {
        guard !isStopped else { return }
        for address in addresses { peers.book.learn(address, from: source, at: unix(now)) }
        dialMore(now: now)
    }

    package mutating func restore(_ entry: AddressBook.Entry) { peers.book.restore(entry) }

    package mutating func connected(_ info: PeerInfo, now: Instant) -> Result<PeerKey, Swarm.Refusal> {
        guard !isStopped else { return .failure(Swarm.Refusal(.paused)) }
        let result = peers.connected(info, now: now, unix: unix(now))
        dialMore(now: now)
        return result
    }

    package mutating func dialFailed(_ address: PeerAddress, now: Instant) {
        peers.dialFailed(address, unix: unix(now))
        dialMore(now: now)
    }

    /// The address is one of our own.
    package mutating func foundSelf(at address: PeerAddress) { peers.isSelf(address) }

    package mutating func closed(_ key: PeerKey, now: Instant) {
        giveBack(key)
        peers.closed(key, unix: unix(now))
        guard !isStopped else { return }
        fill(now: now)
        dialMore(now: now)
    }

    /// Connections of this host are rejected from now on.
    package mutating func shunned(_ host: PeerAddress.Host, reason: String) {
        for key in peers.keys {
            guard let member = peers[key], member.isIncoming, member.address.host.subscriber == host.subscriber else {
                continue
            }
            disconnect(key, .banned(reason))
        }
    }

    /// A peer told of others (BEP 11).
    package mutating func learn(_ addresses: [PeerAddress], toldBy key: PeerKey, now: Instant) {
        guard !isStopped, let teller = peers[key]?.address else { return }
        for address in addresses { peers.book.learn(address, toldBy: teller, at: unix(now)) }
        dialMore(now: now)
    }

    /// The metadata says that the torrent is private: peers that only a public torrent may have are disconnected and
    /// forgotten (law 8). `earlier` are those of them that were found in earlier runs.
    package mutating func becamePrivate(earlier: Set<PeerAddress>) {
        isStopped = true
        let found = earlier.union(peers.book.addresses(where: { !$0.isAllowed(isPrivate: true) }))
        for key in peers.keys {
            if let member = peers[key], found.contains(member.address) { disconnect(key, .privateTorrent) }
        }
        peers.book.forget(found)
    }

    /// The limits of the session changed.
    package mutating func change(mostPeers: Int) { peers.limit = min(MetadataPeers.most, max(1, mostPeers)) }

    /// The rate limit changed, in bytes per second; `nil` means none.
    package mutating func change(downloadLimit: Int?, now: Instant) {
        if limit.change(to: downloadLimit) { fill(now: now) }
    }

    private mutating func disconnect(_ key: PeerKey, _ reason: DisconnectReason) {
        guard peers[key]?.isClosing == false else { return }
        giveBack(key)
        peers[key]?.isClosing = true
        effects.append(.disconnect(key, reason))
    }

    private mutating func dialMore(now: Instant) {
        guard !isStopped else { return }
        while let address = peers.takeDial(unix: unix(now)) { effects.append(.dial(address)) }
    }

    // MARK: Messages

    /// The peer sent something, if only a keep-alive.
    package mutating func heard(_ key: PeerKey, now: Instant) { peers[key]?.heardAt = now }

    /// The peer states the size of its metadata; `nil` or 0 if it has none, or doesn't serve it.
    package mutating func offers(_ key: PeerKey, bytes: Int?, now: Instant) {
        guard var member = peers[key], !member.isClosing else { return }
        let size = bytes.flatMap { (1...Self.maximumBytes).contains($0) ? $0 : nil }
        guard let size, size != member.size else { return }
        if member.size != nil { member.changes += 1 }
        giveBack(key)
        member.requests = [:]
        member.size = size
        peers[key] = member
        if member.changes > Self.maximumChanges {
            return disconnect(key, .protocolError("it changes the size of its metadata"))
        }
        trim()
        fill(now: now)
    }

    /// A block arrived, with `count` bytes.
    package mutating func received(_ key: PeerKey, block: Int, count: Int, now: Instant) -> Verdict {
        guard var member = peers[key], !member.isClosing, let size = member.size, let claim = claims[size],
            member.requests.removeValue(forKey: block) != nil
        else { return .ignore }
        let isWhole = block == 0 && count == size && claim.blockCount > 1
        guard claim.length(of: block) == count || isWhole else {
            peers[key] = member
            claims[size]?.gaveUp(block)
            fault(key, now: now)
            fill(now: now)
            return .ignore
        }
        member.receivedBytes += Int64(count)
        receivedBytes += Int64(count)
        limit.received(count, instead: claim.length(of: block), now: now)
        peers[key] = member
        defer { fill(now: now) }
        guard isWhole else {
            guard claim.lacks(block), !claim.isHashing, isAsked(member, claim) else { return .ignore }
            claims[size]?.arrived(block, from: member.address, now: now)
            return .store(size: size)
        }
        guard !claim.isHashing, isAsked(member, claim) else { return .ignore }
        let missing = (0..<claim.blockCount).filter { claim.lacks($0) }
        for block in missing { claims[size]?.arrived(block, from: member.address, now: now) }
        return .storeAll(size: size, blocks: missing)
    }

    /// The peer refuses the block.
    package mutating func rejected(_ key: PeerKey, block: Int, now: Instant) {
        guard let member = peers[key], member.requests[block] != nil else { return }
        rest(key, now: now)
        fill(now: now)
    }

    private func isAsked(_ member: MetadataPeers.Member, _ claim: MetadataClaim) -> Bool {
        !claim.isSuspicious || claim.sole == member.address
    }

    /// Nothing is requested from the peer for a while.
    private mutating func rest(_ key: PeerKey, now: Instant) {
        giveBack(key)
        peers[key]?.restsUntil = now + Self.restTime
        if let member = peers[key], let size = member.size, claims[size]?.sole == member.address {
            chooseSole(size, now: now)
        }
    }

    private mutating func fault(_ key: PeerKey, now: Instant) {
        peers[key]?.faults += 1
        if let faults = peers[key]?.faults, faults >= Self.maximumFaults {
            disconnect(key, .protocolError("its blocks of metadata have a wrong length"))
        } else {
            rest(key, now: now)
        }
    }

    /// Others may be asked for what the peer owes.
    private mutating func giveBack(_ key: PeerKey) {
        guard let member = peers[key], let size = member.size else { return }
        for block in member.requests.keys {
            if let claim = claims[size] { limit.requestEnded(claim.length(of: block)) }
            claims[size]?.gaveUp(block)
        }
        peers[key]?.requests = [:]
    }

    // MARK: Requests

    private mutating func fill(now: Instant) {
        guard !isStopped, pausedUntil.map({ now >= $0 }) ?? true else { return }
        for size in ranking.prefix(Self.claimLimit) {
            if claims[size] == nil { claims[size] = MetadataClaim(size: size, isSuspicious: !suspects.isEmpty) }
            if let claim = claims[size], claim.isSuspicious, claim.sole.flatMap({ peers.key(of: $0) }) == nil {
                chooseSole(size, now: now)
            }
        }
        // One request for each peer in turn, so that the first blocks come from different peers.
        let keys = peers.keys
        for depth in 1...Self.requestsOfProvenPeer {
            for key in keys {
                guard let member = peers[key], !member.isClosing, !member.rests(at: now), member.requests.count < depth,
                    let size = member.size, let claim = claims[size], isAsked(member, claim),
                    claim.mayLackRequests, depth <= Self.requestsOfPeer || mayAskForMore(member, claim, depth)
                else { continue }
                guard limit.mayRequest(Geometry.blockLength, now: now) else { return }
                guard let block = claims[size]?.takeBlock(except: member.requests.keys, now: now) else { continue }
                limit.requested(claim.length(of: block))
                peers[key]?.requests[block] = now
                peers[key]?.saidAt = now
                effects.append(.request(key, block: block))
            }
        }
    }

    /// Whether a peer may owe us so many requests, beyond the first: it has sent a block, and the others get their
    /// shares of what is missing.
    private func mayAskForMore(_ member: MetadataPeers.Member, _ claim: MetadataClaim, _ depth: Int) -> Bool {
        guard member.receivedBytes > 0 else { return false }
        let sharing = claim.isSuspicious ? 1 : max(1, followers(of: claim.size))
        return depth <= (claim.blockCount - claim.senders.count) / sharing
    }

    /// Forgets what belongs to sizes that too few peers state.
    private mutating func trim() {
        guard claims.count > Self.claimLimit else { return }
        let kept = Set(ranking.prefix(Self.claimLimit))
        for (size, claim) in claims.sorted(by: { $0.key < $1.key }) where !kept.contains(size) && !claim.isHashing {
            claims[size] = nil
            effects.append(.drop(size: size, exceptOf: nil))
            for key in peers.keys where peers[key]?.size == size { peers[key]?.requests = [:] }
        }
    }

    // MARK: Answers

    package mutating func stored(_ size: Int, blocks: [Int], now: Instant) {
        for block in blocks { claims[size]?.stored(block) }
        assembleIfWhole(size)
    }

    package mutating func storeFailed(_ size: Int, blocks: [Int], now: Instant) {
        for block in blocks { claims[size]?.lost(block) }
        pausedUntil = now + Self.storePause
    }

    private mutating func assembleIfWhole(_ size: Int) {
        guard !isStopped, let claim = claims[size], claim.isStored, !claim.isHashing else { return }
        claims[size]?.hashingBegan()
        effects.append(.assemble(size: size))
    }

    /// The blocks could not be read, or don't fit together. They are fetched again.
    package mutating func unreadable(_ size: Int, now: Instant) {
        claims[size]?.drop()
        effects.append(.drop(size: size, exceptOf: nil))
        pausedUntil = now + Self.storePause
    }

    /// The blocks were put together. `digests` are those of the blocks, in their order.
    package mutating func hashed(_ size: Int, isRight: Bool, digests: [SHA1Digest], now: Instant) {
        guard let claim = claims[size], claim.isHashing else { return }
        if isRight {
            for liar in claim.liars(digests).sorted(by: { $0.description < $1.description }) {
                ban(liar, "it sent wrong metadata", now: now)
            }
            isStopped = true
            return
        }
        let shares = claim.shares
        effects.append(.mismatch(size: size, senders: shares.count))
        for sender in shares.keys { peers.book.hashFailed(sender) }
        guard shares.count > 1 else {
            claims[size]?.drop()
            effects.append(.drop(size: size, exceptOf: nil))
            for sender in shares.keys { ban(sender, "it sent wrong metadata", now: now) }
            if claim.isSuspicious { chooseSole(size, now: now) }
            fill(now: now)
            return
        }
        suspects.formUnion(shares.keys)
        claims[size]?.suspect(digests)
        chooseSole(size, now: now)
        fill(now: now)
    }

    /// Chooses the peer from which alone the suspicious metadata is fetched: the one with most blocks, so that few are
    /// fetched again. Its blocks are kept, and those of others are dropped.
    private mutating func chooseSole(_ size: Int, now: Instant) {
        guard let claim = claims[size], claim.isSuspicious else { return }
        let shares = claim.shares
        let candidates = peers.keys.compactMap { peers[$0] }.filter {
            $0.size == size && !$0.isClosing && !$0.rests(at: now) && $0.address != claim.sole
        }
        let best =
            candidates.max {
                (shares[$0.address] ?? 0, $1.faults, $1.connectedAt) < (
                    shares[$1.address] ?? 0, $0.faults, $0.connectedAt
                )
            }?.address ?? claim.sole.flatMap { peers.key(of: $0) == nil ? nil : $0 }
        guard best != claim.sole || shares.count > 1 else { return }
        for key in peers.keys where peers[key]?.size == size { peers[key]?.requests = [:] }
        if best != nil || shares.count > 1 {
            claims[size]?.drop(exceptOf: best)
            if shares.keys.contains(where: { $0 != best }) { effects.append(.drop(size: size, exceptOf: best)) }
        }
        claims[size]?.choose(best, now: now)
        assembleIfWhole(size)
    }

    private mutating func ban(_ address: PeerAddress, _ reason: String, now: Instant) {
        let key = peers.key(of: address)
        if let key, peers[key]?.isIncoming == true { effects.append(.shun(address.host, reason: reason)) }
        if !peers.book.isBanned(address) {
            peers.book.ban(address, reason: reason, at: unix(now))
            effects.append(.banned(address, reason: reason))
        }
        if let key { disconnect(key, .banned(reason)) }
    }

    // MARK: Time

    package mutating func tick(now: Instant) {
        guard !isStopped else { return }
        limit.resume(now: now)
        for key in peers.keys {
            guard let member = peers[key], !member.isClosing else { continue }
            if now - member.saidAt > MetadataPeers.keepAliveAfter {
                peers[key]?.saidAt = now
                effects.append(.keepAlive(key))
            }
            if let oldest = member.requests.values.min(), now - oldest > Self.silentAfter {
                peers[key]?.faults += 1
                rest(key, now: now)
            }
        }
        for (size, claim) in claims.sorted(by: { $0.key < $1.key })
        where claim.sole != nil && !claim.isHashing && now - claim.soleSince > Self.soleSilentAfter {
            chooseSole(size, now: now)
        }
        for (key, reason) in peers.leavers(now: now) { disconnect(key, reason) }
        fill(now: now)
        dialMore(now: now)
    }

    /// Fetches no more; connections stay as they are.
    package mutating func stop() { isStopped = true }
}
