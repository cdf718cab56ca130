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
/// Each event is one mutating function that takes the time as an argument; what is to be done about it is appended to
/// the effects, which the shell takes with ``takeEffects()`` and performs in their order.
package struct Swarm: ~Copyable {
    enum Mode {
        case idle, running
        /// Peers are gone, the last writes and commits are on their way.
        case stopping
        case stopped
    }

    package let geometry: Geometry
    package internal(set) var settings: SwarmSettings
    var random: SeededGenerator
    /// Unix seconds at ``Instant/origin``.
    let unixOrigin: Int64
    var mode = Mode.idle

    // MARK: Pieces: each is in exactly one of have, active, doubtful, or missing.

    /// Pieces that hash right and are written; what peers are told.
    package internal(set) var have: Bitfield
    /// Pieces that the database claims.
    package internal(set) var recorded: Bitfield
    /// Pieces of the files that the user wants.
    package internal(set) var wanted: Bitfield
    /// Pieces that the database knows may be written to.
    var opened: Bitfield
    /// Pieces whose note in the database is on its way.
    var opening: Bitfield
    /// Active pieces that the database has no note of and was sent none.
    var unopened: [PieceIndex] = []
    /// Candidates that were noted down ahead of being needed, the next last.
    var openAhead: [PieceIndex] = []
    /// Pieces that are to be hashed on disk before they are had or wanted.
    package internal(set) var doubtful: Bitfield
    var active: [PieceIndex: ActivePiece] = [:]
    /// The active pieces, oldest first.
    var activeOrder: [ActivePiece] = []
    /// Active pieces with free blocks, and some that had them.
    var unfilled: [ActivePiece] = []
    /// Active pieces that count against the memory budget, and their bytes.
    var bufferedCount = 0
    var bufferedBytes = 0
    /// Recorded blocks of pieces that are in doubt, or may come to be: they count when the piece turns out not to be
    /// whole.
    var heldPartials: [PieceIndex: PartialPiece] = [:]
    var picker: PiecePicker
    var ledger = BlameLedger()
    var checks = CheckTally()

    // MARK: Durability

    var commit = CommitCycle()
    package internal(set) var fault: Fault?
    /// While it is set nothing is requested: whether files that were found may be written to is not known yet.
    var isHeld = false
    /// A fault that only another try can show to be gone: it is told as long as none has succeeded.
    var onTrial: (fault: Fault, until: Instant)?
    var nextProbe: Instant?
    /// Until a fault of the disk is put to the test again: longer each time that it was still there.
    var probePause = Self.probeInterval
    var isProbing = false
    var completionNoted: Bool
    /// Everything is there, and the files are looked at once more before the completion is reported.
    package internal(set) var isInspecting = false
    /// Blocks that lie whole in pad files (BEP 47).
    let padding: [PieceIndex: [Int]]

    // MARK: Peers

    package internal(set) var book = AddressBook()
    var peers: [PeerKey: Peer] = [:]
    /// The same, by their keys.
    var orderedPeers: [Peer] = []
    /// Who is served first when a limit makes peers wait; moves on with each round.
    var rosterTurn = 0
    var dialing: Set<PeerAddress> = []
    /// Those of them that a peer was sent away for: the place is theirs.
    var reserved: Set<PeerAddress> = []
    /// The addresses of connections that are gone, for the blame of blocks that they sent.
    var formerAddresses: [PeerKey: PeerAddress] = [:]
    /// Those of them that had dialled us.
    var formerCallers: [PeerKey: PeerAddress.Host] = [:]
    /// Whether blocks were given back that others may be asked for, with the end of the batch.
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
    /// Received and thrown away: duplicates, blocks nobody asked for, pieces that failed.
    package internal(set) var wastedBytes: Int64 = 0
    var downloadMeter = RateMeter()
    var uploadMeter = RateMeter()

    var effects: [Effect] = []

    /// Bytes of one peer's requests that may be read or sent at once, as ``SharedMemory/servedAhead`` says.
    package var mostServedAhead = Swarm.servedAhead
    /// Failed pieces that are told of: a peer can cause as many as it likes.
    var failureNotes = NoteLimit()

    /// A torrent at rest. `plan` says which pieces are trusted and which are to be checked first; `partials` are blocks
    /// that stand on disk since an earlier run, of which those that the plan doesn't believe are left out; `padding`
    /// are blocks of zeros that nobody is asked for, `zeros` whole pieces of them, which are had by nature.
    /// `completionIsKnown` says whether an earlier run has told of the completion of what is complete.
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
            // What isn't believed now isn't to be believed by a later start.
            if plan.stale[partial.piece] {
                commit.record.partials.append(.nothing(of: partial.piece))
            } else {
                restore(partial)
            }
        }
        for piece in zeros?.pieces ?? Bitfield(count: 0).pieces where !have[piece] && !doubtful[piece] {
            // Nothing has to be written of them; they are recorded as others are.
            have.insert(piece)
            commit.unrecorded.append(piece)
            commit.bytes += geometry.length(of: piece)
        }
        refreshCandidates()
        // What an earlier run noted down and never wrote to needs no note of its own.
        openAhead = opened.pieces.filter { picker.candidates[$0] }.shuffled(using: &random)
    }

    /// What the shell is to do, in this order; each is returned once.
    package mutating func takeEffects() -> [Effect] {
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }

    /// Whether ``takeEffects()`` has something.
    package var hasEffects: Bool { !effects.isEmpty }

    /// When ``wake(now:)`` is to be called at the latest; `nil` when nothing is going on.
    package var nextWake: Instant? {
        guard mode == .running || mode == .stopping else { return nil }
        return [nextTick, throttledUntil, nextProbe].compactMap(\.self).min()
    }

    func unix(_ now: Instant) -> Int64 { unixOrigin + now.nanoseconds / 1_000_000_000 }

    // MARK: What the swarm says of itself

    /// What stands in the way, as the user is told.
    package var shownFault: Fault? { fault ?? onTrial?.fault }
    /// Whether every wanted piece is there.
    package var isComplete: Bool { wanted.isSubset(of: have) }
    /// Whether every wanted piece is there and recorded.
    package var isCompleteAndRecorded: Bool {
        wanted.isSubset(of: have) && have.isSubset(of: recorded) && doubtful.isEmpty
    }
    package var isRunning: Bool { mode == .running }
    package var peerCount: Int { peers.count }
    package var dialCount: Int { dialing.count }

    /// Whether more peers would help: few are connected, and none waits to be dialled.
    package var isHungry: Bool { !isComplete && peers.count + dialing.count < 4 }
    package mutating func rates(now: Instant) -> (download: Int, upload: Int) {
        (downloadMeter.rate(at: now), uploadMeter.rate(at: now))
    }

    /// One line for each connection.
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

    /// Makes the picker's candidates anew: wanted, not had, not in doubt, not in the making.
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

/// What ``Swarm/peerReports(now:)`` says of one connection; rates in bytes per second.
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

/// How the check of doubtful pieces goes.
struct CheckTally {
    var good = 0
    var bad = 0
    var missing = 0
    var isRunning = false
    /// Whether pieces came into doubt that the check under way doesn't look at.
    var isIncomplete = false
}
