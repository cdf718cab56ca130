import Swarm
import SwarmLab
import Testing
import Torrent

/// One brain on a bench: events go in by hand, and what the disk and the database do is answered at once, unless it is
/// held.
final class SwarmBench {
    enum Kind: Hashable {
        case intents, verify, writeBlocks, sync, record, check, probe, disconnect
    }

    let geometry: Geometry
    var swarm: Swarm
    private(set) var now = Instant.origin + .seconds(1)
    /// Effects that are not answered by themselves.
    var held: Set<Kind> = []
    /// All effects since the last ``take()``.
    private(set) var log: [Effect] = []
    private(set) var records: [Claim] = []
    /// The write intents that the database holds.
    private(set) var openIntents: Set<PieceIndex> = []
    private(set) var notes: [Note] = []
    private(set) var stops = 0
    private(set) var inspections = 0
    /// Pieces of files that another program changed.
    var changedOutside: [Int] = []
    var sharedWork = SharedWork()
    private(set) var shunned: [PeerAddress.Host] = []
    private(set) var strikes: [PeerAddress.Host] = []
    /// What came of blocks: 0 is right.
    private var stored: [BlockRef: UInt64] = [:]
    /// What the disk fails with, for as long as it is set.
    var fault: Fault?
    var verdict: (PieceIndex) -> Swarm.CheckVerdict = { _ in .good }

    init(
        pieces: Int = 8, blocks: Int = 2, settings: SwarmSettings = SwarmSettings(), have: [Int] = [],
        unverified: [Int] = [], intents: [Int] = [],
        partials: [PartialPiece] = [], wanted: [Int]? = nil, padding: [PieceIndex: [Int]] = [:], zeros: [Int] = [],
        completionIsKnown: Bool = true, layout: FileLayout? = nil
    ) {
        let length = blocks * Geometry.blockLength
        let geometry = Geometry(totalBytes: layout?.totalBytes ?? Int64(pieces * length), pieceLength: length)!
        self.geometry = geometry
        let pieces = geometry.pieceCount
        let custom = layout.flatMap { layout in
            FileSelection(layout: layout, wanted: layout.files.map { !$0.isPad }).map {
                PayloadFiles(layout, selection: $0, geometry: geometry)
            }
        }
        let padding = layout?.paddedBlocks(geometry: geometry) ?? padding
        let claimed = Bitfield(pieces, have)
        var plan = ResumePlan(
            ResumePlan.Input(
                have: claimed, intents: Bitfield(count: pieces), files: [], stoppedCleanly: true, aliveUntilNs: nil))
        plan.unverified = Bitfield(pieces, unverified)
        plan.trusted.subtract(plan.unverified)
        swarm = Swarm(
            files: custom
                ?? .onePerPiece(
                    geometry, wanted: wanted.map { Bitfield(pieces, $0) } ?? Bitfield(fullCount: pieces)),
            plan: plan, recorded: claimed, intents: Bitfield(pieces, intents), partials: partials, padding: padding,
            zeros: Bitfield(pieces, zeros),
            completionIsKnown: completionIsKnown, settings: settings, seed: 7,
            unixOrigin: 1_700_000_000)
    }

    var isComplete: Bool { swarm.isComplete }
    var isDone: Bool { swarm.isCompleteAndRecorded }

    /// Starts it at once.
    func started() -> Self {
        feed { $0.start(now: $1) }
        return self
    }

    // MARK: Events

    /// The files of the bench, of which those of the pieces are wanted.
    func files(_ wanted: Bitfield) -> PayloadFiles { .onePerPiece(geometry, wanted: wanted) }

    func feed(_ event: (inout Swarm, Instant) -> Void) {
        event(&swarm, now)
        // Each event is a batch of its own.
        swarm.fillIfDue(now: now)
        settle()
    }

    /// Answers by hand what was held.
    func act(_ answer: () -> Void) {
        answer()
        settle()
    }

    /// Lets time pass, with every wake on its way.
    func advance(_ duration: Duration) {
        let end = now + duration
        while let next = swarm.nextWake, next <= end {
            now = max(next, now)
            feed { $0.wake(now: $1) }
            if next >= now, swarm.nextWake.map({ $0 <= now }) ?? false { now = now + .milliseconds(1) }
        }
        now = max(now, end)
    }

    static func address(_ number: Int) -> PeerAddress { PeerAddress(.v4(0x0a00_0000 + UInt32(number)), port: 6881) }

    /// A peer that dialled us, or was dialled.
    func connect(
        _ number: Int, fast: Bool = true, isIncoming: Bool = false, have: [Int]? = nil, isUnchoking: Bool = true
    ) -> PeerKey {
        connect(Self.address(number), fast: fast, isIncoming: isIncoming, have: have, isUnchoking: isUnchoking)
    }

    func connect(
        _ address: PeerAddress, fast: Bool = true, isIncoming: Bool = false, have: [Int]? = nil,
        isUnchoking: Bool = true
    ) -> PeerKey {
        var result: Result<PeerKey, Swarm.Refusal>?
        let hello = PeerInfo(
            address: address, isIncoming: isIncoming, supportsFast: fast, supportsExtensions: true, client: "test")
        feed { result = $0.connected(hello, now: $1) }
        guard case .success(let key) = result else {
            preconditionFailure("the peer is refused: \(String(describing: result))")
        }
        if let have { feed { $0.bitfield(key, Bitfield($0.geometry.pieceCount, have), now: $1) } }
        if isUnchoking { feed { $0.unchoked(key, now: $1) } }
        return key
    }

