import DequeModule
import Torrent

/// The brain's state of one connection.
final class Peer {
    struct Request {
        let block: BlockRef
        let sentAt: Instant
        /// Whether the block was given to other peers, after a snub for example. A late arrival is still accepted.
        var isReleased = false
    }

    let key: PeerKey
    /// The address to dial. For an incoming peer, its source address until it reports the port on which it listens.
    var address: PeerAddress
    let isIncoming: Bool
    let supportsFast: Bool
    let supportsExtensions: Bool
    let connectedAt: Instant

    /// The pieces that the peer has; `nil` until it announces any, which means none.
    var have: Bitfield?
    /// Whether the peer has every piece; ``have`` is then `nil`.
    var isSeed = false
    /// The number of full bitfields that the peer sent.
    var bitfieldCount = 0
    /// Whether the peer had every piece and then lost one. It isn't counted as a seed again.
    var hasLost = false
    var isUploadOnly = false
    /// The last upload-only state that we sent to the peer (BEP 21).
    var saidUploadOnly = false
    var amChoking = true
    var amInterested = false
    var isChoking = true
    var isInterested = false
    var allowedFast: Set<PieceIndex> = []

    var pipeline = RequestPipeline()
    private(set) var requests: Deque<Request> = []
    /// The piece that the peer currently fills.
    var currentPiece: PieceIndex?
    /// Pieces that only this peer is asked for while it is on probation.
    var assignedPieces: Set<PieceIndex> = []
    /// Whether a piece that the peer sent alone has passed its hash check since the peer's last failure.
    var isProven = false
    var isSnubbed = false
    var snubbedAt = Instant.origin
    var lastBlockAt: Instant?
    var lastHeardAt: Instant
    var lastSaidAt: Instant
    var isClosing = false
    var nextEndGame = Instant.origin
    /// The number of requests that the peer rejected since its last block, and until when we pause requests because of
    /// it.
    var rejections = 0
    var pausedUntil = Instant.origin
    /// The picker's insertion count when no piece of the peer could become active. The search is skipped until the
    /// count changes or the peer announces more pieces.
    var ranDryAt: Int?

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
    /// Bytes of the peer's blocks in pieces that passed their hash check.
    var verifiedBytes: Int64 = 0
    /// Bytes of blocks that we had not requested.
    var unaskedBytes: Int64 = 0

    var downloaded = RateMeter()
    var uploaded = RateMeter()

    init(_ info: PeerInfo, key: PeerKey, now: Instant) {
        self.key = key
        address = info.address
        isIncoming = info.isIncoming
        supportsFast = info.supportsFast
        supportsExtensions = info.supportsExtensions
        connectedAt = now
        lastHeardAt = now
        lastSaidAt = now
    }

    func has(_ piece: PieceIndex) -> Bool { isSeed || (have?[piece] ?? false) }

    /// Whether the peer may be asked for the piece now.
    func serves(_ piece: PieceIndex) -> Bool { has(piece) && (!isChoking || allowedFast.contains(piece)) }

    /// When payload last moved in either direction; the time of connecting if none ever did.
    var lastPayloadAt: Instant { max(connectedAt, lastBlockAt ?? connectedAt, lastServedAt ?? connectedAt) }

    /// The number of requests that weren't given to others.
    private(set) var outstanding = 0

    /// Adds a request. It replaces a request for the same block that was given to others, because a block is owed only
    /// once.
    func request(_ block: BlockRef, at now: Instant) {
        if outstanding < requests.count, let old = requests.firstIndex(where: { $0.block == block }) {
            requests.remove(at: old)
        }
        requests.append(Request(block: block, sentAt: now))
        outstanding += 1
    }

    /// Removes and returns the request for the block.
    func takeRequest(_ block: BlockRef) -> Request? {
        guard let index = requests.firstIndex(where: { $0.block == block }) else { return nil }
        let request = requests.remove(at: index)
        if !request.isReleased { outstanding -= 1 }
        return request
    }

    /// Releases all requests to other peers, keeping them marked if `keep`. Returns the blocks that weren't released
    /// before.
    func releaseRequests(keep: Bool) -> [BlockRef] {
        let blocks = requests.filter { !$0.isReleased }.map(\.block)
        outstanding = 0
        if keep {
            for index in requests.indices { requests[index].isReleased = true }
        } else {
            requests = []
        }
        return blocks
    }

    /// Drops released requests that were sent before `limit`, because their blocks won't arrive any more.
    func dropReleased(before limit: Instant) {
        if outstanding < requests.count { requests.removeAll { $0.isReleased && $0.sentAt < limit } }
    }
}
