import Swarm
import Torrent

/// The process begins, dies and comes back.
extension Client {
    func start() {
        life += 1
        isUp = true
        isPerforming = false
        stopReason = .none
        wakeAt = nil
        (livesSince, stored) = (lab.now, 0)
        let resume = resumePlan()
        if database.intents.isEmpty, excused.isEmpty, !resume.unverified.isEmpty {
            lab.fail(
                "client \(number) rechecks \(resume.unverified.population) pieces after a clean stop: \(resume.reasons)"
            )
        }
        excused.formUnion(resume.stale)
        build(resume)
        let start = lab.now
        for window in plan.faults where window.kind == .offline { beginOffline(window, from: start) }
        feed { $0.start(now: self.lab.now) }
        if isUp { addServers() }
        feed { _ in }
        announcer.start(now: lab.unixNow)
        beat()
        if plan.wantsPart {
            let life = life
            lab.schedule(after: .seconds(8)) { [self] in
                if life == self.life {
                    feed { $0.select(self.everything, now: self.lab.now) }
                }
            }
        }
    }

    private var everything: PayloadFiles {
        .onePerPiece(lab.scenario.geometry, wanted: Bitfield(fullCount: lab.scenario.geometry.pieceCount))
    }

    private func build(_ resume: ResumePlan) {
        let count = lab.scenario.geometry.pieceCount
        var wanted = Bitfield(fullCount: count)
        if plan.wantsPart { for piece in wanted.pieces where piece.value % 3 == 0 { wanted.remove(piece) } }
        swarm = Swarm(
            files: .onePerPiece(lab.scenario.geometry, wanted: wanted), plan: resume, recorded: database.have,
            intents: database.intents,
            partials: database.partials.sorted { $0.key < $1.key }.map {
                PartialPiece(piece: $0.key, blocks: $0.value)
            },
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

    func resumePlan() -> ResumePlan {
        let files = disk.files.enumerated().map {
            ResumePlan.File(
                pieces: $1.pieces, length: $1.length, recorded: database.fingerprints[$0], current: $1.current)
        }
        return ResumePlan(
            ResumePlan.Input(
                have: database.have, intents: database.intents, files: files, stoppedCleanly: database.intents.isEmpty,
                aliveUntilNs: database.aliveNs))
    }

    /// Every few seconds of its life.
    private func beat() {
        let life = life
        database.aliveNs = lab.unixNs
        remember()
        lab.schedule(after: .seconds(5)) { [self] in if life == self.life, isUp { beat() } }
    }

    func remember() {
        for entry in swarm.takePeerChanges() { database.peers[entry.address] = entry }
        database.trackers = announcer.trackers
    }

    /// The process dies here and now.
    func crash(_ how: Scenario.Interruption, _ meddling: Scenario.Meddling?) {
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

    func goDown() {
        life += 1
        isUp = false
    }

    func forgetShell() {
        ends = [:]
        keys = [:]
        servers = [:]
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

    func comeBack(after meddling: Scenario.Meddling?) {
        let pause = lab.random.duration(100...30_000)
        if let meddling {
            // Long enough after the last sign of life to be told from what the run did itself.
            lab.schedule(after: pause + .seconds(30)) { [self] in
                let damaged =
                    meddling == .edit ? disk.edit(at: lab.unixNs, using: &lab.random) : disk.delete(using: &lab.random)
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
}
