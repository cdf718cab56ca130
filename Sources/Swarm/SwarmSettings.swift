/// The named limits of one torrent's swarm; each can be set for a torrent or for all.
package struct SwarmSettings: Sendable, Equatable {
    /// Connections of this torrent, in both directions.
    package var maximumPeers = 80
    /// Dials under way at once.
    package var maximumDials = 16
    /// Peers that are unchoked, beside the optimistic one.
    package var uploadSlots = 8
    /// Bytes of pieces in the making, outstanding requests among them; two pieces are always allowed.
    package var memoryBudget = 48 << 20
    /// The longest that a verified piece waits to be recorded, and the most bytes that wait.
    package var commitInterval = Duration.seconds(2)
    package var commitBytes = 64 << 20
    /// Blocks of a piece that is older are written early, so that they survive a stop.
    package var partialAge = Duration.seconds(5)
    /// Pieces that are noted down ahead of being opened: these many bytes of them.
    package var openAheadBytes = 32 << 20
    /// Bytes per second; `nil` is no limit.
    package var downloadLimit: Int?
    package var uploadLimit: Int?
    /// Whether the torrent is private (BEP 27); ``PeerSource/isAllowed(isPrivate:)`` says what follows.
    package var isPrivate = false
    /// The order in which pieces are requested.
    package var picking = PickingPolicy.rarestFirst

    package init() {}
}

extension Swarm {
    /// The largest block that a peer may ask for: what other clients answer at most.
    package static let longestRequest = 128 << 10
    /// Requests of one peer that are queued; more are rejected or dropped. Sent as `reqq` (BEP 10).
    package static let longestServeQueue = 2048
    /// Bytes of one peer's requests that are being read or sent at once.
    static let servedAhead = 2 << 20
    /// The same for one that has taken nothing yet.
    static let servedAheadAtFirst = 256 << 10
    /// How long a peer may take nothing of what it asked for.
    static let deafAfter = Duration.seconds(120)
    /// Without a block for so long, a peer that has requests is snubbed (BEP 3 says a minute; that stalls the end of a
    /// download).
    static let snubAfter = Duration.seconds(5)
    /// The same for a peer that never sent a block.
    static let firstBlockAfter = Duration.seconds(3)
    /// How long a snubbed peer is asked for nothing.
    static let snubPause = Duration.seconds(20)
    /// After a reject a peer is asked for nothing for so long.
    static let rejectPause = Duration.seconds(1)
    /// Rejects without a block between them after which a peer is snubbed.
    static let maximumRejections = 64
    /// Whole bitfields that one connection may send, beside those that only add to the one before: each costs a look at
    /// all pieces.
    static let maximumBitfields = 4
    /// Pieces that are noted down ahead at once, however small they are.
    static let maximumOpenAhead = 1024
    /// How many of them are looked at for one that a peer has.
    static let searchedAhead = 64
    static let keepAliveAfter = Duration.seconds(110)
    /// Connections without a word for longer are closed (BEP 3: two minutes, and time for the keep-alive to travel).
    static let silenceLimit = Duration.seconds(180)
    static let tick = Duration.milliseconds(250)
    static let probeInterval = Duration.seconds(5)
    /// The longest pause between two trials of a disk that fails each of them.
    static let longestProbePause = Duration.seconds(300)
    /// Unverified bytes that a peer which hasn't proved itself may owe, one piece at least.
    static let probationBytes = 512 << 10
    /// The same for one that is the only peer, two pieces at least: nobody else fills the pause until the first of them
    /// is hashed.
    static let lonelyProbationBytes = 4 << 20
    /// How often a peer looks for blocks that others send late.
    static let endGamePause = Duration.milliseconds(100)
    /// How long a peer may send nothing before it isn't expected to.
    static let endGamePatience = Duration.seconds(1)
    /// Bytes per second that a peer of unknown speed is trusted to send.
    static let assumedRate = 65536.0
    /// In the end-game another peer is asked for a block when it should send it in less than this part of the holder's
    /// time.
    static let endGameGain = 0.5
    /// Copies of a block that are outstanding at most.
    static let endGameCopies = 3
}
