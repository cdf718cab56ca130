import Disk
import Logging
import Store
import Swarm
import System
import SystemPackage
import Torrent
import Verification

/// A torrent's turn: its pieces are read, and those that aren't good are judged.
extension Session {
    func readNext(_ bytes: Int, _ priority: ScrubMachine.Priority, on id: ScrubMachine.ReaderID) async {
        guard let reader = scrub?.readers[id], let geometry = scrub?.turns[id]?.torrent.metainfo.geometry else {
            return
        }
        let pieces = scrub?.turns[id]?.pages.take { ScrubReader.batch($0, bytes: bytes, of: geometry) } ?? []
        let length = pieces.reduce(0) { $0 + geometry.length(of: $1) }
        feedScrub { machine, now in machine.corrects(length - bytes, on: id, now: now) }
        if !pieces.isEmpty, let turn = scrub?.turns[id] {
            let moment = environment.clock.timestamp
            let place = turn.digests?.nextPlace()
            let readings = await answer { done in
                reader.read(
                    turn.payload, pieces, hashes: turn.torrent.metainfo.pieceHashes, digests: place,
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
        var missing: [(piece: PieceIndex, gone: [PayloadFile])] = []
        for reading in readings {
            if reading.verdict == .good {
                isGood(reading.piece, at: moment, on: id)
            } else if let turn = scrub?.turns[id], reading.verdict == .missing,
                case let files = turn.files(of: reading.piece), turn.isMissing(files)
            {
                missing.append((reading.piece, files))
            } else {
                switch await judge(reading, at: moment, on: id, by: reader) {
                case .judged: break
                case .gone(let files): missing.append((reading.piece, files))
                case .isOver:
                    // What was found before still holds.
                    await recordDamage(on: id)
                    return
                }
            }
        }
        if !missing.isEmpty { await areMissing(missing, on: id) }
        await recordDamage(on: id)
    }

    /// Files are gone. A disk that is mounted inside the folder may have been removed: the offline rules come first.
    /// One look, after the files were found missing, answers for all of them.
    private func areMissing(_ missing: [(piece: PieceIndex, gone: [PayloadFile])], on id: ScrubMachine.ReaderID) async {
        guard let turn = scrub?.turns[id] else { return }
        if missing.contains(where: { !turn.isMissing($0.gone) }) {
            let look = await turn.torrent.look(environment.disk)
            guard !look.reach.isOffline else {
                return await breakOff(on: id, because: DiskError(.rootMissing, .read, turn.payload.root.text))
            }
        }
        for (piece, gone) in missing where isStillRecorded(piece, of: turn) {
            scrub?.turns[id]?.isDamaged(piece, .missing, gone: gone)
        }
    }

    /// The piece may have been lost, or be checked by the engine, since the turn began.
    private func isStillRecorded(_ piece: PieceIndex, of turn: ScrubTurn) -> Bool {
        engines[turn.id]?.onLoop { $0.swarm.recorded[piece] } ?? true
    }

    private func isGood(_ piece: PieceIndex, at moment: Timestamp, on id: ScrubMachine.ReaderID) {
        scrub?.turns[id]?.isGood(piece, at: moment)
        guard let turn = scrub?.turns[id], turn.standing[piece] != nil else { return }
        engines[turn.id]?.onLoop { $0.settleRepairs([piece]) }
    }

    private enum Judgement {
        case judged
        /// These files of the piece don't exist.
        case gone([PayloadFile])
        /// The turn is over, because its files are out of reach.
        case isOver
    }

    /// Judges a piece that isn't good.
    private func judge(
        _ first: ScrubReading, at moment: Timestamp, on id: ScrubMachine.ReaderID, by reader: ScrubReader
    ) async -> Judgement {
        guard let turn = scrub?.turns[id] else { return .isOver }
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
            guard isStillRecorded(piece, of: turn) else {
                scrub?.turns[id]?.isUnknown(piece)
                return .judged
            }
            if verdict == .missing { return .gone(files.filter { states[$0] == nil }) }
            await settle(verdict, of: piece, at: moment, on: id, by: reader)
        } catch let error as DiskError {
            await breakOff(on: id, because: error)
            return .isOver
        } catch {
            log.error("could not read what is recorded of torrent \(turn.id): \(error)")
            scrub?.turns[id]?.isUnknown(piece)
        }
        return .judged
    }

    /// Compares the files of a piece with their newest records.
    private func look(at files: [PayloadFile], of turn: ScrubTurn, _ evidence: inout ScrubEvidence) async throws
        -> [PayloadFile: FoundFile]
    {
        let states = try await environment.disk.states(of: files, in: turn.payload)
        let id = turn.id
        let recorded = try await environment.store.perform { db throws(StoreError) in
            try db.files.fingerprints(of: id, files: files.map(\.index))
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
        _ verdict: ScrubVerdict, of piece: PieceIndex, at moment: Timestamp, on id: ScrubMachine.ReaderID,
        by reader: ScrubReader
    ) async {
        guard let turn = scrub?.turns[id], let token = scrub?.token else { return }
        switch verdict {
        case .good, .touched: isGood(piece, at: moment, on: id)
        case .transient:
            scrub?.turns[id]?.isTransient(piece)
            isGood(piece, at: moment, on: id)
        case .rot: scrub?.turns[id]?.isDamaged(piece, .rot)
        case .unreadable:
            let ranges = await reader.unreadable(turn.payload, piece, cancel: token)
            scrub?.turns[id]?.isDamaged(piece, .unreadable, unreadable: ranges)
        case .edit: scrub?.turns[id]?.isDamaged(piece, .edit)
        case .missing, .unknown, .readAgain: scrub?.turns[id]?.isUnknown(piece)
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
