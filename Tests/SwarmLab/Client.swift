import Swarm
import Torrent

/// One of ours: the real brain, and a model of the shell that performs its effects.
final class Client: Node {
    let plan: Scenario.ClientPlan
    let number: Int
    let address: PeerAddress
    let lab: Lab
    var swarm: Swarm
    var announcer: Announcer
    var disk: ModelDisk
    var database: ModelDatabase
    /// Counts the lives of the process: what an earlier one has under way answers nobody.
    private(set) var life = 0
    private(set) var isUp = false
    private(set) var isDone = false

    // MARK: The shell's state; gone with the process.

    var ends: [PeerKey: WireEnd] = [:]
    private var keys: [ObjectIdentifier: PeerKey] = [:]
    var buffers: [PieceIndex: [Int: UInt64]] = [:]
    /// What is on its way to the disk and the database, for a crash to cut short.
    var writes: [Int: () -> Void] = [:]
    var changes: [ModelDatabase.Change] = []
    var isDatabaseBusy = false
    var pendingFingerprints: [Int: FileFingerprint] = [:]
    var underWay = 0
    var isCheckCancelled = false
    var lineFreeAt = Instant.origin
    private var wakeAt: Instant?
    private var isPerforming = false
    /// A tick does many things, and what it does first may look wrong after what it does last.
    private(set) var isWaking = false
    private var effectCount = 0
    private var interruptions: [(effect: Int, how: Scenario.Interruption, meddling: Scenario.Meddling?)]
    private var stopReason = StopReason.none
    private var events = 0

    // MARK: What the lab knows better

    /// Pieces that may be downloaded again though the database claimed them.
    var excused: Bitfield
    /// Who sent the blocks in the buffers, and the pieces that each spoiled in this life.
    var senders: [BlockRef: PeerAddress] = [:]
    var spoiled: [PeerAddress: Set<PieceIndex>] = [:]

    /// Pieces that a peer may spoil before it must be found out, in one life that ends well.
    private static let enoughLies = 3

    private enum StopReason {
        case none
        /// Comes back after a while.
        case pause
        case end
    }

    init(_ plan: Scenario.ClientPlan, number: Int, address: PeerAddress, lab: Lab) {
        self.plan = plan
        self.number = number
        self.address = address
        self.lab = lab
        let geometry = lab.scenario.geometry
        disk = ModelDisk(lab.content, files: plan.files, using: &lab.random)
        database = ModelDatabase(pieceCount: geometry.pieceCount)
        excused = Bitfield(count: geometry.pieceCount)
        interruptions = plan.interruptions
        announcer = Announcer(tiers: [], shuffledBy: &lab.random, isFresh: true)
        let empty = Bitfield(count: geometry.pieceCount)
        swarm = Swarm(
            geometry: geometry,
            plan: ResumePlan(
                ResumePlan.Input(
                    have: empty, opened: empty, files: [], stoppedCleanly: true, aliveUntilNs: nil, rootWasSeen: false, rootExists: false,
                    rootIsSame: false)),
            recorded: empty, opened: empty, partials: [], wanted: empty, settings: plan.settings, seed: 0, unixOrigin: Lab.unixOrigin)
        let tiers = lab.trackers.enumerated().map { Announcer.Tracker(url: $1.url, tier: $0 / 2) }
        database.trackers = tiers
    }

    var traits: Traits { Traits() }
    var latency: Duration { plan.latency }
    var isListening: Bool { isUp && stopReason == .none }

    /// Where it stands, for the report of a run that doesn't end.
    var state: String {
        let peers = swarm.peerReports(now: lab.now).map { peer in
            "[\(peer.address) owes \(peer.outstanding)/\(peer.depth) choking \(peer.isChoking) wanted \(peer.amInterested) snubbed \(peer.isSnubbed)]"
        }
        let fault = swarm.fault.map { "\($0.kind)" } ?? "none"
        return "client \(number) \(isUp ? "up" : "down"), has \(swarm.have.population)/\(swarm.have.count), recorded \(swarm.recorded.population), "
            + "doubts \(swarm.doubtful.population), fault \(fault), \(peers.joined(separator: " "))"
    }

    // MARK: Life

