package import Torrent

/// What was learned of a peer since it was last saved. `nil` keeps the saved value.
package struct PeerUpdate: Sendable, Hashable {
    package let address: PeerAddress
    /// Only the first recorded source of a peer is kept.
    package let source: PeerSource
    package var lastTried: Timestamp?
    package var lastConnected: Timestamp?
    /// Failed dials since the last success.
    package var failures: Int?
    package var downloadedDelta: Int64 = 0
    package var uploadedDelta: Int64 = 0
    package var hashFailuresDelta = 0
    package var toldGoodDelta = 0
    package var toldBadDelta = 0
    /// Bytes per second.
    package var rate: Int64?
    package var client: String?

    package init(address: PeerAddress, source: PeerSource) {
        self.address = address
        self.source = source
    }
}
