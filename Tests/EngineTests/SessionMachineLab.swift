import Engine
import Foundation
import Store
import Swarm
import TestSupport
import Testing
import Torrent

/// A session in virtual time: random torrents, disks, peers and users, with every effect performed after a while.
///
/// After each event the invariants are checked. A seed determines the run.
@Suite struct SessionMachineLab {
    /// What a torrent of the lab does.
    private struct Torrent {
        var isComplete: Bool
        var isUnverified: Bool
        var isPaused = false
        var isRemoved = false
        /// Whether its disk fails when it is activated, and until when.
        var diskFailsUntil = Instant.origin
        /// Until when what it lacks doesn't fit on its volume.
        var isFullUntil = Instant.origin
        /// Whether its rows are damaged, so that it can't be activated at all.
        var isBroken: Bool
        var hasPeers = false
        /// Seconds of downloading that are left.
        var left: Int
        var moved: Int64 = 0
        var isSeen = false
    }

    private struct Planned {
        let at: Instant
        let number: Int
        let action: Action

        var order: (Instant, Int) { (at, number) }
    }

    /// What happens at a planned time.
    private enum Action: Equatable {
        case tick
        case loaded(TorrentID)
        case settled(TorrentID)
        case answered(SessionMachine.Effect)
        case announced(TorrentID)
        case user
    }

    private struct World {
        var machine: SessionMachine
        var torrents: [TorrentID: Torrent] = [:]
        var ids: [TorrentID] = []
        /// Torrents that have an engine, as the session's own record has them.
        var engines: Set<TorrentID> = []
        var planned: [Planned] = []
        var count = 0
        var now = Instant.origin
        var random: SeededGenerator
        var log: [String] = []
        /// Answers that are owed, by effect.
        var owedLoads: Set<TorrentID> = []
        var owedDepartures: Set<TorrentID> = []
        /// Torrents that wait for space.
        var waitsForSpace: Set<TorrentID> = []
        /// Torrents that the session puts into the line when they have come to rest.
        var returns: Set<TorrentID> = []
        var faults: [String] = []
        /// Whether the user may take slots ahead of others.
        var isForced = true

        init(_ settings: SessionMachine.Settings, seed: UInt64) {
            machine = SessionMachine(settings, uptime: .now)
            random = SeededGenerator(seed: seed)
        }

        mutating func plan(_ action: Action, after seconds: Double) {
            count += 1
            let at = now + .milliseconds(Int(seconds * 1000))
            planned.append(Planned(at: at, number: count, action: action))
        }

        /// Performs the next planned action. Returns whether there was one.
        mutating func step() -> Bool {
            guard let next = planned.indices.min(by: { planned[$0].order < planned[$1].order }) else { return false }
            let action = planned.remove(at: next)
            now = max(now, action.at)
            perform(action.action)
            drain()
            check()
            return true
        }

        private mutating func drain() {
            for effect in machine.takeEffects() {
                log.append("\(now.nanoseconds) \(effect)")
                switch effect {
                case .activate(let id):
                    if !owedLoads.insert(id).inserted { faults.append("\(id) is activated twice") }
                    if engines.contains(id) { faults.append("\(id) is activated while it is active") }
                    if machine.state == .stopping { faults.append("\(id) is activated while stopping") }
                    plan(.loaded(id), after: Double.random(in: 0...3, using: &random))
                case .deactivate(let id, _):
                    if !engines.contains(id) { faults.append("\(id) is deactivated without being active") }
                    if !owedDepartures.insert(id).inserted { faults.append("\(id) is deactivated twice") }
                    plan(.settled(id), after: Double.random(in: 0...4, using: &random))
                case .readForRetry, .beginSeeding, .findDue, .readIncomplete:
                    if machine.state == .stopping { faults.append("\(effect) while stopping") }
                    plan(.answered(effect), after: Double.random(in: 0...1.5, using: &random))
                case .giveUp, .end:
                    _ = machine.stop()
                    drain()
                }
            }
        }

