package import Torrent

/// A way to find peers of torrents, active and dormant: trackers today; the DHT, local discovery and peer exchange
/// next.
///
/// Its peers reach a torrent only as ``FoundPeers``, which don't exist for a source that the torrent may not use.
package protocol PeerDiscovery {
    static var source: PeerSource { get }
}

extension PeerDiscovery {
    /// `nil` if the torrent may not have peers from this source.
    package static func found(_ addresses: [PeerAddress], isPrivate: Bool) -> FoundPeers? {
        FoundPeers(addresses, from: source, isPrivate: isPrivate)
    }
}
