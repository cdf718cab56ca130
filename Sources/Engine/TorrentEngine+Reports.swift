import Disk
import Logging
import Store
import Swarm
import Torrent
import Verification

/// What the torrent reports to the database, the log and progress lines.
extension TorrentEngine {
    /// Returns the bytes of wanted files within the pieces.
    func completedBytes(_ pieces: Bitfield) -> Int64 {
        selection.bytes(in: pieces, geometry: metainfo.geometry)
    }

    // MARK: State

    var state: TorrentState {
        if let fault = swarm.shownFault { return fault.kind == .offline ? .offline : .error }
        if !swarm.unverified.isEmpty { return .checking }
        if swarm.isComplete { return swarm.isRunning ? .seeding : .complete }
        return swarm.isRunning ? .downloading : .queued
    }

    func saveState() {
        let (id, state, fault) = (id, state, swarm.shownFault)
        write("the state of \(row.name)") { db throws(StoreError) in
            try db.torrents.setState(id, state, error: fault?.text, code: fault?.code)
        }
    }

    /// Writes in the background; only the end of the session waits for it. `what` names the data in the log if the
    /// write fails.
    func write(_ what: String, _ body: @escaping @Sendable (Connection) throws(StoreError) -> Void) {
        environment.backgroundWrites.began()
        Task {
            do { try await environment.store.perform(body) } catch { log.error("could not save \(what): \(error)") }
            environment.backgroundWrites.ended()
        }
    }

    /// From now on a missing folder counts as offline and is never created again (law 3).
    func noteRootSeen() {
        guard history.rootSeen() else { return }
        let id = id
        write("that the folder exists") { db throws(StoreError) in try db.torrents.setRootSeen(id) }
    }

    /// The most peers named in one line.
    private static let namedSenders = 8

    func note(_ note: Note) {
        switch note {
        case .webSeedLacks(let key, let file, let reason): webSeedLacks(key, file, reason: reason)
        case .webSeedFailed(let key, let reason): webSeedFailed(key, reason: reason)
        case .webSeedEnded(let key, let reason): webSeedEnded(key, reason: reason)
        case .pieceFailed(let piece, let peers, let unreported, let keys):
            let senders =
                peers.map(\.description) + keys.compactMap { webSeeds[$0].map { "the web seed \($0.server)" } }
            let others = unreported > 0 ? "; \(unreported) failed pieces before it are not listed" : ""
            let known = senders.prefix(Self.namedSenders).joined(separator: ", ")
            let more = senders.count > Self.namedSenders ? " and \(senders.count - Self.namedSenders) more" : ""
            event(.failed, "piece \(piece) failed its hash check; it was sent by \(known)\(more)\(others)")
        case .repaired(let piece, let senders, let keys): noteRepaired(piece, senders: senders, webSeeds: keys)
        case .banned(let address, let reason):
            event(.banned, "\(address): \(reason)")
            let id = id
            let now = environment.clock.timestamp
            write("the ban of \(address)") { db throws(StoreError) in
                try db.peers.ban(id, address, until: now + PeerRow.banTime, reason: reason, now: now)
            }
        case .checkedAll(let good, let bad, let missing):
            let result = check.ended(
                good: good, bad: bad, missing: missing, of: metainfo.geometry.pieceCount, now: environment.clock.now)
            event(.verified, result)
            endAudit()
            saveState()
        case .completed:
            if !history.wasCompleted, lacking == 0 { announces.onLoop { $0.completed() } }
            event(.completed, completion)
            saveState()
            announceIfDue()
            recordCompletion()
        case .fault(let fault):
            faultTimes.began(fault, now: environment.clock.now, at: environment.clock.timestamp)
            // A payload that went offline in an earlier run, or while dormant, is already in the log.
            let isKnown =
                fault.kind == .offline && faultTimes.offlineAtStart != nil && row.state == .offline
                || fault.kind == .readOnly && row.error == fault.text
            if !isKnown { event(EventKind(of: fault), fault.text) }
            saveState()
            notify(.failed(id, fault.text))
        case .faultGone(let kind):
            faultTimes.ended()
            event(kind == .offline ? .online : .resumed, kind == .offline ? "the payload is back" : "the fault is gone")
            saveState()
        }
    }

    /// The wanted pieces that are kept as another program left them, or aren't repaired for another reason.
    private var lacking: Int {
        selection.wantedPieces(geometry: metainfo.geometry).subtracting(swarm.have).population
    }

