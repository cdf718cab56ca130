import Disk
import Logging
import NIOCore
import Net
import PeerWire
import Store
import Swarm
import Torrent
import Verification

/// Performs the brain's effects.
extension TorrentEngine {
    func perform(_ effect: Effect) {
        switch effect {
        case .send(let key, let message): send(message, to: key)
        case .request(.peer(let key), let block): request(block, from: key)
        case .cancel(.peer(let key), let block): cancel(block, from: key)
        // Blocks of web seeds are in runs.
        case .request(.webSeed, _), .cancel(.webSeed, _): break
        case .fetch(let key, let run): fetch(run, from: key)
        case .endFetches(let key): endFetches(from: key)
        case .readOn(let key): readOn(key)
        case .serve(let key, let request):
            environment.shared.value.memory.serves(request.length)
            connections.serve(request, to: key)
        case .dial(let address): dial(address)
        case .disconnect(let key, let reason): disconnect(key, reason)
        case .recordIntents(let pieces): recordIntents(pieces)
        case .verify(let verification): verify(verification)
        case .release(let piece): release(piece)
        case .writeBlocks(let piece, let blocks): writeBlocks(piece, blocks)
        case .sync(let pieces): sync(pieces)
        case .record(let claim): record(claim)
        case .check(let pieces): check(pieces)
        case .probe(let kind): probe(kind)
        case .inspect: inspect()
        case .stopped: rest()
        case .shun(let host, let reason): notify(.misbehaved(host, reason: reason, isCertain: true))
        case .strike(let host, let reason): notify(.misbehaved(host, reason: reason, isCertain: false))
        case .note(let note): self.note(note)
        }
    }

    // MARK: Database

    private func recordIntents(_ pieces: [PieceIndex]) {
        let files = ownership.filesToAnnounce(pieces, in: payload)
        ownership.announced(files)
        environment.commitQueue.submit(.open(id, pieces, creating: files)) { outcome in
            self.assumeIsolated { engine in
                if outcome.error != nil { engine.ownership.announceFailed(files) }
                engine.feed { swarm, now in
                    if let error = outcome.error {
                        swarm.intentsFailed(pieces, fault: Fault(error), now: now)
                    } else {
                        swarm.intentsRecorded(pieces, now: now)
                    }
                }
            }
        }
    }

    /// Writes the claim, and the fingerprints from the sync before it.
    private func record(_ claim: Claim) {
        var progress = ProgressRecord(torrent: id, verifiedAt: environment.clock.timestamp)
        progress.newPieces = claim.pieces
        progress.lostPieces = claim.unverified
        progress.closedPieces = claim.closed
        progress.partials = claim.partials.map {
            PartialPieceRow(
                piece: $0.piece, blocks: $0.blocks.wireBytes(count: metainfo.geometry.blockCount(of: $0.piece)))
        }
        progress.files = writes.takeSynced().compactMap { FingerprintRow($0) }
        progress.fileBytes = claim.fileBytes.map { FileBytes(index: $0.file, completed: $0.completed) }
        progress.completedBytes = claim.completedBytes
        progress.downloadedDelta = claim.transfer.downloaded
        progress.uploadedDelta = claim.transfer.uploaded
        progress.wastedDelta = claim.transfer.wasted
        progress.repairedPieces = repair.repaired(among: claim.pieces, of: metainfo)
        progress.damage = edits.damage(among: claim.closed)
        if claim.isComplete, history.completedAt == nil { progress.completedAt = environment.clock.timestamp }
        let (record, completedAt, damage) = (progress, progress.completedAt, progress.damage)
        let answer: @Sendable (CommitQueue.Outcome) -> Void = { outcome in
            self.assumeIsolated { engine in
                if outcome.error == nil {
                    engine.history.completionRecorded(at: completedAt)
                    engine.readBackRepaired(among: claim.pieces)
                    engine.editsRecorded(damage)
                }
                engine.feed { swarm, now in
                    if let error = outcome.error {
                        swarm.recordFailed(fault: Fault(error), now: now)
                    } else {
                        swarm.recorded(now: now)
                    }
                    // Stops new write intents before the space runs out.
                    if let shortage = outcome.shortage { swarm.intentsFailed([], fault: Fault(shortage), now: now) }
                }
            }
        }
        if claim.unverified.isEmpty {
            environment.commitQueue.submit(.record(record), completion: answer)
        } else {
            // The pieces become unverified in the database before they lose their records: between the two
            // transactions, a recorded piece that is also unverified counts as unverified.
            environment.commitQueue.submit(.unverify(id, claim.unverified)) { outcome in
                if outcome.error != nil { return answer(outcome) }
                self.environment.commitQueue.submit(.record(record), completion: answer)
            }
        }
    }

