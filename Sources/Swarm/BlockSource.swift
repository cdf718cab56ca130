import DequeModule
import Torrent

/// Anything that delivers blocks: which pieces it has and may be asked for, what was requested from it, how fast it is,
/// and whether its data can be trusted.
///
/// The owner of the source (a ``Peer`` or a ``WebSeed``) reports what comes back.
final class BlockSource {
    struct Request {
        let block: BlockRef
        let sentAt: Instant
        /// Whether the block was given to other sources, after a snub for example. A late arrival is still accepted.
        fileprivate(set) var isReleased = false
    }

    let key: SourceKey

    init(key: SourceKey, _ onTheWay: BytesOnTheWay) {
        self.key = key
        self.onTheWay = onTheWay
    }

    /// Whether the source delivers nothing more, because its connection is being closed.
    private(set) var hasEnded = false

    func end() {
        hasEnded = true
        countOnTheWay()
    }

    // MARK: Pieces

    /// The pieces that the source has; `nil` until it announces any, which means none.
    private(set) var have: Bitfield?
    /// Whether the source has every piece; ``have`` is then `nil`.
    private(set) var hasAll = false
    /// Whether the source had every piece and then lost one. It isn't counted as a seed again.
    private(set) var hasLost = false
    /// Whether the source may be asked for each piece that it has. Otherwise it may be asked only for pieces that it
    /// allowed.
    private(set) var isOpen = false
    private var allowed: Set<PieceIndex> = []

    func has(_ piece: PieceIndex) -> Bool { hasAll || (have?[piece] ?? false) }

    /// Whether the source may be asked for the piece now.
    func serves(_ piece: PieceIndex) -> Bool { has(piece) && (isOpen || allowed.contains(piece)) }

    /// Whether the source may be asked for any piece, if it has it.
    var servesAny: Bool { isOpen || !allowed.isEmpty }

    /// The number of pieces that the source allowed one by one.
    var allowedCount: Int { allowed.count }

    /// The source has exactly these pieces.
    func announced(_ pieces: Bitfield) {
        hasAll = false
        have = pieces
    }

    /// The source has every piece.
    func announcedAll() {
        have = nil
        hasAll = true
    }

    /// The source has one more piece of `count`. Returns whether that is new.
    func gained(_ piece: PieceIndex, of count: Int) -> Bool {
        if have == nil { have = Bitfield(count: count) }
        return have?.insert(piece) ?? false
    }

    /// The source no longer has every piece of `count`.
    func lostSome(of count: Int) {
        hasAll = false
        hasLost = true
        have = Bitfield(fullCount: count)
    }

    /// The source no longer has the piece.
    func lost(_ piece: PieceIndex) { have?.remove(piece) }

    /// The source may be asked for each piece that it has.
    func opened() {
        isOpen = true
        hasMoreToOffer()
    }

    /// The source may be asked only for pieces that it allowed.
    func closed() { isOpen = false }

    /// The source may be asked for the piece even while it isn't open.
    func allowed(_ piece: PieceIndex) {
        allowed.insert(piece)
        hasMoreToOffer()
    }

    // MARK: Choice

    /// The piece that the source currently fills.
    private(set) var currentPiece: PieceIndex?
    /// Pieces that only this source is asked for while it is on probation.
    private(set) var assignedPieces: Set<PieceIndex> = []
    /// The picker's insertion count when no piece of the source could become active. The search is skipped until the
    /// count changes or the source offers more pieces.
    private var ranDryAt: Int?
    private var nextEndGame = Instant.origin

    /// Whether the source has pieces that we want.
    private(set) var isInteresting = false

    /// Notes whether the source has pieces that we want. Returns whether that changed.
    func isInteresting(_ new: Bool) -> Bool {
        defer { isInteresting = new }
        return new != isInteresting
    }

    func fills(_ piece: PieceIndex?) { currentPiece = piece }

    func assigned(_ piece: PieceIndex) { assignedPieces.insert(piece) }

    func endAssignment(of piece: PieceIndex) { assignedPieces.remove(piece) }

    func endAssignments() { assignedPieces = [] }

    /// Whether a search found nothing, and nothing has changed since.
    func isDry(at insertions: Int) -> Bool { ranDryAt == insertions }

    /// No piece of the source could become active.
    func ranDry(at insertions: Int) { ranDryAt = insertions }

    /// The source may be asked for pieces that it didn't serve before.
    func hasMoreToOffer() { ranDryAt = nil }

    /// Whether the source may look for late blocks; the next search is then allowed after `pause`.
    func beginsEndGame(now: Instant, pause: Duration) -> Bool {
        guard now >= nextEndGame else { return false }
        nextEndGame = now + pause
        return true
    }

    // MARK: Requests

    /// The requests, oldest first, with those that were given to other sources.
    private(set) var requests: Deque<Request> = []
    /// The number of requests that weren't given to others.
    private(set) var outstanding = 0 { didSet { countOnTheWay() } }
    private let onTheWay: BytesOnTheWay
    /// The bytes of this source that ``BytesOnTheWay`` counts.
    private(set) var bytesOnTheWay = 0
    private(set) var pipeline = RequestPipeline()
    private(set) var lastBlockAt: Instant?
    /// When the source was last sent a request or a cancel.
    private(set) var lastAskedAt: Instant?
    private var downloaded = RateMeter()
    /// Until when requests are paused because of a reject.
    private var pausedUntil = Instant.origin
    /// The number of requests that the source rejected since its last block.
    private(set) var rejections = 0