        private mutating func perform(_ action: Action) {
            switch action {
            case .tick:
                for id in engines.sorted() where !owedDepartures.contains(id) { live(id) }
                var reports: [TorrentID: TorrentReport] = [:]
                for id in engines { reports[id] = report(id) }
                for id in waitsForSpace.sorted() where now >= torrents[id]?.isFullUntil ?? now {
                    waitsForSpace.remove(id)
                    machine.spaceIsFree(id, now: now)
                }
                machine.tick(reports, now: now)
                if machine.isOpen { plan(.tick, after: 1) }
                machine.endIfDone { reports }
            case .loaded(let id): load(id)
            case .settled(let id):
                owedDepartures.remove(id)
                engines.remove(id)
                _ = machine.deactivated(id, report(id), isWhole: torrents[id]?.isComplete ?? true, now: now)
                if returns.remove(id) != nil, torrents[id]?.isPaused == false { machine.enqueue(id, now: now) }
            case .answered(let effect): answer(effect)
            case .announced(let id): machine.announced(id)
            case .user:
                act()
                if machine.isOpen { plan(.user, after: Double.random(in: 0...4, using: &random)) }
            }
        }

        private mutating func live(_ id: TorrentID) {
            guard var torrent = torrents[id] else { return }
            if torrent.isUnverified, Int.random(in: 0..<10, using: &random) == 0 { torrent.isUnverified = false }
            if !torrent.isUnverified, !torrent.isComplete, torrent.hasPeers {
                torrent.left -= 1
                torrent.moved += 1_000_000
                torrent.isComplete = torrent.left <= 0
            }
            if Int.random(in: 0..<20, using: &random) == 0 { torrent.hasPeers.toggle() }
            torrents[id] = torrent
        }

        private func report(_ id: TorrentID) -> TorrentReport {
            guard let torrent = torrents[id] else {
                return TorrentReport(activity: SlotQueue.Activity(work: .idle))
            }
            let work: SlotQueue.Activity.Work =
                torrent.isUnverified
                ? .checking : torrent.isComplete ? (torrent.hasPeers ? .seeding : .idle) : .downloading
            return TorrentReport(
                activity: SlotQueue.Activity(
                    work: work, moved: torrent.moved, patience: torrent.hasPeers ? .usual : .short),
                isBusy: !torrent.isComplete || torrent.hasPeers, hasWorkLeft: !torrent.isComplete)
        }

        private mutating func load(_ id: TorrentID) {
            owedLoads.remove(id)
            guard let torrent = torrents[id], !torrent.isRemoved, !torrent.isBroken else {
                return machine.failed(id, .other, now: now)
            }
            guard now >= torrent.diskFailsUntil else { return machine.failed(id, .disk, now: now) }
            guard !torrent.isPaused else { return machine.failed(id, .isUnneeded, now: now) }
            guard torrent.isComplete || now >= torrent.isFullUntil else {
                waitsForSpace.insert(id)
                return machine.failed(id, .noSpace, now: now)
            }
            _ = machine.loads(id)
            switch machine.loaded(id, isUnverified: torrent.isUnverified, now: now) {
            case .starts:
                engines.insert(id)
                torrents[id]?.isSeen = true
                if machine.started(id, report(id), now: now) { torrents[id]?.isUnverified = true }
            case .waitsForCheck: machine.failed(id, .waitsForCheck, now: now)
            case .isUnneeded: machine.failed(id, .isUnneeded, now: now)
            }
        }

