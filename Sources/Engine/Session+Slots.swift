import Logging
import Store
import Swarm
import Torrent

/// Performs what the ``SlotQueue`` decides: torrents start when a slot is free, and yield when others wait.
extension Session {
    /// How the slots are used, and how many torrents wait.
    package func slotReport() -> SlotReport {
        var report = slots.report
        if case .only = environment.settings.scope { report.isOfNamedOnly = true }
        return report
    }

    // MARK: The line

    /// Puts everything that has something to download into the line, the one time that all rows are asked for, and
    /// starts what finds a slot.
    func startDownloads() async throws {
        let (incomplete, yielded) = try await environment.store.perform { db throws(StoreError) in
            (try db.incompleteTorrents(), try db.yieldedTorrents())
        }
        lastTurn = yielded.map(\.turn).max() ?? 0
        var line = incomplete.filter { isInScope($0) }
        // What was named is activated even if it is complete: it may seed, and it must be seen to be complete.
        if case .only(let ids) = environment.settings.scope { line = ids.sorted() }
        if !yielded.isEmpty {
            let all = Set(line)
            let last = yielded.map(\.id).filter { all.contains($0) }
            let isLast = Set(last)
            line = line.filter { !isLast.contains($0) } + last
        }
        slots.enqueue(line)
        await fillSlots()
        await saveSlots()
    }

    /// Torrents were added.
    func enqueueAdded(_ ids: [TorrentID]) async throws {
        let added = ids.filter { isInScope($0) && engines[$0] == nil }
        guard !added.isEmpty else { return }
        let ready = try await environment.store.perform { db throws(StoreError) in
            var ready: [TorrentID] = []
            for id in added { if let row = try db.torrent(id), !row.settings.isPaused { ready.append(id) } }
            return ready
        }
        for id in ready where !troubled.contains(id) { slots.enqueue(id) }
        fillSlotsSoon()
    }

    /// The torrent has something to do, and waits for a slot if there is none.
    func enqueue(_ id: TorrentID, for kind: SlotKind = .download, at place: SlotQueue.Place = .back) {
        slots.enqueue(id, for: kind, at: place)
        fillSlotsSoon()
    }

    /// A torrent that isn't active has something to do again: until it gets a slot its state says that it waits.
    func putInLine(_ row: TorrentRow) async throws {
        if ![.queued, .offline].contains(row.state) {
            try await environment.store.perform { db throws(StoreError) in try db.setState(row.id, .queued) }
        }
        enqueue(row.id)
    }

    /// The user wants the torrent to be active now, whoever waits.
    func activate(_ id: TorrentID) async -> TorrentEngine? {
        if let engine = engines[id] { return engine }
        _ = slots.admit(id, for: .download, isForced: true, now: environment.clock.now)
        return await wake(id)
    }

    /// Starts torrents while there are slots; returns when they are active. Several start at once: beside torrents that
    /// are busy, each step of one that starts waits for its turn on the loop.
    func fillSlots() async {
        await withTaskGroup(of: Void.self) { group in
            repeat {
                while !isStopping, let id = slots.next(now: environment.clock.now) {
                    group.addTask { await self.begin(id) }
                }
            } while await group.next() != nil
        }
        endIfDone()
    }

    func fillSlotsSoon() { Task { await fillSlots() } }

    private func begin(_ id: TorrentID) async {
        guard let engine = await wake(id) else { return }
        observe(id)
        if verifying.remove(id) != nil { engine.onLoop { $0.verifyAll() } }
    }

    /// The torrent couldn't be activated. No sooner than nobody waits for that any more: a torrent that is in the line
    /// may be started at once.
    func didNotStart(_ id: TorrentID) {
        slots.failed(id, needing: unchecked.remove(id) == nil ? nil : .check)
        fillSlotsSoon()
    }

    /// Whether a peer that asks for a torrent at rest gets it: a torrent that waits takes a free slot, or that of one
    /// that is stalled.
    func admits(_ row: TorrentRow) -> Bool {
        guard engines[row.id] == nil, waking[row.id] == nil else { return true }
        switch slots.admit(row.id, for: row.isComplete ? .seed : .download, now: environment.clock.now) {
        case .granted: return true
        case .grantedInstead(let other):
            Task { await self.putToSleep(other, sayingGoodbye: false) }
            return true
        case .refused:
            log.debug("turned away a peer of torrent \(row.id): the torrent is waiting for a slot")
            return false
        }
    }