    // MARK: Disk

    private func verify(_ work: Verification) {
        let buffer: PieceBuffer
        do throws(DiskError) {
            buffer = try writes.buffer(for: work.piece, of: payload, on: environment.disk)
        } catch {
            return swarm.writeFailed(work.piece, fault: Fault(error), now: environment.clock.now)
        }
        writes.keep(buffer, for: work.piece)
        let write = PieceWrite(
            payload: payload, piece: work.piece, expected: metainfo.pieceHashes[work.piece], buffer: buffer,
            missing: work.fromDisk, alreadyWritten: work.written, wantsBlockDigests: work.wantsDigests)
        if swarm.repairs[work.piece] {
            compareFirst(work, buffer) { self.assumeIsolated { $0.verifyAndWrite(write, isAwaited: work.isAwaited) } }
        } else {
            verifyAndWrite(write, isAwaited: work.isAwaited)
        }
    }

    private func verifyAndWrite(_ write: PieceWrite, isAwaited: Bool) {
        environment.verifications.add(write, isAwaited: isAwaited) { piece, outcome in
            self.feedLater { swarm, now in
                switch outcome {
                case .good(let digests): swarm.verified(piece, digests: digests ?? [], now: now)
                case .bad(let digests): swarm.hashFailed(piece, digests: digests, now: now)
                case .failed(let error): swarm.writeFailed(piece, fault: Fault(error), now: now)
                }
            }
        }
    }

    private func writeBlocks(_ piece: PieceIndex, _ blocks: [Int]) {
        guard let buffer = writes[piece] else { preconditionFailure("blocks in memory have a buffer") }
        environment.disk.writeBlocks(payload, piece: piece, from: buffer, blocks: BlockSet(blocks)) { result in
            self.feedLater { swarm, now in
                switch result {
                case .success: swarm.blocksWritten(piece, blocks, now: now)
                case .failure(let error): swarm.blocksFailed(piece, blocks, fault: Fault(error), now: now)
                }
            }
        }
    }

    private func sync(_ pieces: [PieceIndex]) {
        if let good = writes.takeFoundGood() { environment.disk.include(payload, pieces: good) }
        environment.disk.sync(payload) { report in
            self.environment.loop.execute {
                self.assumeIsolated { engine in
                    engine.writes.synced(report.durable)
                    let hollow = engine.claims(in: report.created)
                    engine.feed { swarm, now in
                        // Before anything is recorded, because the record that follows carries the new file's
                        // fingerprint.
                        if !hollow.isEmpty { swarm.recheck(hollow, now: now) }
                        if let error = report.folderError ?? report.failures.first?.error {
                            swarm.syncFailed(fault: Fault(error), now: now)
                        } else {
                            swarm.synced(now: now)
                        }
                    }
                    if report.isComplete { engine.noteRootSeen() }
                }
            }
        }
    }

