// Room: Swarm (the brain).
// Duty: decides what to request from which peer, which peers to unchoke, when to announce, what is durable, how to
// resume.
// Owns: the state of one torrent's swarm, as synchronous machines: an event in, effects out.
// Never: reads a clock, uses randomness that its seed doesn't determine, awaits, touches payload bytes, a socket, a
// file or the database.
// Invariants: `recorded ⊆ synced ⊆ written ⊆ verified`; a piece is in exactly one state; every effect that can fail is
// answered by exactly one later event; the same events and the same seed give the same effects.

package import Torrent

/// The brain of one torrent: events in, effects out.
///
/// Each event is one mutating function that takes the time as an argument. The event appends its consequences to the
/// effects; the shell takes them with ``takeEffects()`` and performs them in order.
///
/// **Queries** (this file): ``have``, ``recorded``, ``wanted``, ``unverified``, ``state(of:)``, ``isComplete``,
/// ``isCompleteAndRecorded``, ``isRunning``, ``isHungry``, ``fault``, ``shownFault``, ``transfer``, ``rates(now:)``,
/// ``peerReports(now:)``, ``webSeedCount``, ``webSeedReports(now:)``, ``isSuperSeeding``, ``spreadPieces``,
/// ``repairs``, ``unavailableRepairs``.
///
/// **Events**
/// - by the user (`Swarm+Control`): ``start(now:)``, ``stop(now:)``, ``select(_:now:)``, ``change(_:now:)``,
///   ``recheck(_:now:)``
/// - of connections (`Swarm+Peers`): ``reserve(_:)``, ``released(_:)``, ``learn(_:from:now:)``, ``connected(_:now:)``,
///   ``dialFailed(_:now:)``, ``foundSelf(at:now:)``, ``closed(_:now:)``, ``misbehaved(_:_:now:)``,
///   ``shunned(_:reason:now:)``
/// - messages (`Swarm+Messages`): ``choked(_:now:)``, ``has(_:_:now:)``, ``bitfield(_:_:now:)``,
///   ``rejected(_:_:now:)``, ``extended(_:reqq:uploadOnly:port:now:)`` and so on
/// - of downloads (`Swarm+Requests`): ``received(_:piece:begin:length:now:)``, ``batchEnded(_:now:)``
/// - of uploads (`Swarm+Upload`): ``requested(_:piece:begin:length:now:)``, ``cancelled(_:piece:begin:length:now:)``,
///   ``served(_:_:now:)``, ``serveFailed(_:_:fault:now:)``
/// - of pieces (`Swarm+Pieces`): ``verified(_:digests:now:)``, ``hashFailed(_:digests:now:)``,
///   ``writeFailed(_:fault:now:)``, ``checked(_:_:now:)``, ``checkEnded(now:)``, ``lost(_:now:)``
/// - of damage (`Swarm+Damage`): ``damaged(_:now:)``, ``mustRepair(_:)``
/// - of the commit (`Swarm+Durability`): ``intentsRecorded(_:now:)``, ``intentsFailed(_:fault:now:)``,
///   ``blocksWritten(_:_:now:)``, ``blocksFailed(_:_:fault:now:)``, ``synced(now:)``, ``syncFailed(fault:now:)``,
///   ``recorded(now:)``, ``recordFailed(fault:now:)``, ``inspected(_:now:)``
/// - of faults (`Swarm+Faults`): ``stalled(_:now:)``, ``wentOffline(_:now:)``, ``probed(_:now:)``, ``hold()``,
///   ``release(now:)``
/// - of web seeds (`Swarm+WebSeeds`): ``add(webSeed:now:)``, ``remove(webSeed:now:)``,
///   ``received(webSeed:piece:begin:length:now:)``, ``readEnded(webSeed:now:)``, ``fetched(_:run:_:now:)``
/// - of work (`Swarm+Work`): ``counted(_:from:now:)``, ``settle(_:in:now:)``
///
/// **Timers**: ``nextWake`` says when ``wake(now:)`` is due (`Swarm+Control`).
///
/// **Effects**: ``Effect`` lists them, each with the events that answer it.
package struct Swarm: ~Copyable {
    enum Mode {
        case idle, running
        /// All peers are disconnected; the last writes and commits are under way.
        case stopping
        case stopped
    }

    package let geometry: Geometry
    package internal(set) var settings: SwarmSettings
    /// The Unix time, in seconds, at ``Instant/origin``.
    private let unixOrigin: Int64
    var random: SeededGenerator
    var mode = Mode.idle
    var ticks = Ticks()
    var effects: [Effect] = []

    // The machines. Each has private state; they meet in the events, which are in the files `Swarm+….swift`.

    var pieces: PieceStates
    var commit: CommitMachine
    var completion: Completion
    var faults = FaultState()
    var sources: BlockSources
    var webSeeds = WebSeeds()
    let webSeedPlan: WebSeedPlan
    var peers = PeerSet()
    package internal(set) var book = AddressBook()
    var requester: Requester
    var uploader = Uploader()
    var limits: RateLimits
    var ledger = BlameLedger()
    /// Damaged pieces that are to be fetched again.
    package internal(set) var repairs: Bitfield
    /// `nil` unless the torrent super-seeds, or is ending that.
    var superSeeding: SuperSeeding?
    /// Whether super-seeding ended by itself since the torrent started: it doesn't begin again.
    var superSeedingEnded = false
    var tally = Tally()

    /// Creates a torrent at rest.
    ///
    /// - `files`: the payload's files, and which of them are wanted.
    /// - `plan`: which pieces are trusted, and which must be rechecked first.
    /// - `recorded`, `intents`: pieces that the database records as present, and those with a write intent.
    /// - `partials`: blocks that an earlier run left on disk; blocks of pieces that the plan calls stale are dropped.
    /// - `padding`: blocks made only of zeros, which are never requested.
    /// - `zeros`: pieces made only of padding; they are present from the start.
    /// - `completionIsKnown`: an earlier run already reported the completion of what is complete.
    package init(
        files: PayloadFiles, plan: ResumePlan, recorded: Bitfield, intents: Bitfield, partials: [PartialPiece],
        padding: [PieceIndex: [Int]] = [:], zeros: Bitfield? = nil, completionIsKnown: Bool = true,
        settings: SwarmSettings, seed: UInt64, unixOrigin: Int64
    ) {
        let (geometry, wanted) = (files.geometry, files.wantedPieces)
        precondition(plan.trusted.count == geometry.pieceCount)
        precondition(recorded.count == geometry.pieceCount && intents.count == geometry.pieceCount)
        self.geometry = geometry
        self.settings = settings
        self.unixOrigin = unixOrigin
        repairs = Bitfield(count: geometry.pieceCount)
        random = SeededGenerator(seed: seed)
        let onTheWay = BytesOnTheWay()
        sources = BlockSources(onTheWay)
        pieces = PieceStates(
            geometry: geometry, plan: plan, recorded: recorded, intents: intents, wanted: wanted, padding: padding,
            onTheWay: onTheWay)
        commit = CommitMachine(files: files)
        webSeedPlan = WebSeedPlan(geometry: geometry, layout: files.layout)
        requester = Requester(geometry: geometry)
        limits = RateLimits(settings)
        completion = Completion(
            isReported: completionIsKnown && wanted.isSubset(of: plan.trusted) && plan.unverified.isEmpty)
        for partial in partials where geometry.pieces.contains(partial.piece) && !pieces.have[partial.piece] {
            // Blocks that this start doesn't trust must not be trusted by a later one.
            if plan.stale[partial.piece] {
                commit.forgetPartial(partial.piece)
            } else {
                pieces.restored(partial)
            }
        }
        if let zeros {
            // These pieces need no write; they are recorded like any other.
            for piece in zeros.pieces where pieces.foundPadding(piece) { commit.gained(piece) }
        }
        pieces.restoredAll(using: &random)
    }

    /// Returns the effects that the shell must perform, in order. Each effect is returned once.
    package mutating func takeEffects() -> [Effect] {
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }

    /// Whether ``takeEffects()`` would return anything.
    package var hasEffects: Bool { !effects.isEmpty }

    /// The latest time at which ``wake(now:)`` must be called; `nil` unless the swarm is running or stopping.
    package var nextWake: Instant? {
        guard mode == .running || mode == .stopping else { return nil }
        return [ticks.next, limits.resumeAt, faults.nextProbe].compactMap(\.self).min()
    }

    func unix(_ now: Instant) -> Int64 { unixOrigin + now.nanoseconds / 1_000_000_000 }

    // MARK: Queries

    /// The most bytes of one peer's requests that may be read or sent at once; see ``SharedMemory/servedAhead``.
    package var mostServedAhead: Int {
        get { uploader.mostServedAhead }
        set { uploader.mostServedAhead = newValue }
    }

    /// Pieces that passed their hash check and are written: the pieces that peers are told about.
    package var have: Bitfield { pieces.have }
    /// Pieces that the database records as present.
    package var recorded: Bitfield { pieces.recorded }
    /// Pieces of the files that the user selected.
    package var wanted: Bitfield { pieces.wanted }
    /// Pieces that must be hashed on disk before they count as present or are downloaded.
    package var unverified: Bitfield { pieces.unverified }
    package func state(of piece: PieceIndex) -> PieceState { pieces.state(of: piece) }
    /// The fault that halts the torrent.
    package var fault: Fault? { faults.current }
    /// The fault to show to the user.
    package var shownFault: Fault? { faults.shown }
    /// Whether every wanted piece is present.
    package var isComplete: Bool { pieces.isComplete }
    /// Whether every wanted piece is present and recorded, and nothing is unverified.
    package var isCompleteAndRecorded: Bool { pieces.isCompleteAndRecorded }
    /// Whether all wanted pieces are present, and the files are inspected before the completion is reported.
    package var isInspecting: Bool { completion.isInspecting }
    package var isRunning: Bool { mode == .running }
    /// Bytes that were transferred since the start.
    package var transfer: Transfer { tally.total }
    package var peerCount: Int { peers.count }
    /// The number of connected peers that have every piece.
    package var seedCount: Int { pieces.picker.seedCount - webSeeds.count }
    /// Whether a connected peer doesn't have the piece, and so may ask for it. Web seeds count as having all.
    package func isLacked(_ piece: PieceIndex) -> Bool {
        pieces.picker.availability(of: piece) - webSeeds.count < peers.count
    }
    package var dialCount: Int { peers.dialCount }
    /// Whether the peer supports the fast extension (BEP 6).
    package func supportsFast(_ key: PeerKey) -> Bool { peers[key]?.supportsFast ?? false }

    /// Whether more peers would help: the torrent is incomplete and has few connections and dials.
    package var isHungry: Bool { !isComplete && peers.count + peers.dialCount < 4 }

    /// The rates in bytes per second.
    package mutating func rates(now: Instant) -> (download: Int, upload: Int) { tally.rates(now: now) }

    /// Returns the transfers since the last call or claim, which then count as reported to the database.
    package mutating func takeUnreportedTransfer() -> Transfer { tally.takeUnreported() }

    /// The database refused the report of these transfers.
    package mutating func reportFailed(_ transfer: Transfer) { tally.wasRefused(transfer) }

    /// Returns one report for each connection.
    package func peerReports(now: Instant) -> [PeerReport] {
        peers.ordered.map { peer in
            PeerReport(
                key: peer.key, address: peer.address, isIncoming: peer.isIncoming,
                client: book[peer.address]?.client ?? "",
                havePieces: peer.source.hasAll ? geometry.pieceCount : peer.source.have?.population ?? 0,
                isSeed: peer.source.hasAll,
                amChoking: peer.amChoking, amInterested: peer.amInterested, isChoking: peer.isChoking,
                isInterested: peer.isInterested,
                isSnubbed: peer.source.isSnubbed, downloaded: peer.source.downloadedTotal,
                uploaded: peer.serving.uploadedTotal,
                downloadRate: peer.source.downloadRate(at: now), uploadRate: peer.serving.uploadRate(at: now),
                outstanding: peer.source.outstanding, depth: peer.source.pipeline.depth)
        }
    }
}