        private mutating func answer(_ effect: SessionMachine.Effect) {
            switch effect {
            case .activate, .deactivate, .giveUp, .end: break
            case .readForRetry(let id):
                guard let torrent = torrents[id], !torrent.isRemoved else {
                    return machine.retry(id, .removed, now: now)
                }
                let isReadable = Int.random(in: 0..<10, using: &random) > 0
                machine.retry(
                    id, isReadable ? torrent.isComplete ? .complete : .incomplete : .unreadable, now: now)
            case .beginSeeding(let last):
                let next = torrents.keys.sorted().filter { $0 > last ?? TorrentID(0) }.prefix(
                    SeedingSweep.most)
                machine.seedingBegan(next.last, count: Bool.random(using: &random) ? next.count : nil)
            case .findDue(let room):
                let due = torrents.filter { $0.value.isComplete && !$0.value.isRemoved && !$0.value.isPaused }.keys
                    .sorted().shuffled(using: &random).prefix(room)
                for id in machine.dueFound(Array(due)) {
                    if !machine.isOpen { faults.append("\(id) is announced while stopping") }
                    plan(.announced(id), after: Double.random(in: 0...20, using: &random))
                }
            case .readIncomplete:
                let incomplete = torrents.filter { !$0.value.isComplete && !$0.value.isRemoved && !$0.value.isPaused }
                var reports: [TorrentID: TorrentReport] = [:]
                for id in engines { reports[id] = report(id) }
                machine.restIs(incomplete.keys.sorted(), reports)
            }
        }

        /// The user, a peer or another process does something.
        private mutating func act() {
            guard let id = ids.randomElement(using: &random), let torrent = torrents[id],
                !torrent.isRemoved
            else { return }
            switch Int.random(in: 0..<15, using: &random) {
            case 0, 1, 2:
                if !torrent.isPaused { _ = machine.peerAsks(id, isComplete: torrent.isComplete, now: now) }
            case 3:
                torrents[id]?.isPaused = true
                machine.changed(id, isPaused: true)
            case 4, 5, 6:
                torrents[id]?.isPaused = false
                machine.changed(id, isPaused: false)
                putInLine(id)
            case 7:
                torrents[id]?.isRemoved = true
                machine.deactivate(id, .removed)
                machine.removed(id)
            case 8:
                guard !torrent.isPaused else { return }
                if machine.verify(id, now: now) { torrents[id]?.isUnverified = true }
            case 9:
                machine.damaged(id)
                if !torrent.isPaused, !machine.isTroubled(id) { putInLine(id) }
            case 10: if torrent.isComplete, engines.contains(id) { machine.retired(id) }
            case 11: torrents[id]?.diskFailsUntil = now + .seconds(Int.random(in: 1...600, using: &random))
            case 13: torrents[id]?.isFullUntil = now + .seconds(Int.random(in: 1...600, using: &random))
            case 12: if !torrent.isPaused { _ = machine.want(id, isAhead: true, now: now) }
            default:
                guard engines.contains(id), !owedDepartures.contains(id) else { return }
                machine.deactivate(id, .reloads)
                returns.insert(id)
            }
        }

        /// Puts the torrent into the line, after it has come to rest.
        private mutating func putInLine(_ id: TorrentID) {
            if engines.contains(id) {
                if owedDepartures.contains(id) || machine.departure(of: id) != nil { returns.insert(id) }
            } else {
                machine.enqueue(id, now: now)
            }
        }

        // MARK: Invariants

        private mutating func check() {
            for id in ids {
                let state = machine.state(of: id)
                switch state {
                case .activating:
                    if !owedLoads.contains(id) { faults.append("\(id) is activating without being loaded") }
                case .active:
                    if !engines.contains(id) { faults.append("\(id) is active without an engine") }
                    if owedDepartures.contains(id) { faults.append("\(id) is active and leaves") }
                case .deactivating:
                    if !engines.contains(id) || !owedDepartures.contains(id) {
                        faults.append("\(id) is deactivating and doesn't leave")
                    }
                case .troubled, .retrying, .dormant:
                    if engines.contains(id) { faults.append("\(id) has an engine and is \(state)") }
                    if owedLoads.contains(id) { faults.append("\(id) is loaded and is \(state)") }
                }
                if let torrent = torrents[id], !torrent.isComplete, !torrent.isPaused, !torrent.isRemoved,
                    state == .dormant, !machine.isWaiting(id), machine.isOpen
                {
                    faults.append("\(id) is forgotten, although it has work to do")
                }
                if case .troubled(let at?) = state, at - now > RetryPauses.longest {
                    faults.append("the retry of \(id) is too far ahead")
                }
            }
            let report = machine.slotReport
            // A complete torrent that is active may get peers at any time, and makes room a moment later.
            for kind in [SlotKind.download, .check] where !isForced && report[kind].active > report[kind].limit ?? .max
            {
                faults.append("\(report[kind].active) \(kind) slots are used")
            }
            if machine.announcing.count > AnnouncePacing.atOnce { faults.append("too many announces") }
        }
    }