    /// Returns the recorded pieces with bytes in files that were created again, because the old files were removed
    /// while we ran.
    private func claims(in created: [PayloadFile]) -> Bitfield {
        var pieces = Bitfield(count: metainfo.geometry.pieceCount)
        guard !created.isEmpty, !swarm.recorded.isEmpty else { return pieces }
        let made = Set(created)
        for file in metainfo.layout.files where payload.place(of: file.index).map(made.contains) ?? false {
            for piece in metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry) where swarm.recorded[piece]
            { pieces.insert(piece) }
        }
        return pieces
    }

    private func check(_ pieces: [PieceIndex]) {
        var set = Bitfield(count: metainfo.geometry.pieceCount)
        for piece in pieces { set.insert(piece) }
        let token = check.began(now: environment.clock.now)
        let metainfo = metainfo
        saveState()
        environment.disk.verify(payload, pieces: set, hashes: metainfo.pieceHashes, cancel: token) { verdicts in
            self.environment.loop.execute {
                self.assumeIsolated { engine in
                    engine.check.found(verdicts)
                    // Before anything is claimed: the bytes of a file that another torrent writes may change at once.
                    guard engine.prove(verdicts.lazy.filter { $0.verdict == .good }.map(\.piece)) else { return }
                    for (piece, verdict) in verdicts where verdict == .good { engine.writes.foundGood(piece) }
                    engine.settleRepairs(verdicts.filter { $0.verdict == .good }.map(\.piece))
                    engine.sortOutEdits(verdicts)
                    engine.feed { swarm, now in
                        for (piece, verdict) in verdicts { swarm.checked(piece, verdictForBrain(verdict), now: now) }
                    }
                    engine.releaseIfProven(now: engine.environment.clock.now)
                    engine.perform()
                }
            }
        } completion: { outcome in
            self.environment.loop.execute {
                self.assumeIsolated { engine in
                    let now = engine.environment.clock.now
                    if case .offline(let error) = outcome { engine.swarm.wentOffline("\(error)", now: now) }
                    engine.reportEdits()
                    if case .finished = outcome { engine.settleOwnership(now: now) }
                    engine.feed { swarm, now in swarm.checkEnded(now: now) }
                }
            }
        }
    }

    // MARK: Faults

    private func probe(_ kind: Fault.Kind) {
        Task {
            let (still, changed, edited) = await self.look(for: kind)
            do throws(StoreError) { try await suspectEdits(edited) } catch {
                return self.feed { $0.probed(Fault(error), now: $1) }
            }
            self.feed { swarm, now in
                // Made unverified before anything is written again, because from then on our own writes change the
                // files.
                if !changed.isEmpty { swarm.recheck(changed, now: now) }
                swarm.probed(still, now: now)
            }
            if still == nil, kind == .offline { self.announces.onLoop { $0.start() } }
        }
    }

    /// Returns the fault if it still holds and, when the payload is back, the pieces that may have changed meanwhile.
    private func look(for kind: Fault.Kind) async -> (Fault?, changed: Bitfield, edited: Bitfield) {
        let none = Bitfield(count: metainfo.geometry.pieceCount)
        if kind == .ownership { return (await lookAtOwnership(), none, none) }
        if kind == .readOnly { return (await lookAtProtection(), none, none) }
        guard kind == .offline else { return (await stillFaulty(kind), none, none) }
        do {
            // The loader decides whether the files are present and unchanged, just as at a start.
            let loader = TorrentLoader(
                environment: environment, id: id,
                aliveUntilNs: faultTimes.offlineSince.map { $0.rawValue * 1_000_000_000 })
            let loaded = try await loader.load()
            if let reason = loaded.offline { return (Fault(.offline, reason), none, none) }
            // The disk may have come back with another device number.
            if let device = loaded.payload.device { payloadIs(on: device) }
            if let volume = loaded.volume,
                let found = try await loader.remember(volume, isProven: loaded.provesVolume)
            {
                notify(.volumeFound(found))
            }
            // This run knows best which pieces it wrote without recording them.
            let ours = swarm.have.subtracting(loaded.recorded)
            return (nil, loaded.plan.unverified.subtracting(ours), loaded.edited.subtracting(ours))
        } catch {
            return (Fault(.offline, "\(error)"), none, none)
        }
    }

    /// Returns the database's fault. A transaction failed, so only another one can show whether the fault is gone.
    private func databaseFault() async -> Fault? {
        let run = environment.run
        do throws(StoreError) {
            try await environment.store.perform { db throws(StoreError) in
                try db.requireRoom()
                try db.runs.proveWritable(run, now: .now())
            }
            return nil
        } catch {
            return Fault(error)
        }
    }

    private func stillFaulty(_ kind: Fault.Kind) async -> Fault? {
        switch kind {
        case .diskFull:
            // The database's reserve is checked first, because it may be on the same volume.
            if let shortage = await databaseFault() { return shortage }
            do {
                let free = try await environment.disk.freeSpace(at: payload.root)
                let needed = Int64(max(metainfo.geometry.pieceLength, 1 << 20))
                guard free < needed else { return nil }
                return Fault(
                    .diskFull, "the disk of \(row.output) is full: free some space; the download resumes automatically")
            } catch {
                return Fault(error)
            }
        case .database, .databaseFull: return await databaseFault()
        case .offline, .input, .ownership, .readOnly:
            return nil
        }
    }
}

/// Converts the disk's verdict on a piece for the brain.
private func verdictForBrain(_ verdict: PieceVerdict) -> Swarm.CheckVerdict {
    switch verdict {
    case .good: .good
    case .bad: .bad
    case .missing: .missing
    case .unreadable(let error): .unreadable(Fault(error))
    }
}
