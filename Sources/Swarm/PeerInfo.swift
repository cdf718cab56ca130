package import Torrent

/// The answers of a completed handshake.
package struct PeerInfo: Sendable {
    package let address: PeerAddress
    package let isIncoming: Bool
    /// Whether the peer supports the fast extension (BEP 6).
    package let supportsFast: Bool
    /// Whether the peer supports the extension protocol (BEP 10).
    package let supportsExtensions: Bool
    /// The client's name, for display.
    package let client: String

    package init(address: PeerAddress, isIncoming: Bool, supportsFast: Bool, supportsExtensions: Bool, client: String) {
        self.address = address
        self.isIncoming = isIncoming
        self.supportsFast = supportsFast
        self.supportsExtensions = supportsExtensions
        self.client = client
    }
}
