import Torrent

/// The connections of the torrent and the dials under way, and the addresses of former peers.
struct PeerSet: ~Copyable {
    /// How long a connection may go without payload in either direction before it can lose its place to another.
    private static let idleAfter = Duration.seconds(60)
    /// How long a connection is spared from giving its place to a peer of a higher priority.
    static let settledAfter = Duration.seconds(10)
    /// The same limit while we download and no peer has sent a block for as long: other peers may be better.
    static let idleAfterInNeed = Duration.seconds(10)
    /// The number of former peers that are remembered, and how many of them remain when the others are forgotten.
    private static let mostFormer = 4096
    private static let keptFormer = 2048

    private var byKey: [PeerKey: Peer] = [:]
    private var nextKey: UInt32 = 1
    /// The peers, ordered by key.
    private(set) var ordered: [Peer] = []
    private var dialing: Set<PeerAddress> = []
    /// The dialled addresses that another peer was disconnected for: its place is reserved for them.
    private var reserved: Set<PeerAddress> = []
    /// Addresses of closed connections, kept so that blocks they sent can still be blamed on them.
    private var formerAddresses: [PeerKey: PeerAddress] = [:]
    /// Hosts of those closed connections that were incoming.
    private var formerCallers: [PeerKey: PeerAddress.Host] = [:]

    // MARK: Queries

    subscript(key: PeerKey) -> Peer? { byKey[key] }
    /// The peer that is the block source; `nil` if another kind of source has the key.
    subscript(key: SourceKey) -> Peer? {
        switch key {
        case .peer(let key): byKey[key]
        case .webSeed: nil
        }
    }
    var count: Int { byKey.count }
    var isEmpty: Bool { byKey.isEmpty }
    var dialCount: Int { dialing.count }

    /// Whether a peer with this address is connected and not being disconnected.
    func isConnected(to address: PeerAddress) -> Bool { ordered.contains { $0.address == address && !$0.isClosing } }

    func isDialing(_ address: PeerAddress) -> Bool { dialing.contains(address) }

    /// The address of the peer, even if its connection is closed.
    func address(of key: PeerKey) -> PeerAddress? { self[key]?.address ?? formerAddresses[key] }

    /// The host of the peer, if it dialled us, even if its connection is closed.
    func caller(_ key: PeerKey) -> PeerAddress.Host? {
        guard let peer = self[key] else { return formerCallers[key] }
        return peer.isIncoming ? peer.address.host : nil
    }

    // MARK: Connections

    /// Returns the key of the next connection.
    mutating func takeKey() -> PeerKey {
        defer { nextKey &+= 1 }
        return PeerKey(nextKey)
    }

    mutating func connected(_ info: PeerInfo, _ key: PeerKey, as source: BlockSource, now: Instant) -> Peer {
        let peer = Peer(info, key: key, source: source, now: now)
        byKey[peer.key] = peer
        ordered.append(peer)
        return peer
    }

    mutating func closed(_ peer: Peer) {
        byKey[peer.key] = nil
        ordered.removeAll { $0 === peer }
        formerAddresses[peer.key] = peer.address
        if peer.isIncoming { formerCallers[peer.key] = peer.address.host }
    }

    /// Whether so many former peers are remembered that ``forgetFormer(except:)`` is due.
    var remembersTooMany: Bool { formerAddresses.count > Self.mostFormer }

    /// Forgets all former peers but the newest, and those that may still be blamed for a piece.
    mutating func forgetFormer(except needed: Set<SourceKey>) {
        let oldest = formerAddresses.keys.sorted().suffix(Self.keptFormer).first ?? PeerKey(0)
        formerAddresses = formerAddresses.filter { needed.contains(.peer($0.key)) || $0.key >= oldest }
        formerCallers = formerCallers.filter { formerAddresses[$0.key] != nil }
    }

    // MARK: Dials

    mutating func dialBegan(_ address: PeerAddress) { dialing.insert(address) }

    /// The dial takes the place of a peer that was disconnected for it.
    mutating func reservePlace(for address: PeerAddress) { reserved.insert(address) }

    mutating func dialEnded(_ address: PeerAddress) { dialing.remove(address) }

    /// The peer came, or won't come.
    mutating func freeReservedPlace(of address: PeerAddress) { reserved.remove(address) }

    /// Whether another address may be dialled.
    func mayDial(_ settings: SwarmSettings) -> Bool {
        dialing.count < settings.maximumDials && dialing.count + count < settings.maximumPeers
    }

