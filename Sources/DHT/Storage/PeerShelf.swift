package import Torrent

/// The peers of one family that announced torrents to us.
///
/// A peer is kept for 45 minutes. When all places for torrents are taken, the torrent that is farthest from our own id
/// gives way, because other nodes are closer to it and have its peers too.
package struct PeerShelf {
    /// How long an announce counts; clients announce again after 15 to 30 minutes.
    static let lifetime = Duration.seconds(45 * 60)
    /// The most torrents.
    package static let mostTorrents = 2000
    /// The most peers of one torrent.
    package static let mostPeers = 500
    /// The most peers of all torrents, about 3 MiB.
    static let mostPeersInAll = 20_000
    /// The most torrents that one subscriber may announce.
    package static let mostTorrentsOfHost = 100

    private struct Peer {
        let key: PeerAddress
        var address: PeerAddress
        var isSeed: Bool
        var storedAt: Instant
    }

    /// The peers of one torrent, without gaps, in an order that depends on nothing but the events.
    private struct Torrent {
        var peers: [Peer] = []
        var places: [PeerAddress: Int] = [:]

        /// Removes the peer at a place; the last one takes it.
        mutating func remove(at place: Int) -> Peer {
            let peer = peers[place]
            let last = peers.removeLast()
            places[peer.key] = nil
            if place < peers.count {
                peers[place] = last
                places[last.key] = place
            }
            return peer
        }
    }

    /// A host of the internet is one peer of a torrent (BEP 33); in a local network, each address is one.
    private static func key(_ address: PeerAddress) -> PeerAddress {
        address.host.reach == .everywhere ? PeerAddress(address.host, port: 0) : address
    }

    /// Our id, whose surroundings are kept.
    private var own: NodeID
    private var torrents: [NodeID: Torrent] = [:]
    /// The torrent that is farthest from our id; `nil` if it isn't known.
    private var farthest: NodeID?
    /// The number of stored peers by subscriber.
    private var countOfHost: [PeerAddress.Host: Int] = [:]
    package private(set) var peerCount = 0

    package init(own: NodeID) { self.own = own }

    package var torrentCount: Int { torrents.count }
    package func peerCount(of hash: InfoHash) -> Int { torrents[NodeID(hash)]?.peers.count ?? 0 }

    mutating func move(to own: NodeID) {
        self.own = own
        farthest = nil
    }

    /// Whether an announce of the host would be stored. Otherwise it gets no token, and announces farther away.
    package mutating func accepts(_ hash: InfoHash, from host: PeerAddress.Host) -> Bool {
        accepts(NodeID(hash), key: Self.key(PeerAddress(host, port: 0)))
    }

    private mutating func accepts(_ hash: NodeID, key: PeerAddress) -> Bool {
        let torrent = torrents[hash]
        // A known peer may always renew its announce.
        if torrent?.places[key] != nil { return true }
        guard peerCount < Self.mostPeersInAll else { return false }
        // Many peers of a local network may share a host.
        guard key.host.reach != .everywhere || (countOfHost[key.host.subscriber] ?? 0) < Self.mostTorrentsOfHost else {
            return false
        }
        if let torrent { return torrent.peers.count < Self.mostPeers }
        guard torrents.count >= Self.mostTorrents, let farthest = findFarthest() else { return true }
        return hash.isCloser(than: farthest, to: own)
    }

    /// Stores an announce. Returns whether there was room.
    package mutating func store(_ address: PeerAddress, isSeed: Bool, for hash: InfoHash, now: Instant) -> Bool {
        let (hash, key) = (NodeID(hash), Self.key(address))
        if let place = torrents[hash]?.places[key] {
            torrents[hash]?.peers[place] = Peer(key: key, address: address, isSeed: isSeed, storedAt: now)
            return true
        }
        guard accepts(hash, key: key) else { return false }
        if torrents[hash] == nil {
            if torrents.count >= Self.mostTorrents, let farthest = findFarthest() { remove(farthest) }
            if let known = farthest, known.isCloser(than: hash, to: own) { farthest = hash }
        }
        countOfHost[address.host.subscriber, default: 0] += 1
        peerCount += 1
        let place = torrents[hash]?.peers.count ?? 0
        torrents[hash, default: Torrent()].places[key] = place
        torrents[hash]?.peers.append(Peer(key: key, address: address, isSeed: isSeed, storedAt: now))
        return true
    }

    /// Returns at most `count` random peers; with `isSeedless`, those that aren't complete come first.
    package func peers(
        of hash: InfoHash, most count: Int, isSeedless: Bool, using random: inout some RandomNumberGenerator
    )
        -> [PeerAddress]
    {
        guard var peers = torrents[NodeID(hash)]?.peers else { return [] }
        if isSeedless { peers.removeAll(where: \.isSeed) }
        let count = min(count, peers.count)
        // The beginning of a random order.
        for place in 0..<max(count, 0) where count < peers.count {
            peers.swapAt(place, Int.random(in: place..<peers.count, using: &random))
        }
        return peers.prefix(max(count, 0)).map(\.address)
    }

    /// The filters of seeds and of other peers; `nil` if the torrent isn't known.
    package func filters(of hash: InfoHash) -> (seeds: BloomFilter, peers: BloomFilter)? {
        guard let torrent = torrents[NodeID(hash)] else { return nil }
        var filters = (seeds: BloomFilter(), peers: BloomFilter())
        for peer in torrent.peers {
            if peer.isSeed { filters.seeds.insert(peer.address.host) } else { filters.peers.insert(peer.address.host) }
        }
        return filters
    }

    package mutating func expire(now: Instant) {
        for hash in Array(torrents.keys) {
            var place = 0
            while let peer = torrents[hash]?.peers[safely: place] {
                guard now - peer.storedAt >= Self.lifetime else {
                    place += 1
                    continue
                }
                if let peer = torrents[hash]?.remove(at: place) { forget(peer) }
            }
            if torrents[hash]?.peers.isEmpty ?? false { remove(hash) }
        }
    }

    private mutating func remove(_ hash: NodeID) {
        for peer in torrents.removeValue(forKey: hash)?.peers ?? [] { forget(peer) }
        if farthest == hash { farthest = nil }
    }

    private mutating func forget(_ peer: Peer) {
        peerCount -= 1
        let host = peer.address.host.subscriber
        let count = (countOfHost[host] ?? 1) - 1
        countOfHost[host] = count > 0 ? count : nil
    }

    private mutating func findFarthest() -> NodeID? {
        if farthest == nil { farthest = torrents.keys.max { $0.isCloser(than: $1, to: own) } }
        return farthest
    }
}

extension Array {
    fileprivate subscript(safely index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