    // MARK: Turns

    /// Tells the queue what the torrent does now.
    func observe(_ id: TorrentID) {
        guard let engine = engines[id] else { return }
        slots.observe(id, engine.onLoop { $0.activity }, now: environment.clock.now)
    }

    /// Once a second: slots that were given back are taken by others, and torrents without progress make room for those
    /// that wait.
    func takeTurns() {
        for id in engines.keys { observe(id) }
        let yields = slots.yields(now: environment.clock.now)
        for id in yields {
            log.info("deactivated torrent \(id): other torrents are waiting for a slot")
            guard engines[id] != nil else {
                slots.left(id, now: environment.clock.now)
                continue
            }
            // Trackers go on to name it: a peer that asks for it may have its slot given back.
            Task { await self.putToSleep(id, sayingGoodbye: false) }
        }
        fillSlotsSoon()
    }

    /// The turn that the torrent gets in the line, to be written with its state; 0 is none, and `nil` leaves the one
    /// that it has.
    func leaveSlot(_ id: TorrentID, _ engine: TorrentEngine) -> Int64? {
        let place = slots.yielding(id)
        let (activity, isWhole) = engine.onLoop { ($0.activity, $0.swarm.isCompleteAndRecorded) }
        slots.left(id, now: environment.clock.now)
        if !isStopping { fillSlotsSoon() }
        if isWhole || activity.moved > 0 && place != .back { return 0 }
        guard place == .back else { return nil }
        lastTurn += 1
        return lastTurn
    }

    /// Writes down how the slots are used, for `pieces status`.
    private func saveSlots() async {
        let (run, report) = (runID, slotReport())
        do {
            try await environment.store.perform { db throws(StoreError) in try db.saveSlots(run, report) }
        } catch {
            log.error("could not save the use of slots: \(error)")
        }
    }

    // MARK: Seeds

    /// Torrents that are looked at in a second, at most.
    private static let seedsPerTurn = 500

    /// Complete torrents that rest because an earlier engine didn't seed seed from now on, unless their goal is
    /// reached. Some of them, in the order of their numbers: a start doesn't wait for all.
    func beginSeeding() async {
        guard case .all = environment.settings.scope, !hasBegunSeeding, !isStopping else { return }
        let (after, standard, now) = (lastBegun, environment.settings.seedGoal, environment.clock.timestamp)
        do {
            let rows = try await environment.store.perform { db throws(StoreError) in
                let rows = try db.torrents(in: .complete, after: after, limit: Self.seedsPerTurn)
                try db.beginSeeding(rows.filter { $0.mayBeginSeeding(under: standard) }.map(\.id), now: now)
                return rows
            }
            lastBegun = rows.last?.id ?? after
            hasBegunSeeding = rows.count < Self.seedsPerTurn
        } catch {
            log.error("could not start seeding complete torrents: \(error)")
        }
    }

    /// A complete torrent at rest was resumed, or has another goal.
    func goalChanged(_ row: TorrentRow) async throws {
        let now = environment.clock.timestamp
        let isSeeded = row.mayBeginSeeding(under: environment.settings.seedGoal)
        // An engine of some torrents alone keeps those that seed active.
        if case .only = environment.settings.scope, isSeeded { return _ = await wake(row.id) }
        switch row.state {
        case .complete, .paused:
            let id = row.id
            try await environment.store.perform { db throws(StoreError) in
                if isSeeded { try db.beginSeeding([id], now: now) } else { try db.setState(id, .complete) }
            }
        // Awake it sees that its goal is reached, says goodbye and rests.
        case .seeding: if !isSeeded { await wake(row.id) }
        default: await lookAwake(row.id)
        }
    }
}

extension TorrentRow {
    /// Whether a complete torrent at rest is one that seeds. `standard` is the engine's own goal.
    fileprivate func mayBeginSeeding(under standard: SeedGoal) -> Bool {
        guard damage == nil, isComplete, completedAt != nil, !settings.isPaused else { return false }
        let goal = settings.seedGoal.over(standard)
        return !goal.isReached(uploaded: uploadedBytes, wanted: wantedBytes, seedTime: seedTime)
    }
}