    func start() {
        life += 1
        isUp = true
        isPerforming = false
        stopReason = .none
        wakeAt = nil
        let resume = resumePlan()
        if database.opened.isEmpty, excused.isEmpty, !resume.doubtful.isEmpty {
            lab.fail("client \(number) doubts \(resume.doubtful.population) pieces after a clean stop: \(resume.reasons)")
        }
        excused.formUnion(resume.stale)
        build(resume)
        let start = lab.now
        for window in plan.faults where window.kind == .offline { beginOffline(window, from: start) }
        feed { $0.start(now: self.lab.now) }
        announcer.start(now: lab.unixNow)
        beat()
        if plan.wantsPart {
            let life = life
            lab.schedule(after: .seconds(8)) { [self] in
                if life == self.life { feed { $0.select(Bitfield(fullCount: self.lab.scenario.geometry.pieceCount), now: self.lab.now) } }
            }
        }
    }

    private func build(_ resume: ResumePlan) {
        let count = lab.scenario.geometry.pieceCount
        var wanted = Bitfield(fullCount: count)
        if plan.wantsPart { for piece in wanted.pieces where piece.value % 3 == 0 { wanted.remove(piece) } }
        swarm = Swarm(
            geometry: lab.scenario.geometry, plan: resume, recorded: database.have, opened: database.opened,
            partials: database.partials.sorted { $0.key < $1.key }.map { PartialPiece(piece: $0.key, blocks: $0.value) }, wanted: wanted,
            settings: plan.settings, seed: lab.random.next(), unixOrigin: Lab.unixOrigin)
        for entry in database.peers.values.sorted(by: {
            $0.firstSeen == $1.firstSeen ? "\($0.address)" < "\($1.address)" : $0.firstSeen < $1.firstSeen
        }) { swarm.restore(entry) }
        var tiers: [[Announcer.Tracker]] = []
        for tracker in database.trackers {
            while tiers.count <= tracker.tier { tiers.append([]) }
            tiers[tracker.tier].append(tracker)
        }
        announcer = Announcer(tiers: tiers, shuffledBy: &lab.random, isFresh: life == 1)
    }

    private func resumePlan() -> ResumePlan {
        let files = disk.files.enumerated().map {
            ResumePlan.File(pieces: $1.pieces, length: $1.length, recorded: database.fingerprints[$0], current: $1.current)
        }
        return ResumePlan(
            ResumePlan.Input(
                have: database.have, opened: database.opened, files: files, stoppedCleanly: database.opened.isEmpty, aliveUntilNs: database.aliveNs,
                rootWasSeen: life > 1, rootExists: true, rootIsSame: true))
    }

    /// Every few seconds of its life.
    private func beat() {
        let life = life
        database.aliveNs = lab.unixNs
        remember()
        lab.schedule(after: .seconds(5)) { [self] in if life == self.life, isUp { beat() } }
    }

    private func remember() {
        for entry in swarm.takePeerChanges() { database.peers[entry.address] = entry }
        database.trackers = announcer.trackers
    }

    /// The process dies here and now.
    private func crash(_ how: Scenario.Interruption, _ meddling: Scenario.Meddling?) {
        if how == .kill { lab.report.kills += 1 } else { lab.report.powerCuts += 1 }
        // What was handed to the kernel may be done or not, in no order; a transaction is there or isn't.
        for write in writes.sorted(by: { $0.key < $1.key }) where lab.random.chance(0.5) { write.value() }
        if isDatabaseBusy, let change = changes.first, lab.random.chance(0.5) { commit(change) }
        if how == .powerCut { disk.powerCut(using: &lab.random) }
        goDown()
        for end in ends.values.sorted(by: { $0.number < $1.number }) { end.vanish() }
        forgetShell()
        for piece in database.have.pieces where !disk.isRight(piece) && !excused[piece] {
            lab.fail("after a \(how) the database of client \(number) claims piece \(piece), which is wrong on disk")
        }
        comeBack(after: meddling)
    }

    private func goDown() {
        life += 1
        isUp = false
    }

    private func forgetShell() {
        ends = [:]
        keys = [:]
        buffers = [:]
        writes = [:]
        changes = []
        isDatabaseBusy = false
        pendingFingerprints = [:]
        underWay = 0
        senders = [:]
        spoiled = [:]
        isCheckCancelled = false
        lineFreeAt = .origin
    }

