import Logging
import Store
import Swarm
import Torrent

/// Performs the decisions of the ``SlotQueue``: torrents start when a slot is free, and yield when others wait.
extension Session {
    /// How the slots are used, and how many torrents wait.
    package func slotReport() -> SlotReport {
        var report = slots.report
        if case .only = environment.settings.scope { report.isOfNamedOnly = true }
        return report
    }

    // MARK: The line

    /// Puts every torrent with something to download into the line and starts those that get a slot. Only this reads
    /// all rows.
    func startDownloads() async throws {
        let (incomplete, yielded) = try await environment.store.perform { db throws(StoreError) in
            (try db.torrents.incomplete(), try db.queue.yielded())
        }
        lastTurn = yielded.map(\.turn).max() ?? 0
        var line = incomplete.filter { isInScope($0) }
        // A torrent that was named is activated even if it is complete: it may seed, and its completeness must be
        // checked.
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
            for id in added { if let row = try db.torrents.row(id), !row.settings.isPaused { ready.append(id) } }
            return ready
        }
        for id in ready where !troubled.contains(id) { slots.enqueue(id) }
        fillSlotsSoon()
    }

    /// Puts the torrent into the line, because it has work to do.
    func enqueue(_ id: TorrentID, for kind: SlotKind = .download, at place: SlotQueue.Place = .back) {
        slots.enqueue(id, for: kind, at: place)
        fillSlotsSoon()
    }

    /// Puts a torrent that isn't active into the line; its state is queued until it gets a slot.
    func putInLine(_ row: TorrentRow) async throws {
        if ![.queued, .offline].contains(row.state) {
            try await environment.store.perform { db throws(StoreError) in try db.torrents.setState(row.id, .queued) }
        }
        enqueue(row.id)
    }

    /// Activates the torrent now, ahead of all that wait, because the user asked for it.
    func activate(_ id: TorrentID) async -> TorrentEngine? {
        if let engine = engines[id] { return engine }
        _ = slots.admit(id, for: .download, isForced: true, now: environment.clock.now)
        return await wake(id)
    }

    /// Starts torrents while slots are free. Returns when they are active. Several start at once, because beside busy
    /// torrents each step of a start waits for its turn on the loop.
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

    /// The torrent couldn't be activated. Call this only after its activation is no longer pending, because a torrent
    /// in the line may be started again at once.
    func didNotStart(_ id: TorrentID) {
        slots.failed(id, needing: unchecked.remove(id) == nil ? nil : .check)
        fillSlotsSoon()
    }

    /// Whether an incoming peer may activate a torrent at rest. A torrent that waits takes a free slot, or that of a
    /// stalled torrent.
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

    /// Reports the torrent's activity to the queue.
    func observe(_ id: TorrentID) {
        guard let engine = engines[id] else { return }
        slots.observe(id, engine.onLoop { $0.activity }, now: environment.clock.now)
    }

    /// Runs once a second: freed slots go to other torrents, and torrents without progress yield to those that wait.
    func takeTurns() {
        for id in engines.keys { observe(id) }
        let yields = slots.yields(now: environment.clock.now)
        for id in yields {
            log.info("deactivated torrent \(id): other torrents are waiting for a slot")
            guard engines[id] != nil else {
                slots.left(id, now: environment.clock.now)
                continue
            }
            // Trackers keep listing the torrent: a peer that asks for it may get its slot back.
            Task { await self.putToSleep(id, sayingGoodbye: false) }
        }
        fillSlotsSoon()
    }

    /// Frees the torrent's slot. Returns its turn in the line, to be stored with its state: 0 clears the stored turn,
    /// and `nil` keeps it.
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

    /// Saves the use of the slots, for `pieces status`.
    private func saveSlots() async {
        let (run, report) = (runID, slotReport())
        do {
            try await environment.store.perform { db throws(StoreError) in try db.runs.saveSlots(run, report) }
        } catch {
            log.error("could not save the use of slots: \(error)")
        }
    }

    // MARK: Seeds

    /// The most torrents checked per second.
    private static let seedsPerTurn = 500

    /// Starts seeding complete torrents that rest because an earlier engine didn't seed, unless their goal is reached.
    /// One call handles some of them, in the order of their IDs, so that a start doesn't wait for all.
    func beginSeeding() async {
        guard case .all = environment.settings.scope, !hasBegunSeeding, !isStopping else { return }
        let (after, standard, now) = (lastBegun, environment.settings.seedGoal, environment.clock.timestamp)
        do {
            let rows = try await environment.store.perform { db throws(StoreError) in
                let rows = try db.torrents.rows(in: .complete, after: after, limit: Self.seedsPerTurn)
                try db.torrents.beginSeeding(rows.filter { $0.mayBeginSeeding(under: standard) }.map(\.id), now: now)
                return rows
            }
            lastBegun = rows.last?.id ?? after
            hasBegunSeeding = rows.count < Self.seedsPerTurn
        } catch {
            log.error("could not start seeding complete torrents: \(error)")
        }
    }

    /// A complete torrent at rest was resumed, or its goal changed.
    func goalChanged(_ row: TorrentRow) async throws {
        let now = environment.clock.timestamp
        let isSeeded = row.mayBeginSeeding(under: environment.settings.seedGoal)
        // An engine that works on named torrents keeps those that seed active.
        if case .only = environment.settings.scope, isSeeded { return _ = await wake(row.id) }
        switch row.state {
        case .complete, .paused:
            let id = row.id
            try await environment.store.perform { db throws(StoreError) in
                if isSeeded {
                    try db.torrents.beginSeeding([id], now: now)
                } else {
                    try db.torrents.setState(id, .complete)
                }
            }
        // Once active, the torrent finds its goal reached, sends `stopped` and rests.
        case .seeding: if !isSeeded { await wake(row.id) }
        default: await lookAwake(row.id)
        }
    }
}

extension TorrentRow {
    /// Whether a complete torrent at rest should seed. `standard` is the engine's own goal.
    fileprivate func mayBeginSeeding(under standard: SeedGoal) -> Bool {
        guard damage == nil, isComplete, completedAt != nil, !settings.isPaused else { return false }
        let goal = settings.seedGoal.over(standard)
        return !goal.isReached(uploaded: uploadedBytes, wanted: wantedBytes, seedTime: seedTime)
    }
}
