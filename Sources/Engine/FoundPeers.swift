package import Torrent

/// Addresses of peers for one torrent, and how they were found.
package struct FoundPeers: Equatable, Sendable {
    package let addresses: [PeerAddress]
    package let source: PeerSource

    /// `nil` if the torrent may not have peers from this source: law 8 of the design.
    package init?(_ addresses: [PeerAddress], from source: PeerSource, isPrivate: Bool) {
        guard source.isAllowed(isPrivate: isPrivate) else { return nil }
        self.addresses = addresses
        self.source = source
    }
}
