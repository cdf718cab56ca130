import DequeModule
import Torrent

/// What the brain knows of one connection.
final class Peer {
    struct Request {
        let block: BlockRef
        let sentAt: Instant
        /// Given to others after a snub; its late arrival is still welcome.
        var isReleased = false
    }

    let key: PeerKey
    /// Where it can be dialled; for an incoming peer where it comes from, until it says where it listens.
    var address: PeerAddress
    let isIncoming: Bool
    let supportsFast: Bool
    let supportsExtensions: Bool
    let connectedAt: Instant

    /// What it has; `nil` is nothing said yet, which means nothing.
    var have: Bitfield?
    /// Whether it has everything; then ``have`` is `nil`.
    var isSeed = false
    /// Whole bitfields that it sent.
    var bitfieldCount = 0
    /// Whether it had everything and lost a piece; it isn't counted as a seed again.
    var hasLost = false
    var isUploadOnly = false
    /// What it was told of us (BEP 21).
    var saidUploadOnly = false
    var amChoking = true
    var amInterested = false
    var isChoking = true
    var isInterested = false
    var allowedFast: Set<PieceIndex> = []

    var pipeline = RequestPipeline()
    var requests: Deque<Request> = []
    /// The piece that it fills.
    var working: PieceIndex?
    /// Pieces that are its own while it is on probation.
    var exclusive: Set<PieceIndex> = []
    /// Whether a piece that it sent alone has passed since its last failure.
    var isProven = false
    var isSnubbed = false
    var snubbedAt = Instant.origin
    var lastBlockAt: Instant?
    var lastHeardAt: Instant
    var lastSaidAt: Instant
    var isClosing = false
    var nextEndGame = Instant.origin
    /// Requests that it rejected since its last block, and until when it is left alone for it.
    var rejections = 0
    var pausedUntil = Instant.origin
    /// The count of the picker's insertions at which it had nothing that could be opened; until there are more, or it
    /// has more, it still hasn't.
    var ranDryAt: Int?

    /// Requests of the peer that aren't being served yet.
    var serveQueue: Deque<BlockRequest> = []
    var servingBytes = 0
    var lastServedAt: Instant?
    /// Since when it has taken nothing of what it is sent.
    var servingSince = Instant.origin

    /// What its messages may cost.
    var budget = WorkBudget(.connection)
    /// What they cost since that was counted for its host too, less what it earned; in microseconds.
    var unsettledWork = 0.0
    /// Whether it said where it listens: it is believed once.
    var hasSaidPort = false
    /// Bytes of pieces that hash right: merit.
    var verifiedBytes: Int64 = 0
    /// Bytes of blocks that we had not asked for.
    var unaskedBytes: Int64 = 0

    var downloaded = RateMeter()
    var uploaded = RateMeter()

    init(_ hello: PeerInfo, key: PeerKey, now: Instant) {
        self.key = key
        address = hello.address
        isIncoming = hello.isIncoming
        supportsFast = hello.supportsFast
        supportsExtensions = hello.supportsExtensions
        connectedAt = now
        lastHeardAt = now
        lastSaidAt = now
    }

    func has(_ piece: PieceIndex) -> Bool { isSeed || (have?[piece] ?? false) }

    /// Whether it may be asked for the piece now.
    func serves(_ piece: PieceIndex) -> Bool { has(piece) && (!isChoking || allowedFast.contains(piece)) }

    /// When payload last went either way; the time of connecting when none ever did.
    var lastPayloadAt: Instant { max(connectedAt, lastBlockAt ?? connectedAt, lastServedAt ?? connectedAt) }

    /// Requests that weren't given to others.
    private(set) var outstanding = 0

    /// A request that was given to others before is taken back with it: one block is owed once.
    func request(_ block: BlockRef, at now: Instant) {
        if outstanding < requests.count, let old = requests.firstIndex(where: { $0.block == block }) {
            requests.remove(at: old)
        }
        requests.append(Request(block: block, sentAt: now))
        outstanding += 1
    }

    /// Takes the request for the block from the queue.
    func takeRequest(_ block: BlockRef) -> Request? {
        guard let index = requests.firstIndex(where: { $0.block == block }) else { return nil }
        let request = requests.remove(at: index)
        if !request.isReleased { outstanding -= 1 }
        return request
    }

    /// Marks all requests as given to others, or forgets them, and returns those that weren't given yet.
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

    /// Drops released requests that were sent before `limit`: their blocks won't come any more.
    func dropReleased(before limit: Instant) {
        if outstanding < requests.count { requests.removeAll { $0.isReleased && $0.sentAt < limit } }
    }
}

/// A connection whose handshakes have passed.
package struct PeerInfo: Sendable {
    package let address: PeerAddress
    package let isIncoming: Bool
    /// BEP 6.
    package let supportsFast: Bool
    /// BEP 10.
    package let supportsExtensions: Bool
    /// For people.
    package let client: String

    package init(address: PeerAddress, isIncoming: Bool, supportsFast: Bool, supportsExtensions: Bool, client: String) {
        self.address = address
        self.isIncoming = isIncoming
        self.supportsFast = supportsFast
        self.supportsExtensions = supportsExtensions
        self.client = client
    }
}
