import Torrent

/// The limits of one torrent's swarm. Each can be set for one torrent or for all.
package struct SwarmSettings: Sendable, Equatable {
    /// The most connections of this torrent, in both directions.
    package var maximumPeers = 80
    /// The most dials at once.
    package var maximumDials = 16
    /// The number of unchoked peers, not counting the optimistic one.
    package var uploadSlots = 8
    /// The most bytes of active pieces, including outstanding requests; or half of it besides what is on the way to us
    /// (``BytesOnTheWay``; at most twice as much), if that is more. Two pieces are always allowed. While more than a
    /// third of it waits for the disk, no piece is begun.
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

    /// Whether a torrent that has every piece super-seeds (BEP 16).
    package var superSeeds = false

    package init() {}
}

extension Swarm {
    /// The largest block, in bytes, that a peer may request; other clients have the same limit.
    package static let longestRequest = 128 << 10
    /// The most queued requests of one peer; further ones are rejected or dropped. Sent as `reqq` (BEP 10).
    package static let longestServeQueue = 2048
    /// The most bytes of one peer's requests that are being read or sent at once.
    package static let servedAhead = 2 << 20
    /// The same limit for a peer that has received nothing yet.
    package static let servedAheadAtFirst = 256 << 10
    /// How long a peer may read nothing of what it requested.
    static let deafAfter = Duration.seconds(120)
    /// How long a peer may owe us blocks without sending one before it is snubbed. BEP 3 says a minute, but that stalls
    /// the end of a download.
    static let snubAfter = Duration.seconds(5)
    /// The same limit for a peer that never sent a block.
    package static let firstBlockAfter = Duration.seconds(3)
    /// How long nothing is requested from a snubbed peer.
    package static let snubPause = Duration.seconds(20)
    /// How long nothing is requested from a peer after it rejected a request.
    static let rejectPause = Duration.seconds(1)
    /// The number of rejects without a block between them after which a peer is snubbed.
    static let maximumRejections = 64
    /// The most full bitfields that one connection may send, because each costs a look at all pieces. Bitfields that
    /// only add to the one before don't count.
    static let maximumBitfields = 4
    /// The most pieces that get their write intents in advance at once, however small they are.
    static let maximumIntentsAhead = 1024
    static let keepAliveAfter = Duration.seconds(110)
    /// How long a connection may be silent before it is closed. BEP 3 says two minutes; the rest is for the
    /// keep-alive's travel.
    static let silenceLimit = Duration.seconds(180)
}