    private var completion: String {
        lacking == 0
            ? "complete: all wanted files are on disk, synced and verified"
            : "complete except for \(Format.count(lacking, "damaged piece")), which \(lacking == 1 ? "is" : "are") kept: "
                + "see `pieces explain \(id)`"
    }

    /// The payload of an imported torrent was checked, as far as there is any.
    func endAudit() {
        guard let outcome = check.endAudit(have: swarm.have, of: metainfo, selection, payload) else { return }
        let (id, now) = (id, environment.clock.timestamp)
        repair.found(outcome.damage)
        write("what became of the imported torrent") { db throws(StoreError) in
            try outcome.record(id, db, now: now)
        }
    }

    /// Records the completion before reporting it to the session. This is needed when no record of pieces completed the
    /// torrent, as when fewer files are selected.
    private func recordCompletion() {
        guard history.completedAt == nil else { return notify(.completed(id)) }
        var progress = ProgressRecord(torrent: id, verifiedAt: environment.clock.timestamp)
        progress.completedAt = environment.clock.timestamp
        environment.commitQueue.submit(.record(progress)) { [completedAt = progress.completedAt] outcome in
            self.assumeIsolated { engine in
                if let error = outcome.error {
                    engine.log.error("could not save the completion of \(engine.row.name): \(error)")
                } else {
                    engine.history.completionRecorded(at: completedAt)
                }
                engine.notify(.completed(engine.id))
            }
        }
    }

    func event(_ kind: EventKind, _ detail: String) {
        log.info("\(kind): \(detail)")
        let id = id
        let now = environment.clock.timestamp
        write("an event") { db throws(StoreError) in try db.events.append(kind, detail, torrent: id, now: now) }
    }

    // MARK: Snapshots

    func snapshot() -> TorrentSnapshot {
        let rates = swarm.rates(now: environment.clock.now)
        let done = completedBytes(swarm.have)
        let left = row.wantedBytes - done
        let moved = history.inAllRuns(swarm.transfer)
        var snapshot = TorrentSnapshot(
            id: id, infoHash: infoHash, name: row.name, state: state, error: swarm.shownFault?.text,
            totalBytes: metainfo.geometry.totalBytes,
            wantedBytes: row.wantedBytes, completedBytes: done, pieceCount: metainfo.geometry.pieceCount,
            have: swarm.have,
            downloadedBytes: moved.downloaded, uploadedBytes: moved.uploaded, wastedBytes: moved.wasted,
            downloadRate: rates.download, uploadRate: rates.upload,
            peers: swarm.peerCount,
            seeders: swarm.seedCount,
            timeLeft: left > 0 && rates.download > 0 ? .seconds(Double(left) / Double(rates.download)) : nil,
            unverified: swarm.unverified.population)
        snapshot.webSeeds = swarm.busyWebSeedCount
        return snapshot
    }

    func liveRow() -> LiveRow {
        let now = snapshot()
        var live = LiveRow(
            torrent: id, downloadRate: Int64(now.downloadRate), uploadRate: Int64(now.uploadRate),
            peersConnected: now.peers, seeders: now.seeders,
            leechers: now.peers - now.seeders, timeLeft: now.timeLeft, at: environment.clock.timestamp)
        live.spreadPieces = swarm.spreadPieces
        return live
    }

    /// Returns the connections, fastest first.
    func livePeers(limit: Int) -> [LivePeerRow] {
        swarm.peerReports(now: environment.clock.now).sorted {
            $0.downloadRate + $0.uploadRate > $1.downloadRate + $1.uploadRate
        }
        .prefix(limit).map { LivePeerRow($0) }
    }

    // MARK: Seeding

    /// How long the torrent was complete and available to others, in all runs together.
    var seedTime: Duration { history.seeding.total }

    /// Reports to the session when the torrent has reached its seed goal.
    func checkSeedGoal() {
        history.seeding.look(isSeeding: state == .seeding, now: .now)
        guard swarm.isComplete, swarm.isRunning, !history.seeding.isGoalReported else { return }
        let isReached = row.settings.seedGoal.over(environment.settings.seedGoal).isReached(
            uploaded: history.inAllRuns(swarm.transfer).uploaded, wanted: row.wantedBytes, seedTime: seedTime)
        guard isReached, swarm.isCompleteAndRecorded else { return }
        history.seeding.goalReported()
        notify(.seedGoalReached(id))
    }
}

extension EventKind {
    /// The kind of event that a new fault is.
    fileprivate init(of fault: Fault) {
        self =
            switch fault.kind {
            case .offline: .offline
            case .diskFull: .diskFull
            default: .failed
            }
    }
}
