import DequeModule
import Torrent

/// The brain's state of one connection: its messages, choking and interest, and what is served to it. What it
/// delivers is the state of its ``source``.
final class Peer {
    let key: PeerKey
    /// The peer as a source of blocks.
    let source: BlockSource
    /// The address to dial. For an incoming peer, its source address until it reports the port on which it listens.
    var address: PeerAddress
    let isIncoming: Bool
    let supportsFast: Bool
    let supportsExtensions: Bool
    let connectedAt: Instant

    /// The number of full bitfields that the peer sent.
    var bitfieldCount = 0
    var isUploadOnly = false
    /// The last upload-only state that we sent to the peer (BEP 21).
    var saidUploadOnly = false
    var amChoking = true
    var amInterested = false
    var isInterested = false
    var lastHeardAt: Instant
    var lastSaidAt: Instant
    var isClosing = false

    /// Requests of the peer that aren't being served yet.
    var serveQueue: Deque<BlockRequest> = []
    var servingBytes = 0
    var lastServedAt: Instant?
    /// Since when the peer has read none of the data that is being sent to it.
    var servingSince = Instant.origin

    /// The work budget of the peer's messages.
    var budget = WorkBudget(.connection)
    /// Microseconds of work that are not yet charged to the peer's host, less what the peer earned.
    var unsettledWork = 0.0
    /// Whether the peer reported its listening port. Only the first report is accepted.
    var hasSaidPort = false
    /// Bytes of blocks that we had not requested.
    var unaskedBytes: Int64 = 0

    var uploaded = RateMeter()

    init(_ info: PeerInfo, source: BlockSource, now: Instant) {
        key = PeerKey(source.key.value)
        self.source = source
        address = info.address
        isIncoming = info.isIncoming
        supportsFast = info.supportsFast
        supportsExtensions = info.supportsExtensions
        connectedAt = now
        lastHeardAt = now
        lastSaidAt = now
    }

    /// Whether the peer chokes us: it may be asked only for pieces that it allowed (BEP 6).
    var isChoking: Bool { !source.isOpen }

    /// When payload last moved in either direction; the time of connecting if none ever did.
    var lastPayloadAt: Instant { max(connectedAt, source.lastBlockAt ?? connectedAt, lastServedAt ?? connectedAt) }
}
