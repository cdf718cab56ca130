import DequeModule
import Torrent

/// The brain's state of one connection: its messages, choking and interest, and what is served to it. What it
/// delivers is the state of its ``source``.
final class Peer {
    let key: PeerKey
    /// The peer as a source of blocks.
    let source: BlockSource
    /// The address to dial. For an incoming peer, its source address until it reports the port on which it listens.
    private(set) var address: PeerAddress
    let isIncoming: Bool
    let supportsFast: Bool
    let supportsExtensions: Bool
    let connectedAt: Instant
    /// The peer's own requests.
    var serving = ServeQueue()

    init(_ info: PeerInfo, key: PeerKey, source: BlockSource, now: Instant) {
        self.key = key
        self.source = source
        address = info.address
        isIncoming = info.isIncoming
        supportsFast = info.supportsFast
        supportsExtensions = info.supportsExtensions
        connectedAt = now
        lastHeardAt = now
        saidAt = now
    }

    /// Whether the connection is being closed.
    var isClosing: Bool { source.hasEnded }

    /// When payload last moved in either direction; the time of connecting if none ever did.
    var lastPayloadAt: Instant {
        max(connectedAt, source.lastBlockAt ?? connectedAt, serving.lastServedAt ?? connectedAt)
    }

    // MARK: Choking and interest

    /// Whether the peer chokes us: it may be asked only for pieces that it allowed (BEP 6).
    var isChoking: Bool { !source.isOpen }
    private(set) var amChoking = true
    /// Whether the peer was told that we are interested.
    var amInterested: Bool { source.isInteresting }
    private(set) var isInterested = false

    /// Chokes the peer. Returns its requests that are dropped.
    func choke() -> Deque<BlockRequest> {
        amChoking = true
        return serving.drop()
    }

    func unchoke() { amChoking = false }

    func becameInterested(_ isInterested: Bool) { self.isInterested = isInterested }

    // MARK: Messages

    private(set) var lastHeardAt: Instant
    /// When the peer was last sent anything but requests and cancels.
    private var saidAt: Instant
    /// When the peer was last sent a message.
    var lastSaidAt: Instant { max(saidAt, source.lastAskedAt ?? saidAt) }
    private var bitfieldCount = 0
    /// Whether the peer wants nothing more (BEP 21).
    private(set) var isUploadOnly = false
    /// The last upload-only state that we sent to the peer (BEP 21).
    private var saidUploadOnly = false
    /// Whether the peer reported its listening port. Only the first report is accepted.
    private(set) var hasSaidPort = false

    func heard(now: Instant) { lastHeardAt = now }

    func said(now: Instant) { saidAt = now }

    /// The peer sent a full bitfield. Returns how many it has sent.
    func sentBitfield() -> Int {
        bitfieldCount += 1
        return bitfieldCount
    }

    func saysUploadOnly(_ isUploadOnly: Bool) { self.isUploadOnly = isUploadOnly }

    /// Returns whether the peer must be told our upload-only state, which counts as told from now on.
    func takeNews(isUploadOnly: Bool) -> Bool {
        guard supportsExtensions, isUploadOnly != saidUploadOnly else { return false }
        saidUploadOnly = isUploadOnly
        return true
    }

    /// The peer reported its listening port.
    func saidPort() { hasSaidPort = true }

    /// The peer is known by this address from now on.
    func listens(at address: PeerAddress) { self.address = address }

    // MARK: Work

    /// The work budget of the peer's messages.
    private var budget = WorkBudget(.connection)
    /// Microseconds of work that are not yet charged to the peer's host, less what the peer earned.
    private var unsettledWork = 0.0
    private var unaskedBytes: Int64 = 0

    /// Whether the budget was spent when it was last charged.
    var isBudgetSpent: Bool { budget.isSpent }
    /// Whether the peer owes more work than is tolerated.
    var isBudgetExceeded: Bool { budget.isExceeded }

    /// Charges the peer for microseconds of work.
    func charge(_ work: Double, now: Instant) {
        budget.charge(work, at: now)
        unsettledWork += work
    }

    /// Credits the peer for microseconds of useful work.
    func earn(_ work: Double) {
        budget.earn(work)
        unsettledWork = max(-WorkBudget.Limit.connection.most, unsettledWork - work)
    }

    /// Returns how long the peer must not be read from, or `nil` if budget is left.
    func pause(now: Instant) -> Duration? { budget.pause(at: now) }

    /// Returns the work to charge to the peer's host, or `nil` if there is none.
    func takeUnsettledWork() -> Double? {
        guard unsettledWork > 0 else { return nil }
        defer { unsettledWork = 0 }
        return unsettledWork
    }

    /// Counts bytes of a block that we had not requested. Returns their sum.
    func sentUnasked(_ bytes: Int) -> Int64 {
        unaskedBytes += Int64(bytes)
        return unaskedBytes
    }
}
