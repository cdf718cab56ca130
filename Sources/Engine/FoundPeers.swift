import Torrent

/// Addresses of peers for one torrent, and how they were found.
struct FoundPeers: Equatable, Sendable {
    let addresses: [PeerAddress]
    let source: PeerSource

    /// `nil` if the torrent may not have peers from this source: law 8 of the design.
    init?(_ addresses: [PeerAddress], from source: PeerSource, isPrivate: Bool) {
        guard source.isAllowed(isPrivate: isPrivate) else { return nil }
        self.addresses = addresses
        self.source = source
    }
}