    /// A peer that has everything.
    func connectSeed(_ number: Int, fast: Bool = true, isUnchoking: Bool = true) -> PeerKey {
        connect(number, fast: fast, have: Array(0..<swarm.geometry.pieceCount), isUnchoking: isUnchoking)
    }

    @discardableResult
    func deliver(_ key: PeerKey, _ request: BlockRequest, lie: UInt64 = 0) -> BlockVerdict {
        var verdict = BlockVerdict.discard
        event { swarm, now in
            verdict = swarm.received(
                key, piece: request.piece.value, begin: request.begin, length: request.length, now: now)
        }
        if verdict == .store {
            stored[BlockRef(piece: request.piece, block: request.begin / Geometry.blockLength)] = lie
        }
        settle()
        feed { $0.batchEnded(key, now: $1) }
        return verdict
    }

    /// Hands over a block of a run.
    @discardableResult
    func deliver(_ key: WebSeedKey, _ block: BlockRef, lie: UInt64 = 0) -> BlockVerdict {
        var verdict = BlockVerdict.discard
        event { swarm, now in
            verdict = swarm.received(
                webSeed: key, piece: block.piece, begin: block.block * Geometry.blockLength,
                length: swarm.geometry.length(of: block), now: now)
        }
        if verdict == .store { stored[block] = lie }
        settle()
        return verdict
    }

    /// The end of a batch of the peer's messages: for how long it isn't read from.
    func pause(of key: PeerKey) -> Duration? {
        var pause: Duration?
        feed { pause = $0.settle(key, in: &self.sharedWork, now: $1) }
        return pause
    }

    private func event(_ body: (inout Swarm, Instant) -> Void) { body(&swarm, now) }

    // MARK: Effects

    /// What was asked of the shell since the last time.
    func take() -> [Effect] {
        defer { log = [] }
        return log
    }

    /// What was asked of the peer, or said to it, since the last ``take()``; forgets the other effects.
    func take(for key: PeerKey) -> [Effect] {
        take().filter {
            switch $0 {
            case .send(key, _), .request(.peer(key), _), .cancel(.peer(key), _): true
            default: false
            }
        }
    }

    /// The requests to the peer among the effects since the last ``take()``; forgets the effects.
    func takeRequests(_ key: PeerKey) -> [BlockRequest] {
        take().compactMap { if case .request(.peer(key), let request) = $0 { request } else { nil } }
    }

    /// What was sent to the peer since the last ``take()``; forgets the effects.
    func takeMessages(_ key: PeerKey) -> [Outgoing] {
        take().compactMap { if case .send(key, let message) = $0 { message } else { nil } }
    }

    private func settle() {
        while swarm.hasEffects {
            let effects = swarm.takeEffects()
            log += effects
            for effect in effects { answer(effect) }
        }
        let violations = swarm.violations
        #expect(violations.isEmpty, "\(violations)")
    }

    private func answer(_ effect: Effect) {
        switch effect {
        case .recordIntents(let pieces) where !held.contains(.intents):
            openIntents.formUnion(pieces)
            swarm.intentsRecorded(pieces, now: now)
        case .verify(let work) where !held.contains(.verify): verify(work)
        case .writeBlocks(let piece, let blocks) where !held.contains(.writeBlocks):
            swarm.blocksWritten(piece, blocks, now: now)
        case .sync where !held.contains(.sync): swarm.synced(now: now)
        case .record(let claim):
            records.append(claim)
            if !held.contains(.record) {
                openIntents.subtract(claim.pieces + claim.closed)
                swarm.recorded(now: now)
            }
        case .check(let pieces) where !held.contains(.check): check(pieces)
        case .probe where !held.contains(.probe): swarm.probed(fault, now: now)
        case .disconnect(let key, _) where !held.contains(.disconnect): swarm.closed(key, now: now)
        case .inspect:
            inspections += 1
            swarm.inspected(Bitfield(swarm.geometry.pieceCount, changedOutside), now: now)
        case .shun(let host, _): shunned.append(host)
        case .strike(let host, _): strikes.append(host)
        case .note(let note): notes.append(note)
        case .stopped: stops += 1
        default: break
        }
    }

    func check(_ pieces: [PieceIndex]) {
        for piece in pieces { swarm.checked(piece, verdict(piece), now: now) }
        swarm.checkEnded(now: now)
    }

    func verify(_ work: Verification) {
        if let fault { return swarm.writeFailed(work.piece, fault: fault, now: now) }
        let digests = (0..<swarm.geometry.blockCount(of: work.piece)).map {
            stored[BlockRef(piece: work.piece, block: $0)] ?? 0
        }
        if digests.allSatisfy({ $0 == 0 }) {
            swarm.verified(work.piece, digests: work.wantsDigests ? digests : [], now: now)
        } else {
            swarm.hashFailed(work.piece, digests: digests, now: now)
        }
    }

    /// Answers all that the peer was asked for, and what it is asked for then, until there is no more.
    func serveAll(_ key: PeerKey, lie: UInt64 = 0, limit: Int = 10_000) {
        var queue = takeRequests(key)[...]
        var count = 0
        while let request = queue.popFirst(), count < limit {
            deliver(key, request, lie: lie)
            queue += takeRequests(key)
            count += 1
        }
    }
}

extension Bitfield {
    init(_ count: Int, _ pieces: [Int]) {
        self.init(count: count)
        for piece in pieces { insert(PieceIndex(piece)) }
    }

    var numbers: [Int] { pieces.map(\.value) }
}

extension [BlockRequest] {
    var blocks: [String] { map { "\($0.piece):\($0.begin / Geometry.blockLength)" } }
}
