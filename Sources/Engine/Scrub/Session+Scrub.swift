import Disk
import Logging
import NIOCore
import Store
import Swarm
import System
import SystemPackage
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

    /// Ends the turns after the reads under way, and records what they have found.
    func stopScrub() async {
        guard scrub != nil else { return }
        feedScrub { machine, now in machine.stop(now: now) }
        scrub?.timer?.cancel()
        await withCheckedContinuation { waiter in
            if scrub == nil { waiter.resume() } else { scrub?.wait(waiter) }
        }
        scrub = nil
    }

    private func feedScrub(_ event: (inout ScrubMachine, Instant) -> Void) {
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
            guard let record = scrub?.turns[id]?.takeRecord(isLast: false) else { continue }
            submit(record) { _ in }
        }
    }

    private func submit(_ record: ScrubRecord, completion: @escaping @Sendable (CommitQueue.Outcome) -> Void) {
        environment.commitQueue.submit(.scrubbed(record)) { outcome in
            if let error = outcome.error { self.log.error("could not record what a scrub has found: \(error)") }
            completion(outcome)
        }
    }

    /// Submits the record, and returns when it is written or refused.
    private func written(_ record: ScrubRecord) async -> CommitQueue.Outcome {
        await withCheckedContinuation { continuation in submit(record) { continuation.resume(returning: $0) } }
    }

    // MARK: Which torrents

    private func surveyVolumes() async {
        var surveys: [ScrubMachine.Survey] = []
        do {
            let (loads, rows) = try await environment.store.perform { db throws(StoreError) in
                (try db.scrubs.loads(), try db.volumes.rows())
            }
            let byVolume = Dictionary(grouping: loads, by: \.volume)
            for row in rows {
                guard let loads = byVolume[row.id] else { continue }
                let found = await environment.disk.physicalDevices(below: FilePath(text: row.mountPath))
                let isThere = found.map { !Volume.isCertainlyAnother(row.identity, than: $0.volume.identity) } ?? false
                surveys.append(
                    ScrubMachine.Survey(
                        volume: row.id, devices: isThere ? found?.names ?? [] : ["volume \(row.id.rawValue)"],
                        loads: loads, isAway: !isThere))
            }
            if let loads = byVolume[nil] {
                surveys.append(ScrubMachine.Survey(volume: nil, devices: ["unknown"], loads: loads))
            }
        } catch {
            log.error("could not read what is to be scrubbed: \(error)")
        }
        feedScrub { machine, now in machine.surveyed(surveys, now: now) }
    }

    private func findDue(
        _ id: ScrubMachine.ReaderID, _ volumes: Set<VolumeID?>, _ backlog: Duration, _ youngest: Duration,
        _ except: Set<TorrentID>
    ) async {
        let now = environment.clock.timestamp
        var torrents: [TorrentID] = []
        do {
            torrents = try await environment.store.perform { db throws(StoreError) in
                let control = try db.scrubs.control()
                let due = ScrubTable.Due(now: now, backlog: backlog, youngest: youngest, since: control.since)
                let first = try db.scrubs.unsettled(on: volumes, except: except)
                let rest = try db.scrubs.due(
                    due, on: volumes, except: except.union(first), limit: ScrubMachine.searchLimit)
                return first + rest.map(\.torrent)
            }
        } catch {
            log.error("could not read which torrents are due for a scrub: \(error)")
        }
        feedScrub { [torrents] machine, now in machine.found(torrents, on: id, now: now) }
    }

    // MARK: A turn

    private func beginTurn(of torrent: TorrentID, on id: ScrubMachine.ReaderID) async {
        let refusal: ScrubMachine.Refusal
        do {
            switch try await prepareTurn(of: torrent, on: id) {
            case .success(let turn):
                if scrub?.readers[id] == nil { scrub?.readers[id] = try ScrubReader(environment.disk) }
                if let device = turn.payload.device { scrub?.devices[id, default: []].insert(device) }
                let bytes = turn.pages.bytes
                scrub?.turns[id] = turn
                return feedScrub { machine, now in machine.began(torrent, on: id, bytes: bytes, now: now) }
            case .failure(let reason): refusal = reason.refusal
            }
        } catch {
            log.info("could not scrub torrent \(torrent): \(error)")
            refusal = .unreadable
        }
        feedScrub { machine, now in machine.refused(torrent, on: id, refusal, now: now) }
    }

    private struct Refused: Error {
        let refusal: ScrubMachine.Refusal
    }

    private func prepareTurn(of id: TorrentID, on reader: ScrubMachine.ReaderID) async throws -> Result<
        ScrubTurn, Refused
    > {
        let now = environment.clock.timestamp
        let read = try await environment.store.perform { db throws(StoreError) -> Prepared? in
            guard let row = try db.torrents.row(id), row.damage == nil, row.hasMetadata,
                try !db.moves.isHeld(id)
            else { return nil }
            let torrent: StoredTorrent
            do { torrent = try StoredTorrent(row, db) } catch let error as StoreError { throw error } catch {
                return nil
            }
            let control = try db.scrubs.control()
            return Prepared(
                torrent: torrent, pages: try db.pieces.oldestPages(of: id, limit: .max),
                damage: try db.damage.standing(of: id),
                stored: try row.volume.flatMap { volume throws(StoreError) in
                    try db.scrubs.row(volume)
                }, since: control.since)
        }
        guard let read else { return .failure(Refused(refusal: .unreadable)) }
        let look = await read.torrent.look(environment.disk)
        guard !look.reach.isOffline, look.reach != .notBegun else {
            return .failure(Refused(refusal: await isVolumeAway(read.torrent) ? .volumeAway : .unreadable))
        }
        var volume = read.torrent.row.volume
        if volume == nil, let found = await environment.disk.volume(at: look.payload.root) {
            volume = try await environment.store.perform { db throws(StoreError) in
                _ = try db.volumes.place(id, on: VolumeSighting(found), now: now)
                return try db.torrents.row(id)?.volume
            }
            feedScrub { machine, now in machine.surveySoon(now: now) }
        }
        let present = presentPieces(of: read.torrent)
        var due = Bitfield(count: present.count)
        // Pages that are half as old as the oldest are read with it, so that a torrent's pages stay together.
        if let oldest = read.pages.first {
            let limit = max(now + (.zero - (now - oldest.verifiedAt) / 2), read.since ?? .epoch)
            for page in read.pages where page.verifiedAt <= limit {
                for piece in page.pieces { due.insert(piece) }
            }
        }
        let turn = ScrubTurn(
            read.torrent, look, volume: volume, due: due, present: present,
            ownWrites: environment.disk.writtenFiles(of: read.torrent.row.infoHash), damage: read.damage,
            stored: read.stored)
        return turn.pages.isEmpty ? .failure(Refused(refusal: .nothingDue)) : .success(turn)
    }

    private struct Prepared: Sendable {
        let torrent: StoredTorrent
        let pages: [VerifiedPage]
        let damage: [DamageRow]
        let stored: ScrubVolumeRow?
        let since: Timestamp?
    }

    /// The pieces that are recorded now.
    private func presentPieces(of torrent: StoredTorrent) -> Bitfield {
        engines[torrent.row.id]?.onLoop { $0.swarm.recorded } ?? torrent.have
    }

    /// Whether the disk that holds the torrent isn't where it was.
    private func isVolumeAway(_ torrent: StoredTorrent) async -> Bool {
        guard let known = torrent.volume else { return false }
        let id = torrent.row.volume
        do {
            let mount = try await environment.store.perform { db throws(StoreError) in
                try id.flatMap { id throws(StoreError) in try db.volumes.row(id)?.mountPath }
            }
            guard let mount, let found = await environment.disk.volume(at: FilePath(text: mount)) else { return true }
            return !PathText.isSame(found.identity, VolumeRow.bare(known.identity))
        } catch {
            return false
        }
    }

    private func readNext(_ bytes: Int, _ priority: ScrubMachine.Priority, on id: ScrubMachine.ReaderID) async {
        guard let reader = scrub?.readers[id], let geometry = scrub?.turns[id]?.torrent.metainfo.geometry else {
            return
        }
        let pieces = scrub?.turns[id]?.pages.take { ScrubReader.batch($0, bytes: bytes, of: geometry) } ?? []
        let length = pieces.reduce(0) { $0 + geometry.length(of: $1) }
        feedScrub { machine, now in machine.corrects(length - bytes, on: id, now: now) }
        if !pieces.isEmpty, let turn = scrub?.turns[id] {
            let moment = environment.clock.timestamp
            let readings = await answer { done in
                reader.read(
                    turn.payload, pieces, hashes: turn.torrent.metainfo.pieceHashes,
                    priority: priority == .idle ? .idle : .low, completion: done)
            }
            await took(readings, at: moment, on: id, by: reader)
        }
        let isLast = scrub?.turns[id]?.pages.isEmpty ?? true
        feedScrub { machine, now in machine.read(length, on: id, isLast: isLast, now: now) }
    }

    private func took(
        _ readings: [ScrubReading], at moment: Timestamp, on id: ScrubMachine.ReaderID, by reader: ScrubReader
    ) async {
        scrub?.turns[id]?.wasRead(readings.map(\.piece))
        for reading in readings {
            if reading.verdict == .good {
                isGood(reading.piece, at: moment, on: id)
            } else if await !judge(reading, at: moment, on: id, by: reader) {
                return
            }
        }
        guard let record = scrub?.turns[id]?.record, !record.damage.isEmpty else { return }
        await recordDamage(on: id)
    }

    private func isGood(_ piece: PieceIndex, at moment: Timestamp, on id: ScrubMachine.ReaderID) {
        scrub?.turns[id]?.isGood(piece, at: moment)
        guard let turn = scrub?.turns[id], turn.standing[piece] != nil else { return }
        engines[turn.id]?.onLoop { $0.settleRepairs([piece]) }
    }

    /// Judges a piece that isn't good. Returns `false` if the turn is over because its files are out of reach.
    private func judge(
        _ first: ScrubReading, at moment: Timestamp, on id: ScrubMachine.ReaderID, by reader: ScrubReader
    ) async -> Bool {
        guard let turn = scrub?.turns[id] else { return false }
        let piece = first.piece
        let files = turn.files(of: piece)
        var evidence = ScrubEvidence(files: .same, first: ScrubEvidence.Reading(first.verdict))
        do {
            var states = try await look(at: files, of: turn, &evidence)
            var verdict = ScrubVerdict(evidence)
            if verdict == .readAgain {
                let again = await reader.read(
                    turn.payload, [piece], hashes: turn.torrent.metainfo.pieceHashes, isFresh: true)
                evidence.second = again.first.map { ScrubEvidence.Reading($0.verdict) } ?? .failed
                states = try await look(at: files, of: turn, &evidence)
                verdict = ScrubVerdict(evidence)
            }
            // The piece may have been lost, or be checked by the engine, since the turn began.
            guard engines[turn.id]?.onLoop({ $0.swarm.recorded[piece] }) ?? true else {
                scrub?.turns[id]?.isUnknown(piece)
                return true
            }
            return await settle(verdict, of: piece, files: files, states: states, at: moment, on: id)
        } catch let error as DiskError {
            await breakOff(on: id, because: error)
            return false
        } catch {
            log.error("could not read what is recorded of torrent \(turn.id): \(error)")
            scrub?.turns[id]?.isUnknown(piece)
            return true
        }
    }

    /// Compares the files of a piece with their newest records.
    private func look(at files: [PayloadFile], of turn: ScrubTurn, _ evidence: inout ScrubEvidence) async throws
        -> [PayloadFile: FoundFile]
    {
        let states = try await environment.disk.states(of: files, in: turn.payload)
        let id = turn.id
        let recorded = try await environment.store.perform { db throws(StoreError) in try db.files.fingerprints(of: id)
        }
        evidence.files = turn.evidence(
            of: files, now: states, recorded: recorded, isWriting: filesBeingWritten(by: turn))
        return states
    }

    /// The files to which the engine may have written since they were recorded.
    private func filesBeingWritten(by turn: ScrubTurn) -> Set<PayloadFile> {
        guard let engine = engines[turn.id], !engine.onLoop({ $0.swarm.isCompleteAndRecorded }) else { return [] }
        return environment.disk.writtenFiles(of: turn.torrent.row.infoHash)
    }

    private func settle(
        _ verdict: ScrubVerdict, of piece: PieceIndex, files: [PayloadFile], states: [PayloadFile: FoundFile],
        at moment: Timestamp, on id: ScrubMachine.ReaderID
    ) async -> Bool {
        guard let turn = scrub?.turns[id] else { return false }
        switch verdict {
        case .good, .touched: isGood(piece, at: moment, on: id)
        case .transient:
            scrub?.turns[id]?.isTransient(piece)
            isGood(piece, at: moment, on: id)
        case .rot: scrub?.turns[id]?.isDamaged(piece, .rot)
        case .unreadable:
            let ranges = await environment.disk.unreadable(turn.payload, piece)
            scrub?.turns[id]?.isDamaged(piece, .unreadable, unreadable: ranges)
        case .edit: scrub?.turns[id]?.isDamaged(piece, .edit)
        case .missing:
            // A disk that is mounted inside the folder may have been removed: the offline rules come first.
            let look = await turn.torrent.look(environment.disk)
            guard !look.reach.isOffline else {
                await breakOff(on: id, because: DiskError(.rootMissing, .read, turn.payload.root.text))
                return false
            }
            scrub?.turns[id]?.isDamaged(piece, .missing, missing: files.filter { states[$0] == nil })
        case .unknown, .readAgain: scrub?.turns[id]?.isUnknown(piece)
        }
        return true
    }

    private func breakOff(on id: ScrubMachine.ReaderID, because error: DiskError) async {
        guard let turn = scrub?.turns[id] else { return }
        log.info("the scrub of torrent \(turn.id) was broken off: \(error)")
        let isAway = await isVolumeAway(turn.torrent)
        feedScrub { machine, now in machine.brokeOff(on: id, isVolumeAway: isAway, now: now) }
    }

    /// Records damage at once; then the pieces lose their claims, and peers are told.
    private func recordDamage(on id: ScrubMachine.ReaderID) async {
        guard let turn = scrub?.turns[id] else { return }
        // A torrent that is being loaded has read its claims, or reads them after this record.
        _ = await activations[turn.id]?.value
        guard var record = scrub?.turns[id]?.takeRecord(isLast: false) else { return }
        let isDormant = engines[turn.id] == nil
        if isDormant { record.dormant = turn.torrent }
        let damage = record.damage
        let outcome = await written(record)
        guard outcome.error == nil else { return }
        _ = await activations[turn.id]?.value
        if let engine = engines[turn.id] {
            engine.onLoop { $0.damaged(damage) }
        } else if damage.contains(where: { !$0.isHeld }) {
            await enqueueRepair(of: turn.id)
        }
        observe(turn.id)
    }

    /// Activates a torrent with damage that can be repaired, as soon as it gets a slot.
    private func enqueueRepair(of id: TorrentID) async {
        do {
            let row = try await environment.store.perform { db throws(StoreError) in try db.torrents.row(id) }
            guard let row, !row.settings.isPaused, row.damage == nil else { return }
            feed { machine, _ in machine.damagedAtRest(id) }
            try await putInLine(row)
        } catch {
            log.error("could not queue the repair of torrent \(id): \(error)")
        }
    }

    private func endTurn(on id: ScrubMachine.ReaderID) async {
        if let turn = scrub?.turns[id] {
            let settled = turn.settledFiles()
            if !settled.isEmpty {
                let files = await environment.disk.settle(settled, of: turn.payload).filter {
                    turn.changed[$0.file] == $0
                }
                scrub?.turns[id]?.record.files += files.map { FingerprintRow($0) }
                for case .entry(let index) in files.map(\.file) {
                    let pieces = turn.torrent.metainfo.layout.pieces(
                        of: index, geometry: turn.torrent.metainfo.geometry)
                    guard !pieces.contains(where: turn.bad.contains) else { continue }
                    let path = turn.torrent.metainfo.layout.files[index].displayPath
                    scrub?.turns[id]?.record.events.append(
                        ScrubRecord.Event(
                            .touched, "\(path): its time or place on the disk changed, and its bytes are good"))
                }
            }
            let isLast = scrub?.turns[id]?.pages.isEmpty ?? true
            if let record = scrub?.turns[id]?.takeRecord(isLast: isLast) {
                _ = await written(record)
            }
            scrub?.turns[id] = nil
        }
        feedScrub { machine, now in machine.ended(on: id, now: now) }
    }

    // MARK: Repair

    /// The user asked for the repair of the torrent's damage.
    func repair(_ id: TorrentID) async throws {
        _ = await activations[id]?.value
        let (row, damage) = try await environment.store.perform { db throws(StoreError) in
            (try db.torrents.row(id), try db.damage.standing(of: id))
        }
        guard let row, !damage.isEmpty else { return }
        if let engine = engines[id] {
            engine.onLoop { $0.damageIs(damage) }
            observe(id)
        } else if !row.settings.isPaused {
            await enqueueRepair(of: id)
        }
    }
}

extension ScrubEvidence.Reading {
    /// What the disk said of a piece.
    init(_ verdict: PieceVerdict) {
        switch verdict {
        case .good: self = .good
        case .bad: self = .bad
        case .missing: self = .short
        case .unreadable(let error): self = error.code == .io ? .unreadable : .failed
        }
    }
}
