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
    /// Where it can be dialled: for an incoming peer, once its listening port is known.
    let address: PeerAddress
    let isIncoming: Bool
    let supportsFast: Bool
    let supportsExtensions: Bool
    let connectedAt: Instant

    /// What it has; `nil` is nothing said yet, which means nothing.
    var have: Bitfield?
    var isSeed = false
    var isUploadOnly = false
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

    /// Requests of the peer that aren't being served yet.
    var serveQueue: Deque<BlockRequest> = []
    var serving: Set<BlockRequest> = []
    var servingBytes = 0

    var downloaded = RateMeter()
    var uploaded = RateMeter()

    init(_ hello: Hello, key: PeerKey, now: Instant) {
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

    /// Requests that are in nobody else's hands.
    private(set) var outstanding = 0

    func request(_ block: BlockRef, at now: Instant) {
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

    /// Marks all requests as given to others, and returns those that weren't yet.
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
    func dropReleased(before limit: Instant) { requests.removeAll { $0.isReleased && $0.sentAt < limit } }
}

/// A connection whose handshakes have passed.
package struct Hello: Sendable {
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