    /// `PIECES_SEEDS` names how many; each is replayed by its number.
    static let seeds: [UInt64] = Array(
        1...UInt64(max(20, ProcessInfo.processInfo.environment["PIECES_SEEDS"].flatMap { Int($0) } ?? 20)))

    private func world(seed: UInt64) -> World {
        var random = SeededGenerator(seed: seed)
        var settings = SessionMachine.Settings()
        settings.limits.downloads = Int.random(in: 1...6, using: &random)
        settings.limits.seeds = Bool.random(using: &random) ? Int.random(in: 1...4, using: &random) : nil
        settings.limits.checks = Int.random(in: 1...3, using: &random)
        var world = World(settings, seed: seed &+ 1)
        for n in 1...Int64.random(in: 5...40, using: &random) {
            let isDiskBad = Int.random(in: 0..<4, using: &random) == 0
            let diskFailsFor = isDiskBad ? Int.random(in: 1...900, using: &random) : 0
            let isFullFor = Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 1...900, using: &random) : 0
            world.torrents[TorrentID(n)] = Torrent(
                isComplete: Int.random(in: 0..<3, using: &random) == 0,
                isUnverified: Int.random(in: 0..<4, using: &random) == 0,
                diskFailsUntil: Instant.origin + .seconds(diskFailsFor),
                isFullUntil: Instant.origin + .seconds(isFullFor),
                isBroken: Int.random(in: 0..<12, using: &random) == 0, left: Int.random(in: 1...60, using: &random))
        }
        world.ids = world.torrents.keys.sorted()
        let incomplete = world.torrents.filter { !$0.value.isComplete }.keys.sorted()
        world.machine.enqueue(incomplete, now: world.now)
        world.machine.begin()
        world.plan(.tick, after: 1)
        world.plan(.user, after: 1)
        return world
    }

    /// Half an hour of everything at once, and then a stop: it comes to its end.
    @Test(arguments: seeds) func invariantsHoldAfterEveryEvent(seed: UInt64) {
        var world = world(seed: seed)
        let stopsAt = Instant.origin + .seconds(1800)
        while world.faults.isEmpty, world.now < stopsAt, world.step() {}
        _ = world.machine.stop()
        while world.faults.isEmpty, world.step() {}
        #expect(world.faults == [], "seed \(seed)")
        #expect(world.engines.isEmpty && world.owedLoads.isEmpty && world.owedDepartures.isEmpty, "seed \(seed)")
        let running = world.machine.known.filter { world.machine.isRunning($0) }
        #expect(running == [], "seed \(seed)")
    }

    /// When disks are well again and nobody interferes, every torrent that can be active was, and everything that can
    /// be downloaded is.
    @Test(arguments: seeds) func everyFailureIsRetried(seed: UInt64) {
        var world = world(seed: seed)
        world.planned.removeAll { $0.action == .user }
        world.isForced = false
        let limit = Instant.origin + .seconds(3600)
        while world.faults.isEmpty, world.now < limit, world.step() {}
        #expect(world.faults == [], "seed \(seed)")
        let missed = world.torrents.filter { !$0.value.isBroken && !$0.value.isSeen && !$0.value.isComplete }
        #expect(missed.isEmpty, "seed \(seed): \(missed.keys.sorted()) were never active")
    }

    /// The same seed gives the same effects at the same times.
    @Test func seedDeterminesTheRun() {
        func effects() -> [String] {
            var world = world(seed: 7)
            while world.now < Instant.origin + .seconds(600), world.step() {}
            return world.log
        }
        let first = effects()
        #expect(first.count > 50 && first == effects())
    }
}
