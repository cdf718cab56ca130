import Logging
import Store
import Swarm
import Torrent

/// Performs the decisions of the ``SessionMachine``, and reports back.
extension Session {
    var isStopping: Bool { !machine.isOpen }

    /// Passes an event to the machine, and performs what follows.
    @discardableResult
    func feed<Result>(_ event: (inout SessionMachine, Instant) -> Result) -> Result {
        let result = event(&machine, environment.clock.now)
        for effect in machine.takeEffects() { perform(effect) }
        return result
    }

    private func perform(_ effect: SessionMachine.Effect) {
        switch effect {
        case .activate(let id): activations[id] = Task { await self.load(id) }
        case .deactivate(let id, let departure):
            if departure == .yields { log.info("deactivated torrent \(id): other torrents are waiting for a slot") }
            departures[id] = Task { await self.depart(id) }
        case .readForRetry, .beginSeeding, .findDue, .readIncomplete, .giveUp, .end:
            Task { await self.performLater(effect) }
        }
    }

    private func performLater(_ effect: SessionMachine.Effect) async {
        switch effect {
        case .activate, .deactivate: break  // Their tasks are kept, because others wait for them.
        case .readForRetry(let id): await readForRetry(id)
        case .beginSeeding(let last): await beginSeeding(after: last)
        case .findDue(let room): await announceDue(room: room)
        case .readIncomplete: await readIncomplete()
        case .giveUp(let stuck):
            let patience = environment.settings.giveUpAfter ?? .zero
            log.info("gave up: local faults have blocked \(stuck.count) torrents for \(patience)")
            givenUp = stuck
            await stop()
        case .end: await stop()
        }
    }

    // MARK: Reports

    /// Runs once a second.
    package func tick() {
        guard !isStopping else { return }
        lookAtSchedule()
        for engine in engines.values { engine.onLoop { $0.exchangePeersIfDue() } }
        if case .all = environment.settings.scope { environment.announces.onLoop { $0.scrapeIfDue() } }
        environment.dht?.onLoop { $0.tick() }
        environment.localDiscovery?.onLoop { $0.tick() }
        watchScrub()
        let reports = reports(blockedAtRest)
        feed { $0.tick(reports, now: $1) }
        endIfDone()
    }

    /// The torrents at rest that wait for space or for their volume, and why. An engine that ends by itself waits for
    /// them as for others with a fault.
    private var blockedAtRest: [TorrentID: String] {
        space.waiting.mapValues(\.reason).merging(away) { reason, _ in reason }
            .filter { isInScope($0.key) && machine.isTroubled($0.key) }
    }

    /// What the active torrents report, and those that are blocked at rest.
    private func reports(_ blockedAtRest: [TorrentID: String]) -> [TorrentID: TorrentReport] {
        var reports = engines.mapValues { engine in engine.onLoop { $0.report } }
        for (id, reason) in blockedAtRest where reports[id] == nil {
            reports[id] = TorrentReport(
                activity: SlotQueue.Activity(work: .idle), hasWorkLeft: true, fault: reason)
        }
        for (id, fetch) in fetches { reports[id] = fetch.onLoop { $0.report } }
        return reports
    }

    /// Reports the torrent's activity to the machine.
    func observe(_ id: TorrentID) {
        guard let report = engines[id]?.onLoop({ $0.report }) else { return }
        feed { $0.observe(id, report, now: $1) }
    }

    /// Ends the session if it ends by itself and nothing is left.
    func endIfDone() {
        // The machine can't be asked while it decides.
        let blocked = blockedAtRest
        feed { machine, _ in machine.endIfDone { self.reports(blocked) } }
    }

    private func readIncomplete() async {
        do {
            let incomplete = try await environment.store.perform { db throws(StoreError) in try db.torrents.incomplete()
            }
            let (inScope, reports) = (incomplete.filter { isInScope($0) }, reports(blockedAtRest))
            feed { machine, _ in machine.restIs(inScope, reports) }
        } catch {
            log.error("\(error)")
        }
    }

    private func readForRetry(_ id: TorrentID) async {
        do {
            let row = try await environment.store.perform { db throws(StoreError) in try db.torrents.row(id) }
            feed { $0.retry(id, row.map { $0.isComplete ? .complete : .incomplete } ?? .removed, now: $1) }
        } catch {
            log.error("\(error)")
            feed { $0.retry(id, .unreadable, now: $1) }
        }
    }

    /// Performs a write and logs its failure; `what` names the data in the log.
    func write(_ what: String, _ body: @Sendable (Connection, Timestamp) throws(StoreError) -> Void) async {
        let now = environment.clock.timestamp
        do {
            try await environment.store.perform { db throws(StoreError) in try body(db, now) }
        } catch {
            log.error("could not save \(what): \(error)")
        }
    }
}

extension SessionMachine.Settings {
    init(_ settings: EngineSettings) {
        limits = settings.slots
        rules = settings.slotRules
        worksOnAll = if case .all = settings.scope { true } else { false }
        endsWhenComplete = settings.endsWhenComplete
        giveUpAfter = settings.giveUpAfter
    }
}