    // MARK: Places

    /// Whether the new peer gets a place without taking one from another peer.
    func hasPlace(for info: PeerInfo, isComplete: Bool, most: Int) -> Bool {
        if !info.isIncoming, reserved.contains(info.address) { return true }
        // We chose the peers that we dial, so half of the places are kept for them while we download.
        let isPromised = info.isIncoming && !isComplete
        let promised = isPromised ? max(reserved.count, min(dialing.count, most / 2)) : reserved.count
        return count + promised < most
    }

    /// Returns the peer that gives up its place. Peers that send or receive payload keep theirs.
    ///
    /// - First choice: an idle peer whose budget is spent.
    /// - Then the longest idle peer of the host with the most idle peers, if that host has at least two more of them
    ///   than the newcomer's host has connections.
    /// - Then the peer of the lowest priority (BEP 40) of those that have been idle for long. For a peer that we
    ///   dialled when there was a place, any idle peer will do.
    /// - Then an idle peer of a lower priority than the newcomer's. Priorities of a pair never change, so that a peer
    ///   can't come back by the same rule, and the peers that are kept settle.
    ///
    /// `priority` is `nil` for addresses that can't be compared, and for all while our own address isn't known.
    func idlest(
        for newcomer: PeerAddress?, isChosen: Bool, isComplete: Bool, now: Instant,
        priority: (PeerAddress) -> UInt32?
    ) -> Peer? {
        var idle: [PeerAddress.Host: (count: Int, oldest: Peer)] = [:]
        var own = 0
        let isInNeed =
            !isComplete && !ordered.contains { $0.source.lastBlockAt.map { now - $0 < Self.idleAfterInNeed } ?? false }
        for peer in ordered where !peer.isClosing {
            if peer.isBudgetSpent, isIdle(peer, now: now) { return peer }
            let host = peer.address.host.subscriber
            if host == newcomer?.host.subscriber { own += 1 }
            guard isIdle(peer, now: now) else { continue }
            let known = idle[host]
            let oldest = known.map { $0.oldest.lastPayloadAt <= peer.lastPayloadAt ? $0.oldest : peer } ?? peer
            idle[host] = ((known?.count ?? 0) + 1, oldest)
        }
        let crowd = idle.values.max { ($0.count, $1.oldest.key) < ($1.count, $0.oldest.key) }
        guard let crowd else { return nil }
        if crowd.count >= own + 2 { return crowd.oldest }
        let patience = isInNeed ? Self.idleAfterInNeed : Self.idleAfter
        let oldest = idle.values.map { (peer: $0.oldest, rank: Self.rank(priority($0.oldest.address))) }
        let spare = isChosen ? oldest : oldest.filter { now - $0.peer.lastPayloadAt > patience }
        if let least = Self.least(spare) { return least.peer }
        guard let newcomer, let rank = priority(newcomer),
            let least = Self.least(oldest.filter { now - $0.peer.connectedAt > Self.settledAfter }), least.rank < rank
        else { return nil }
        return least.peer
    }

    /// The peer of the lowest priority; among equals the one that has been idle for longest.
    private static func least(_ peers: [(peer: Peer, rank: UInt32)]) -> (peer: Peer, rank: UInt32)? {
        peers.min {
            ($0.rank, $0.peer.lastPayloadAt, $0.peer.key) < ($1.rank, $1.peer.lastPayloadAt, $1.peer.key)
        }
    }

    /// Peers whose priority can't be told are in the middle.
    private static func rank(_ priority: UInt32?) -> UInt32 { priority ?? UInt32.max / 2 }

    /// Whether the connection serves neither side: no transfer is under way, and there has been no payload for a while.
    private func isIdle(_ peer: Peer, now: Instant) -> Bool {
        if let last = [peer.source.lastBlockAt, peer.serving.lastServedAt].compactMap(\.self).max(),
            now - last < Self.idleAfter
        {
            return false
        }
        let awaitsBlocks = peer.source.outstanding > 0 && !peer.source.isSnubbed
        let isAtWork = !peer.serving.isIdle || awaitsBlocks
        return !isAtWork || now - peer.connectedAt > Self.idleAfter
    }

    // MARK: Invariants

    /// Descriptions of what is inconsistent, for tests; empty if nothing is.
    var faults: [String] {
        ordered.map(\.key) == byKey.keys.sorted() ? [] : ["the ordered peers are not the peers"]
    }
}
