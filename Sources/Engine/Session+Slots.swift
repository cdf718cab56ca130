import Logging
package import Store
import Swarm
import Torrent

/// Which torrents have work to do: the line at the start, torrents that were added, and seeds at rest.
extension Session {
    /// How the slots are used, and how many torrents wait.
    package func slotReport() -> SlotReport {
        var report = machine.slotReport
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
        feed { [last = yielded.map(\.turn).max() ?? 0] machine, _ in machine.resume(lastTurn: last) }
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
        let ranks = try await readRanks()
        feed { machine, now in
            machine.rank(ranks, now: now)
            machine.enqueue(line, now: now)
            machine.begin()
        }
        while let activation = activations.values.first { _ = await activation.value }
        endIfDone()
        await saveSlots()
    }

    /// The user changed the order of the line.
    func applyOrder() async throws {
        let ranks = try await readRanks()
        feed { $0.rank(ranks, now: $1) }
    }

    private func readRanks() async throws -> [TorrentID: Int64] {
        try await environment.store.perform { db throws(StoreError) in
            Dictionary(try db.queue.places().map { ($0.id, $0.place) }) { first, _ in first }
        }
    }

    /// Torrents were added.
    func enqueueAdded(_ ids: [TorrentID]) async throws {
        let added = ids.filter { isInScope($0) && engines[$0] == nil && fetches[$0] == nil }
        guard !added.isEmpty else { return }
        let ready = try await environment.store.perform { db throws(StoreError) in
            var ready: [TorrentID] = []
            for id in added { if let row = try db.torrents.row(id), !row.settings.isPaused { ready.append(id) } }
            return ready
        }
        feed { $0.added(ready, now: $1) }
    }

    /// Puts a torrent that isn't active into the line; its state is queued until it gets a slot.
    func putInLine(_ row: TorrentRow) async throws {
        if ![.queued, .offline, .metadata].contains(row.state) {
            let state: TorrentState = row.hasMetadata ? .queued : .metadata
            try await environment.store.perform { db throws(StoreError) in try db.torrents.setState(row.id, state) }
        }
        feed { $0.enqueue(row.id, now: $1) }
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

    /// Starts seeding complete torrents that rest because an earlier engine didn't seed, unless their goal is reached.
    /// One call handles some of them, in the order of their IDs.
    func beginSeeding(after last: TorrentID?) async {
        let (standard, now) = (environment.settings.seedGoal, environment.clock.timestamp)
        do {
            let rows = try await environment.store.perform { db throws(StoreError) in
                let rows = try db.torrents.rows(in: .complete, after: last, limit: SeedingSweep.most)
                try db.torrents.beginSeeding(rows.filter { $0.mayBeginSeeding(under: standard) }.map(\.id), now: now)
                return rows
            }
            feed { machine, _ in machine.seedingBegan(rows.last?.id, count: rows.count) }
        } catch {
            log.error("could not start seeding complete torrents: \(error)")
            feed { machine, _ in machine.seedingBegan(nil, count: nil) }
        }
    }

    /// A complete torrent at rest was resumed, or its goal changed.
    func goalChanged(_ row: TorrentRow) async throws {
        let now = environment.clock.timestamp
        let isSeeded = row.mayBeginSeeding(under: environment.settings.seedGoal)
        // An engine that works on named torrents keeps those that seed active.
        if case .only = environment.settings.scope, isSeeded { return _ = await activate(row.id) }
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
        case .seeding: if !isSeeded { await activate(row.id) }
        default: await activateToSettle(row.id)
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