    /// Whether requests are paused, by a snub or a reject.
    func isPaused(now: Instant) -> Bool { isSnubbed || now < pausedUntil }

    /// The total bytes of blocks that arrived.
    var downloadedTotal: Int64 { downloaded.total }

    /// Returns the download rate of the last seconds in bytes per second.
    func downloadRate(at now: Instant) -> Int { downloaded.rate(at: now) }

    /// Since when the oldest outstanding request, or the next block, has been awaited; `nil` if nothing is.
    var awaitsSince: Instant? {
        guard let oldest = requests.first(where: { !$0.isReleased }) else { return nil }
        return max(oldest.sentAt, lastBlockAt ?? oldest.sentAt)
    }

    /// Counts what the path holds of the requested blocks. The rest will arrive without a pause, and needs memory now.
    private func countOnTheWay() {
        let bytes = hasEnded ? 0 : min(outstanding * Geometry.blockLength, pipeline.pathBytes)
        onTheWay.changed(by: bytes - bytesOnTheWay)
        bytesOnTheWay = bytes
    }

    /// Whether the block is requested and wasn't given to others.
    func owes(_ block: BlockRef) -> Bool { requests.contains { $0.block == block && !$0.isReleased } }

    /// Adds a request. It replaces a request for the same block that was given to others, because a block is owed only
    /// once.
    func request(_ block: BlockRef, at now: Instant) {
        if outstanding < requests.count, let old = requests.firstIndex(where: { $0.block == block }) {
            requests.remove(at: old)
        }
        requests.append(Request(block: block, sentAt: now))
        outstanding += 1
        lastAskedAt = now
    }

    /// Removes and returns the request for the block.
    func takeRequest(_ block: BlockRef) -> Request? {
        guard let index = requests.firstIndex(where: { $0.block == block }) else { return nil }
        let request = requests.remove(at: index)
        if !request.isReleased { outstanding -= 1 }
        return request
    }

    /// Removes and returns the request for the block, which the source must forget.
    func cancelRequest(_ block: BlockRef, at now: Instant) -> Request? {
        guard let request = takeRequest(block) else { return nil }
        lastAskedAt = now
        return request
    }

    /// Releases all requests to other sources, keeping them marked if `keep`. Returns the blocks that weren't released
    /// before.
    func releaseRequests(keep: Bool) -> [BlockRef] {
        let blocks = requests.filter { !$0.isReleased }.map(\.block)
        outstanding = 0
        if keep {
            for index in requests.indices { requests[index].isReleased = true }
        } else {
            requests = []
        }
        pipeline.idle()
        return blocks
    }

    /// Drops released requests that were sent before `limit`, because their blocks won't arrive any more.
    func dropReleased(before limit: Instant) {
        if outstanding < requests.count { requests.removeAll { $0.isReleased && $0.sentAt < limit } }
    }

    /// Bytes of a block arrived, requested or not.
    func received(bytes: Int, now: Instant) { downloaded.add(bytes, at: now) }

    /// A requested block arrived. `limited` means that requests had run short for another reason than the depth.
    func answered(_ request: Request, bytes: Int, limited: Bool, now: Instant) {
        lastBlockAt = now
        isSnubbed = false
        rejections = 0
        pipeline.received(bytes: bytes, sentAt: request.sentAt, now: now, limited: limited || outstanding == 0)
        countOnTheWay()
    }

    /// The source rejected a request and is asked for nothing more before `time`.
    func rejected(pausedUntil time: Instant) {
        pausedUntil = time
        pipeline.refused(holding: outstanding)
        rejections += 1
    }

    /// The source queues at most `count` requests.
    func limitsRequests(to count: Int) { pipeline.reqq = max(1, count) }

    // MARK: Trust

    /// Whether a piece that the source sent alone has passed its hash check since the source's last failure.
    private(set) var isProven = false
    private(set) var isSnubbed = false
    private var snubbedAt = Instant.origin
    /// Bytes of the source's blocks in pieces that passed their hash check.
    private(set) var verifiedBytes: Int64 = 0

    /// A piece that the source sent alone passed its hash check.
    func proved() { isProven = true }

    /// The source may have sent bad data: it is on probation again.
    func mustProveItself() { isProven = false }

    /// Blocks of the source are in a piece that passed its hash check.
    func verified(bytes: Int) { verifiedBytes += Int64(bytes) }

    /// The source let requests wait too long, or rejected too many.
    func snubbed(now: Instant) {
        isSnubbed = true
        snubbedAt = now
        rejections = 0
        pipeline.snubbed()
        countOnTheWay()
    }

    /// Lifts a snub that is older than `pause`.
    func forgiveSnub(olderThan pause: Duration, now: Instant) {
        if isSnubbed, now - snubbedAt > pause { isSnubbed = false }
    }
}
