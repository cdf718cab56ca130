// Room: Swarm (the brain).
// Duty: decides what to request from which peer, which peers to unchoke, when to announce, what is durable, how to
// resume.
// Owns: the state of one torrent's swarm, as synchronous machines: an event in, effects out.
// Never: reads a clock, uses randomness that its seed doesn't determine, awaits, touches payload bytes, a socket, a
// file or the database.
// Invariants: `recorded ⊆ synced ⊆ written ⊆ verified`; a piece is in exactly one state; every effect that can fail is
// answered by exactly one later event; the same events and the same seed give the same effects.

import Torrent

/// The brain of one torrent: events in, effects out.
///
/// Each event is one mutating function that takes the time as an argument. The event appends its consequences to the
/// effects; the shell takes them with ``takeEffects()`` and performs them in order.
package struct Swarm: ~Copyable {
    enum Mode {
        case idle, running
        /// All peers are disconnected; the last writes and commits are under way.
        case stopping
        case stopped
    }

    package let geometry: Geometry
    package internal(set) var settings: SwarmSettings
    var random: SeededGenerator
    /// The Unix time, in seconds, at ``Instant/origin``.
    let unixOrigin: Int64
    var mode = Mode.idle

    // MARK: Pieces: each is in exactly one of `have`, `active`, `doubtful`, or missing.

    /// Pieces that passed their hash check and are written: the pieces that peers are told about.
    package internal(set) var have: Bitfield
    /// Pieces that the database records as present.
    package internal(set) var recorded: Bitfield
    /// Pieces of the files that the user selected.
    package internal(set) var wanted: Bitfield
    /// Pieces with a write intent in the database: they may be written to.
    var opened: Bitfield
    /// Pieces whose write intent is being recorded in the database.
    var opening: Bitfield
    /// Active pieces whose write intent has not been sent to the database yet.
    var unopened: [PieceIndex] = []
    /// Candidates whose write intents were recorded in advance; the next one to open is last.
    var openAhead: [PieceIndex] = []
    /// Unverified pieces: each must be hashed on disk before it counts as present or becomes a candidate.
    package internal(set) var doubtful: Bitfield
    var active: [PieceIndex: ActivePiece] = [:]
    /// The active pieces, oldest first.
    var activeOrder: [ActivePiece] = []
    /// Active pieces with free blocks, and possibly some whose free blocks ran out since they were listed.
    var unfilled: [ActivePiece] = []
    /// The number of active pieces that count against the memory budget, and their bytes.
    var bufferedCount = 0
    var bufferedBytes = 0
    /// Recorded blocks of pieces that are unverified or may become so. They count only if the piece turns out to be
    /// incomplete.
    var heldPartials: [PieceIndex: PartialPiece] = [:]
    var picker: PiecePicker
    var ledger = BlameLedger()
    var checks = CheckTally()

    // MARK: Durability

    var commit = CommitCycle()
    package internal(set) var fault: Fault?
    /// While set, nothing is requested: whether existing files may be written to is not known yet.
    var isHeld = false
    /// A fault that only a retry can clear. It is reported until a retry succeeds or the deadline passes.
    var onTrial: (fault: Fault, until: Instant)?
    var nextProbe: Instant?
    /// The pause before the next probe of a disk fault. It doubles each time the fault persists.
    var probePause = Self.probeInterval
    var isProbing = false
    var completionNoted: Bool
    /// All wanted pieces are present; the files are inspected once more before the completion is reported.
    package internal(set) var isInspecting = false
    /// Blocks that lie entirely within pad files (BEP 47).
    let padding: [PieceIndex: [Int]]

    // MARK: Peers

    package internal(set) var book = AddressBook()
    var peers: [PeerKey: Peer] = [:]
    /// The same peers, ordered by key.
    var orderedPeers: [Peer] = []
    /// Where each round begins among the peers, so that a limit doesn't always make the same peers wait.
    var rosterTurn = 0
    var dialing: Set<PeerAddress> = []
    /// The dialled addresses that another peer was disconnected for: its place is reserved for them.
    var reserved: Set<PeerAddress> = []
    /// Addresses of closed connections, kept so that blocks they sent can still be blamed on them.
    var formerAddresses: [PeerKey: PeerAddress] = [:]
    /// Hosts of those closed connections that were incoming.
    var formerCallers: [PeerKey: PeerAddress.Host] = [:]
    /// Whether blocks were given back during this batch, so that other peers are asked for them when it ends.
    var isFillDue = false
    var nextKey: UInt32 = 1
    var choker = Choker()
    var nextChokeRound = Instant.origin
    var downloadBucket: TokenBucket
    var uploadBucket: TokenBucket
    var nextTick = Instant.origin
    var nextSlowTick = Instant.origin
    var throttledUntil: Instant?

    // MARK: Counters

    package internal(set) var downloadedBytes: Int64 = 0
    package internal(set) var uploadedBytes: Int64 = 0
    /// Bytes received and discarded: duplicates, unrequested blocks, and pieces that failed their hash check.
    package internal(set) var wastedBytes: Int64 = 0
    var downloadMeter = RateMeter()
    var uploadMeter = RateMeter()

    var effects: [Effect] = []

    /// The most bytes of one peer's requests that may be read or sent at once; see ``SharedMemory/servedAhead``.
    package var mostServedAhead = Swarm.servedAhead
    /// Limits how many failed pieces are reported, because a peer can cause any number of them.
    var failureNotes = NoteLimit()

    /// Creates a torrent at rest.
    ///
    /// - `plan`: which pieces are trusted, and which must be checked first.
    /// - `partials`: blocks that an earlier run left on disk; blocks of pieces that the plan calls stale are dropped.
    /// - `padding`: blocks made only of zeros, which are never requested.
    /// - `zeros`: pieces made only of padding; they are present from the start.
    /// - `completionIsKnown`: an earlier run already reported the completion of what is complete.
    package init(
        geometry: Geometry, plan: ResumePlan, recorded: Bitfield, opened: Bitfield, partials: [PartialPiece],
        wanted: Bitfield,
        padding: [PieceIndex: [Int]] = [:], zeros: Bitfield? = nil, completionIsKnown: Bool = true,
        settings: SwarmSettings, seed: UInt64,
        unixOrigin: Int64
    ) {
        precondition(plan.trusted.count == geometry.pieceCount && wanted.count == geometry.pieceCount)
        precondition(recorded.count == geometry.pieceCount && opened.count == geometry.pieceCount)
        self.geometry = geometry
        self.settings = settings
        self.unixOrigin = unixOrigin
        random = SeededGenerator(seed: seed)
        have = plan.trusted
        self.recorded = recorded
        self.wanted = wanted
        self.padding = padding
        self.opened = opened
        opening = Bitfield(count: geometry.pieceCount)
        doubtful = plan.doubtful
        picker = PiecePicker(pieceCount: geometry.pieceCount)
        downloadBucket = TokenBucket(limit: settings.downloadLimit)
        uploadBucket = TokenBucket(limit: settings.uploadLimit)
        completionNoted = completionIsKnown && wanted.subtracting(plan.trusted).isEmpty && plan.doubtful.isEmpty
        for partial in partials where geometry.pieces.contains(partial.piece) && !have[partial.piece] {
            // Blocks that this start doesn't trust must not be trusted by a later one.
            if plan.stale[partial.piece] {
                commit.record.partials.append(.nothing(of: partial.piece))
            } else {
                restore(partial)
            }
        }
        for piece in zeros?.pieces ?? Bitfield(count: 0).pieces where !have[piece] && !doubtful[piece] {
            // These pieces need no write; they are recorded like any other.
            have.insert(piece)
            commit.unrecorded.append(piece)
            commit.bytes += geometry.length(of: piece)
        }
        refreshCandidates()
        // Write intents that an earlier run recorded and never used need not be recorded again.
        openAhead = opened.pieces.filter { picker.candidates[$0] }.shuffled(using: &random)
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
        return [nextTick, throttledUntil, nextProbe].compactMap(\.self).min()
    }

    func unix(_ now: Instant) -> Int64 { unixOrigin + now.nanoseconds / 1_000_000_000 }

    // MARK: What the swarm says of itself

    /// The fault to show to the user.
    package var shownFault: Fault? { fault ?? onTrial?.fault }
    /// Whether every wanted piece is present.
    package var isComplete: Bool { wanted.isSubset(of: have) }
    /// Whether every wanted piece is present and recorded, and nothing is unverified.
    package var isCompleteAndRecorded: Bool {
        wanted.isSubset(of: have) && have.isSubset(of: recorded) && doubtful.isEmpty
    }
    package var isRunning: Bool { mode == .running }
    package var peerCount: Int { peers.count }
    package var dialCount: Int { dialing.count }

    /// Whether more peers would help: the torrent is incomplete and has few connections and dials.
    package var isHungry: Bool { !isComplete && peers.count + dialing.count < 4 }
    package mutating func rates(now: Instant) -> (download: Int, upload: Int) {
        (downloadMeter.rate(at: now), uploadMeter.rate(at: now))
    }

    /// Returns one report for each connection.
    package func peerReports(now: Instant) -> [PeerReport] {
        orderedPeers.map { peer in
            PeerReport(
                key: peer.key, address: peer.address, isIncoming: peer.isIncoming,
                client: book[peer.address]?.client ?? "",
                havePieces: peer.isSeed ? geometry.pieceCount : peer.have?.population ?? 0, isSeed: peer.isSeed,
                amChoking: peer.amChoking, amInterested: peer.amInterested, isChoking: peer.isChoking,
                isInterested: peer.isInterested,
                isSnubbed: peer.isSnubbed, downloaded: peer.downloaded.total, uploaded: peer.uploaded.total,
                downloadRate: peer.downloaded.rate(at: now), uploadRate: peer.uploaded.rate(at: now),
                outstanding: peer.outstanding, depth: peer.pipeline.depth)
        }
    }

    // MARK: Candidates

    /// Rebuilds the picker's candidates: the wanted pieces that are not present, unverified or active.
    mutating func refreshCandidates() {
        for piece in geometry.pieces {
            let isCandidate = wanted[piece] && !have[piece] && !doubtful[piece] && active[piece] == nil
            if isCandidate { picker.insert(piece, using: &random) } else { picker.remove(piece) }
        }
    }

    mutating func makeCandidate(_ piece: PieceIndex) {
        if wanted[piece], !have[piece], !doubtful[piece], active[piece] == nil { picker.insert(piece, using: &random) }
    }
}

/// The state of one connection, as ``Swarm/peerReports(now:)`` returns it. Rates are in bytes per second.
package struct PeerReport: Sendable {
    package let key: PeerKey
    package let address: PeerAddress
    package let isIncoming: Bool
    package let client: String
    package let havePieces: Int
    package let isSeed: Bool
    package let amChoking, amInterested, isChoking, isInterested, isSnubbed: Bool
    package let downloaded, uploaded: Int64
    package let downloadRate, uploadRate: Int
    package let outstanding, depth: Int
}

/// Progress of the check of unverified pieces.
struct CheckTally {
    var good = 0
    var bad = 0
    var missing = 0
    var isRunning = false
    /// Whether more pieces became unverified that the check under way doesn't cover.
    var isIncomplete = false
}
