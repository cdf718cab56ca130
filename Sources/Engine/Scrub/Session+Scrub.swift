import Disk
import Logging
import NIOCore
import Store
import Torrent
import Verification

/// Reads verified pieces back as the policy says, and records what it finds. Torrents stay as they are meanwhile: an
/// active one continues to seed, and a dormant one stays dormant unless something has to be repaired.
extension Session {
    // MARK: Life

    /// Begins, if this engine works on all torrents.
    func startScrub() async {
        guard case .all = environment.settings.scope, !environment.settings.endsWhenComplete else { return }
        scrub = ScrubWork(start: environment.clock.now + environment.settings.scrubDelay)
        await readScrubControl(isNews: false)
    }

    /// What the user wants of scrubs was changed.
    func readScrubControl(isNews: Bool) async {
        guard scrub != nil else { return }
        do {
            let control = try await environment.store.perform { db throws(StoreError) in try db.scrubs.control() }
            feedScrub { machine, now in
                machine.control(control, now: now)
                if isNews { machine.hasNews(now: now) }
            }
        } catch {
            log.error("could not read the policy of scrubs: \(error)")
        }
    }

    /// Ends the turns after the reads under way, and records what they have found. A read that doesn't end, because its
    /// disk is gone, is left behind.
    func stopScrub() async {
        guard scrub != nil else { return }
        scrub?.token.cancel()
        feedScrub { machine, now in machine.stop(now: now) }
        scrub?.timer?.cancel()
        let patience = environment.loop.scheduleTask(in: .nanoseconds(environment.settings.scrubPatience.nanoseconds)) {
            [weak self] in self?.assumeIsolated { $0.scrub?.giveUp() }
        }
        await withCheckedContinuation { waiter in
            if scrub == nil { waiter.resume() } else { scrub?.wait(waiter) }
        }
        patience.cancel()
        if let left = scrub?.running, left > 0 {
            log.warning("\(Format.count(left, "read")) of a scrub did not end: a disk doesn't answer")
        }
        scrub = nil
    }

    func feedScrub(_ event: (inout ScrubMachine, Instant) -> Void) {
        guard scrub != nil else { return }
        scrub?.machine.take(event, environment.clock.now)
        for effect in scrub?.machine.takeEffects() ?? [] {
            scrub?.running += 1
            Task {
                await self.perform(effect)
                self.scrub?.ended()
            }
        }
        scheduleScrub()
    }

    private func scheduleScrub() {
        scrub?.timer?.cancel()
        guard !isStopping, let next = scrub?.machine.nextWake else { return }
        let delay = max(0, (next - environment.clock.now).nanoseconds)
        scrub?.timer = environment.loop.scheduleTask(in: .nanoseconds(delay)) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { session in session.feedScrub { machine, now in machine.wake(now: now) } }
        }
    }

    private func perform(_ effect: ScrubMachine.Effect) async {
        switch effect {
        case .survey: await surveyVolumes()
        case .find(let id, let volumes, let backlog, let youngest, let except):
            await findDue(id, volumes, backlog, youngest, except)
        case .begin(let id, let torrent): await beginTurn(of: torrent, on: id)
        case .read(let id, let bytes, let priority): await readNext(bytes, priority, on: id)
        case .end(let id): await endTurn(on: id)
        case .caughtUp:
            await write("that everything was scrubbed") { db, _ throws(StoreError) in
                var control = try db.scrubs.control()
                control.since = nil
                try db.scrubs.set(control)
            }
            await readScrubControl(isNews: false)
        }
    }

    // MARK: Once in a while

    /// What a running engine says of scrubs, for the heartbeat.
    func scrubReports() -> [ScrubReport] {
        let reports = scrub?.machine.reports(now: environment.clock.now) ?? []
        // An idle engine writes nothing.
        guard reports != scrub?.lastReports else { return [] }
        scrub?.lastReports = reports
        return reports
    }

    /// Runs once a second: measures how peers fare.
    func watchScrub() {
        guard let work = scrub else { return }
        for (id, devices) in work.devices {
            var (quiet, disturbed) = (LatencyGuard.Reads(), LatencyGuard.Reads())
            for device in devices {
                let times = environment.disk.peerReads.take(device)
                quiet.count += times.quiet.count
                quiet.total += times.quiet.total
                disturbed.count += times.disturbed.count
                disturbed.total += times.disturbed.total
            }
            guard work.turns[id] != nil else { continue }
            feedScrub { machine, now in
                machine.peersRead(quiet: quiet, disturbed: disturbed, on: id, now: now)
            }
        }
    }

    /// Records what the turns have found, with the ordinary commit.
    func saveScrubs() {
        for id in scrub?.turns.keys.sorted() ?? [] {
            // Damage is recorded by the turn, which tells the engine of it.
            guard scrub?.turns[id]?.hasDamage == false, let record = scrub?.turns[id]?.takeRecord(isLast: false) else {
                continue
            }
            submit(record) { outcome in
                guard outcome.error != nil else { return }
                self.assumeIsolated { $0.scrub?.turns[id]?.putBack(record) }
            }
        }
    }

    private func submit(_ record: ScrubRecord, completion: @escaping @Sendable (CommitQueue.Outcome) -> Void) {
        environment.commitQueue.submit(.scrubbed(record)) { outcome in
            if let error = outcome.error { self.log.error("could not record what a scrub has found: \(error)") }
            completion(outcome)
        }
    }

    /// Submits the record, and returns when it is written or refused.
    func written(_ record: ScrubRecord) async -> CommitQueue.Outcome {
        await withCheckedContinuation { continuation in submit(record) { continuation.resume(returning: $0) } }
    }
}
