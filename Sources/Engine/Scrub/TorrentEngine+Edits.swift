import Disk
import Logging
import Store
import Swarm
import Torrent
import Verification

/// Files that another program changed: their bad pieces are reported and kept (law 4 of the design).
extension TorrentEngine {
    /// What other programs did to the files.
    struct ChangesOutside {
        /// Present pieces of files that changed or are gone.
        var changed: Bitfield
        /// Those in files that are there.
        var edited: Bitfield
        var names: [String] = []
    }

    /// Compares the files with their records. Files that this run may have written to since say nothing.
    func changesOutside() async -> ChangesOutside {
        let none = Bitfield(count: metainfo.geometry.pieceCount)
        var result = ChangesOutside(changed: none, edited: none)
        let shared = ownership.sharedFiles
        let ours = swarm.isCompleteAndRecorded ? [] : environment.disk.writtenFiles(of: infoHash)
        let (id, payload) = (id, payload)
        do {
            let seen = Dictionary(
                try await environment.disk.fingerprints(payload).map { FingerprintRow($0) }.map { ($0.index, $0) }
            ) { first, _ in first }
            // Read after the look, so that what was recorded meanwhile isn't taken for a change.
            let recorded = try await environment.store.perform { db throws(StoreError) in
                try db.files.fingerprints(of: id)
            }
            for print in recorded
            where print.index >= 0 && !shared.contains(print.index)
                && !(seen[print.index]?.print.isUnchanged(since: print.print) ?? false)
                && !ours.contains(PayloadFile(index: print.index))
            {
                guard metainfo.layout.files.indices.contains(print.index) else { continue }
                let file = metainfo.layout.files[print.index]
                let lost = metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry).filter { swarm.have[$0] }
                for piece in lost {
                    result.changed.insert(piece)
                    if seen[print.index] != nil { result.edited.insert(piece) }
                }
                // A file that was reported and kept is no news.
                if !lost.isEmpty { result.names.append(file.displayPath) }
            }
        } catch {
            // A disk that fails now reports its error when it is next read.
            log.debug("could not compare the files with their records: \(error)")
        }
        return result
    }

    /// Compares the files with their recorded fingerprints. Another program may have written to them meanwhile, which
    /// the hashes of received pieces can't show.
    func inspect() {
        lookOutside { outside in
            guard self.swarm.isInspecting else { return false }
            if let first = outside.names.first {
                let others = outside.names.count > 1 ? " and \(outside.names.count - 1) more" : ""
                self.event(
                    .edited,
                    "another program changed \(first)\(others) during the download: its pieces are re-checked")
            }
            return true
        } then: { outside in
            self.feed { swarm, now in swarm.inspected(outside.changed, now: now) }
        }
    }

    /// Rechecks all present pieces. Does nothing while the payload is offline, because pieces must not become
    /// unverified if they can't be hashed.
    func verifyAll() {
        guard swarm.fault?.kind != .offline else { return }
        check.requested()
        lookOutside { _ in
            true
        } then: { _ in
            guard self.swarm.isRunning, self.swarm.fault?.kind != .offline else { return }
            self.feed { swarm, now in swarm.recheck(swarm.have, now: now) }
            self.saveState()
        }
    }

    /// A block could not be read for a peer. Its piece is rechecked; if another program changed the file, all of the
    /// file's pieces are, and what is bad is kept.
    func servingFailed(_ request: BlockRequest, to key: PeerKey, _ fault: Fault) {
        guard fault.kind != .offline, swarm.have[request.piece], !edits.suspects[request.piece] else {
            return swarm.serveFailed(key, request, fault: fault, now: environment.clock.now)
        }
        lookOutside { _ in
            true
        } then: { outside in
            self.feed { swarm, now in
                if !outside.edited.isEmpty { swarm.recheck(outside.edited, now: now) }
                swarm.serveFailed(key, request, fault: fault, now: now)
            }
        }
    }

    /// Looks for changes by other programs before pieces are rechecked. If `isNeeded` says so, what changed is marked,
    /// and `then` is called.
    private func lookOutside(
        _ isNeeded: @escaping (ChangesOutside) -> Bool, then: @escaping (ChangesOutside) -> Void
    ) {
        Task {
            let outside = await changesOutside()
            guard isNeeded(outside) else { return }
            do throws(StoreError) { try await suspectEdits(outside.edited) } catch {
                return feed { swarm, now in swarm.stalled(Fault(error), now: now) }
            }
            then(outside)
        }
    }

    /// Another program changed files of these recorded pieces, which are about to be checked. The mark in the database
    /// comes first.
    func suspectEdits(_ pieces: Bitfield) async throws(StoreError) {
        guard !pieces.isEmpty else { return }
        var marked = edits.suspects
        marked.formUnion(pieces)
        let (id, all) = (id, marked)
        try await environment.store.perform { db throws(StoreError) in
            var marked = try db.damage.suspects(of: id, count: all.count)
            marked.formUnion(all)
            try db.damage.setSuspects(id, marked)
        }
        edits.suspect(pieces)
        let files = payloadFiles
        feed { swarm, now in swarm.select(files, now: now) }
    }

    /// Pieces were hashed, before the swarm learns the verdicts.
    func sortOutEdits(_ verdicts: [(piece: PieceIndex, verdict: PieceVerdict)]) {
        guard !edits.suspects.isEmpty else { return }
        for (piece, verdict) in verdicts {
            switch verdict {
            case .good: edits.isGood(piece)
            case .bad, .missing:
                guard let damage = edits.isBad(piece, of: metainfo) else { continue }
                repair.found([damage])
            case .unreadable: break
            }
        }
    }

    /// The check ended: what was changed is reported, and everything else may be fetched.
    func reportEdits() {
        guard let report = edits.takeReport() else { return }
        check.kept(report.reduce(0) { $0 + $1.pieces })
        for (path, pieces) in report {
            event(
                .edited,
                "\(path): another program changed \(Format.count(pieces, "piece")); the bytes are kept, and "
                    + "`pieces repair \(id) --overwrite-edits` replaces them")
        }
        if !report.isEmpty { ownership.edited(repair.heldEdits(count: metainfo.geometry.pieceCount), in: payload) }
        let files = payloadFiles
        feed { swarm, now in swarm.select(files, now: now) }
    }

    /// A transaction has recorded these edits.
    func editsRecorded(_ damage: [NewDamage]) {
        guard edits.recorded(damage) else { return }
        let (id, none) = (id, Bitfield(count: metainfo.geometry.pieceCount))
        write("that changed files were checked") { db throws(StoreError) in try db.damage.setSuspects(id, none) }
    }
}