    private func comeBack(after meddling: Scenario.Meddling?) {
        let pause = lab.random.duration(100...30_000)
        if let meddling {
            // Long enough after the last sign of life to be told from what the run did itself.
            lab.schedule(after: pause + .seconds(30)) { [self] in
                let damaged = meddling == .edit ? disk.edit(at: lab.unixNs, using: &lab.random) : disk.delete(using: &lab.random)
                for piece in damaged ?? PieceIndex(0)..<PieceIndex(0) { excused.insert(piece) }
                // Pieces at the ends of a deleted file lie in its neighbours, too.
                start()
            }
        } else {
            lab.schedule(after: pause) { self.start() }
        }
    }

    /// The run is over: what refers to itself is taken apart.
    func dismantle() {
        goDown()
        forgetShell()
    }

    // MARK: Events

    func feed(_ event: (inout Swarm) -> Void) {
        guard isUp else { return }
        event(&swarm)
        perform()
    }

    private func perform() {
        guard !isPerforming else { return }
        isPerforming = true
        let life = life
        while isUp, life == self.life, swarm.hasEffects {
            let effects = swarm.takeEffects()
            if !isWaking { watchDuplicates(effects) }
            for effect in effects {
                effectCount += 1
                if let next = interruptions.first, effectCount >= next.effect, stopReason == .none {
                    interruptions.removeFirst()
                    effectCount = 0
                    if next.how != .cleanStop {
                        isPerforming = false
                        return crash(next.how, next.meddling)
                    }
                    lab.schedule(after: .zero) { [self] in if life == self.life { beginStop(.pause) } }
                }
                perform(effect)
                guard life == self.life else { return }
            }
        }
        isPerforming = false
        guard isUp, life == self.life else { return }
        events += 1
        if events % lab.scenario.checkEvery == 0, let violation = swarm.violations.first { lab.fail("client \(number): \(violation)") }
        if swarm.isCompleteAndRecorded, swarm.wanted.isFull, swarm.fault == nil, stopReason == .none { beginStop(.end) }
        scheduleWake()
    }

    private func scheduleWake() {
        guard let next = swarm.nextWake, wakeAt.map({ next < $0 }) ?? true else { return }
        wakeAt = next
        let life = life
        lab.schedule(at: next) { [self] in
            guard life == self.life, isUp, wakeAt == next else { return }
            wakeAt = nil
            isWaking = true
            feed { $0.wake(now: self.lab.now) }
            isWaking = false
            announceIfDue()
        }
    }

    private func announceIfDue() {
        guard isUp, swarm.isRunning else { return }
        for action in announcer.due(now: lab.unixNow, isHungry: swarm.isHungry) {
            guard let tracker = lab.trackers.first(where: { $0.url == action.url }) else { continue }
            let life = life
            lab.schedule(after: lab.random.duration(20...400)) { [self] in
                guard life == self.life, isUp else { return }
                if let found = tracker.answer(lab.members, using: &lab.random) {
                    announcer.answered(action.url, event: action.event, .init(interval: 1800, minimumInterval: 30), now: lab.unixNow)
                    feed { $0.learn(found, from: .tracker, now: self.lab.now) }
                } else {
                    announcer.failed(action.url, reason: "no answer", retryIn: nil, now: lab.unixNow)
                }
            }
        }
    }

    // MARK: Stopping

    private func beginStop(_ reason: StopReason) {
        guard isUp, stopReason == .none else { return }
        stopReason = reason
        isCheckCancelled = true
        feed { $0.stop(now: self.lab.now) }
    }

    /// The brain says that it is at rest.
    func stopped() {
        guard stopReason != .none else { return lab.fail("client \(number) stopped without being asked") }
        if underWay > 0 { lab.fail("client \(number) stopped with \(underWay) things under way") }
        let reason = stopReason
        remember()
        // At the end all pieces have passed, so that it is known who spoiled them.
        for (address, pieces) in spoiled where reason == .end && pieces.count >= Self.enoughLies {
            let isBanned = database.peers.values.contains { $0.address.host == address.host && $0.banReason != nil }
            if !isBanned { lab.fail("client \(number) trusts \(address), who spoiled \(pieces.count) pieces") }
        }
        _ = announcer.stop()
        database.trackers = announcer.trackers
        database.aliveNs = lab.unixNs
        let hadFault = swarm.fault != nil
        if !hadFault, !database.opened.isSubset(of: swarm.doubtful) {
            lab.fail("client \(number) is at rest, and the database still thinks that \(database.opened.population) pieces may be written to")
        }
        goDown()
        for end in ends.values.sorted(by: { $0.number < $1.number }) { end.vanish() }
        forgetShell()
        if reason == .pause || hadFault {
            lab.report.cleanStops += 1
            comeBack(after: nil)
        } else {
            finish()
        }
    }

