import PeerWire
import Store
import Torrent

/// The DHT as one public torrent uses it.
///
/// A private torrent has no such value, and neither has any torrent if the DHT is off: law 8 of the design.
struct DHTAccess: Sendable {
    private let service: DHTService
    private let hash: PublicInfoHash

    /// A torrent whose metadata isn't known yet isn't private.
    init?(_ service: DHTService?, _ infoHash: InfoHash, isPrivate: Bool) {
        guard let service, let hash = PublicInfoHash(infoHash, isPrivate: isPrivate) else { return nil }
        self.service = service
        self.hash = hash
    }

    /// From now on, peers are found for `seeker`, and the torrent is announced.
    func serve(_ torrent: TorrentID, _ seeker: PeerSeeker) { service.onLoop { $0.serve(hash, torrent, seeker) } }

    /// Nothing more is sent for the torrent.
    func forget() { service.onLoop { $0.forget(hash) } }

    /// Looks for peers as soon as possible.
    func hasten() { service.onLoop { $0.hasten(hash) } }

    /// Peers were found elsewhere, which may have nodes at their ports.
    func found(_ peers: FoundPeers) {
        if [.tracker, .pex, .manual].contains(peers.source) { heardOf(peers.addresses) }
    }

    /// A peer gave the port of its node.
    func heardOf(_ addresses: [PeerAddress]) { service.onLoop { $0.heardOf(addresses, of: hash) } }

    /// The message that tells a peer the port of our node (BEP 5); `nil` if the peer has no node, or we have none that
    /// it can reach.
    func portMessage(to peer: Handshake, at host: PeerAddress.Host) -> PeerMessage? {
        guard peer.reserved.contains(.dht), let port = service.onLoop({ $0.port(for: host) }) else { return nil }
        return .port(port)
    }
}

extension Environment {
    /// The DHT for a torrent; `nil` if the torrent is private, or the DHT is off.
    func dht(for infoHash: InfoHash, isPrivate: Bool) -> DHTAccess? { DHTAccess(dht, infoHash, isPrivate: isPrivate) }
}
