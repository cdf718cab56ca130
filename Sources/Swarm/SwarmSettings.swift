/// The limits of one torrent's swarm. Each can be set for one torrent or for all.
package struct SwarmSettings: Sendable, Equatable {
    /// The most connections of this torrent, in both directions.
    package var maximumPeers = 80
    /// The most dials at once.
    package var maximumDials = 16
    /// The number of unchoked peers, not counting the optimistic one.
    package var uploadSlots = 8
    /// The most bytes of active pieces in memory, including outstanding requests. Two pieces are always allowed.
    package var memoryBudget = 48 << 20
    /// The longest that a verified piece waits to be recorded, and the most bytes that may wait.
    package var commitInterval = Duration.seconds(2)
    package var commitBytes = 64 << 20
    /// The age of an incomplete piece after which its blocks are written early, so that they survive a stop.
    package var partialAge = Duration.seconds(5)
    /// How many bytes of pieces get their write intents in advance.
    package var intentsAheadBytes = 32 << 20
    /// Bytes per second; `nil` means unlimited.
    package var downloadLimit: Int?
    package var uploadLimit: Int?
    /// Whether the torrent is private (BEP 27); ``PeerSource/isAllowed(isPrivate:)`` says what follows.
    package var isPrivate = false
    /// The order in which pieces are requested.
    package var picking = PickingPolicy.rarestFirst

    package init() {}
}

extension Swarm {
    /// The largest block, in bytes, that a peer may request; other clients have the same limit.
    package static let longestRequest = 128 << 10
    /// The most queued requests of one peer; further ones are rejected or dropped. Sent as `reqq` (BEP 10).
    package static let longestServeQueue = 2048
    /// The most bytes of one peer's requests that are being read or sent at once.
    static let servedAhead = 2 << 20
    /// The same limit for a peer that has received nothing yet.
    static let servedAheadAtFirst = 256 << 10
    /// How long a peer may read nothing of what it requested.
    static let deafAfter = Duration.seconds(120)
    /// How long a peer may owe us blocks without sending one before it is snubbed. BEP 3 says a minute, but that stalls
    /// the end of a download.
    static let snubAfter = Duration.seconds(5)
    /// The same limit for a peer that never sent a block.
    static let firstBlockAfter = Duration.seconds(3)
    /// How long nothing is requested from a snubbed peer.
    static let snubPause = Duration.seconds(20)
    /// How long nothing is requested from a peer after it rejected a request.
    static let rejectPause = Duration.seconds(1)
    /// The number of rejects without a block between them after which a peer is snubbed.
    static let maximumRejections = 64
    /// The most full bitfields that one connection may send, because each costs a look at all pieces. Bitfields that
    /// only add to the one before don't count.
    static let maximumBitfields = 4
    /// The most pieces that get their write intents in advance at once, however small they are.
    static let maximumIntentsAhead = 1024
    /// How many of these pieces are searched for one that the peer has.
    static let searchedAhead = 64
    static let keepAliveAfter = Duration.seconds(110)
    /// How long a connection may be silent before it is closed. BEP 3 says two minutes; the rest is for the
    /// keep-alive's travel.
    static let silenceLimit = Duration.seconds(180)
    static let tick = Duration.milliseconds(250)
    /// The most unverified bytes that an unproven peer may owe; one piece is always allowed.
    static let probationBytes = 512 << 10
    /// The same limit for the only peer; two pieces are always allowed. No other peer fills the pause until the first
    /// of them is hashed.
    static let lonelyProbationBytes = 4 << 20
    /// How often a peer looks for blocks that others will send late.
    static let endGamePause = Duration.milliseconds(100)
    /// How long a peer may send nothing before the end-game expects nothing from it.
    static let endGamePatience = Duration.seconds(1)
    /// The assumed rate, in bytes per second, of a peer whose speed is unknown.
    static let assumedRate = 65536.0
    /// In the end-game, another peer is asked for a block if it should deliver it in less than this part of the
    /// holder's time.
    static let endGameGain = 0.5
    /// The most outstanding requests for one block.
    static let endGameCopies = 3
}