    private func finish() {
        for piece in lab.scenario.geometry.pieces {
            if !disk.isDurable(piece) { lab.fail("client \(number) ended without piece \(piece) on disk") }
            if !database.have[piece] { lab.fail("client \(number) ended without a claim of piece \(piece)") }
        }
        if !database.partials.isEmpty { lab.fail("client \(number) ended with partial pieces in the database") }
        let next = resumePlan()
        if !next.doubtful.isEmpty { lab.fail("client \(number) would look at \(next.doubtful.population) pieces again: \(next.reasons)") }
        isDone = true
    }

    // MARK: Connections

    func connected(_ end: WireEnd) {
        guard isUp, let peer = end.peer else { return end.vanish() }
        // What comes in has a port of the moment.
        let from = end.isIncoming ? PeerAddress(peer.address.host, port: 40_000 + UInt16(end.number % 20_000)) : peer.address
        let hello = Hello(
            address: from, isIncoming: end.isIncoming, supportsFast: peer.traits.supportsFast, supportsExtensions: peer.traits.supportsExtensions,
            client: "lab")
        feed { swarm in
            switch swarm.connected(hello, now: self.lab.now) {
            case .success(let key):
                self.ends[key] = end
                self.keys[ObjectIdentifier(end)] = key
            case .failure(let refusal):
                end.vanish()
                if !end.isIncoming, refusal.reason != .duplicate { swarm.dialFailed(from, now: self.lab.now) }
            }
        }
        end.send(.extended(reqq: Swarm.longestServeQueue, uploadOnly: nil, port: end.isIncoming ? nil : address.port))
    }

    func closed(_ end: WireEnd) {
        guard isUp, let key = keys.removeValue(forKey: ObjectIdentifier(end)) else { return }
        ends[key] = nil
        feed { $0.closed(key, now: self.lab.now) }
    }

    func dialFailed(_ address: PeerAddress) { feed { $0.dialFailed(address, now: self.lab.now) } }

    func foundSelf(_ address: PeerAddress) {
        feed { swarm in
            swarm.foundSelf(at: address, now: self.lab.now)
            swarm.dialFailed(address, now: self.lab.now)
        }
    }

    func received(_ messages: [Message], on end: WireEnd) {
        guard isUp, let key = keys[ObjectIdentifier(end)] else { return }
        for message in messages { feed { self.handle(message, key, &$0) } }
        feed { $0.batchEnded(key, now: self.lab.now) }
    }

    private func handle(_ message: Message, _ key: PeerKey, _ swarm: inout Swarm) {
        let now = lab.now
        switch message {
        case .choke: swarm.choked(key, now: now)
        case .unchoke: swarm.unchoked(key, now: now)
        case .interested: swarm.interested(key, now: now)
        case .notInterested: swarm.notInterested(key, now: now)
        case .keepAlive: swarm.heard(key, now: now)
        case .haveAll: swarm.haveAll(key, now: now)
        case .haveNone: swarm.haveNone(key, now: now)
        case .have(let piece): swarm.has(key, piece.value, now: now)
        case .bitfield(let pieces): swarm.bitfield(key, pieces, now: now)
        case .request(let request): swarm.requested(key, piece: request.piece.value, begin: request.begin, length: request.length, now: now)
        case .cancel(let request): swarm.cancelled(key, piece: request.piece.value, begin: request.begin, length: request.length, now: now)
        case .reject(let request): swarm.rejected(key, request, now: now)
        case .allowedFast(let piece): swarm.allowedFast(key, piece.value, now: now)
        case .dontHave(let piece): swarm.dontHave(key, piece.value, now: now)
        case .extended(let reqq, let uploadOnly, let port): swarm.extended(key, reqq: reqq, uploadOnly: uploadOnly, port: port, now: now)
        case .block(let request, let digest):
            lab.report.blocks += 1
            let verdict = swarm.received(key, piece: request.piece.value, begin: request.begin, length: request.length, now: now)
            guard verdict == .store else { return }
            let block = lab.content.block(request)
            buffers[request.piece, default: [:]][block.block] = digest
            senders[block] = ends[key]?.peer?.address
        }
    }
}
