import Disk
import Store
import Synchronization
import Torrent

/// Hashes one torrent from end to end, and reports its findings part by part. It writes nothing except through a sync.
struct TorrentCheck: Sendable {
    let task: VerificationTask
    let disk: Disk
    let cancel: CancelToken
    let report: @Sendable (VerificationEvent) -> Void

    /// Reports each part when it is verified, and with the last one the result for the torrent.
    func run(_ tell: (Finding) -> Void) async {
        let torrent = task.torrent
        let estimate = VerificationTask.estimate(torrent.row, task.scope)
        var result = VerificationResult(torrent: torrent, scope: task.scope)
        result.confirmedBefore = task.confirmed.population
        let look = await torrent.look(disk)
        if let outcome = unreached(look) {
            report(.expects(bytes: -estimate))
            result.outcome = outcome
            return tell(Finding(torrent, result: result))
        }
        let (payload, current) = (look.payload, look.entries)
        let pieces = task.pieces(current: current)
        report(.expects(bytes: pieces.bytes(torrent.metainfo.geometry) - estimate))
        report(.begins(name: torrent.row.name))
        if pieces.isEmpty, task.confirmed.isEmpty {
            result.outcome = .nothingThere
            return tell(Finding(torrent, result: result))
        }
        var verdicts = Verdicts(count: pieces.count)
        var settled: Set<Int> = []
        let digests = Box<[FileDigest]>([])
        let hashing = hash(pieces, payload, digests)
        // The next part is read while this one is synced.
        var away: VerificationResult.Outcome?
        for await var found in hashing.parts {
            // A disk that is mounted inside the folder may have been removed while its files were read.
            if away == nil, !found.missing.intersection(torrent.have).isEmpty {
                away = unreached(await torrent.look(disk))
            }
            if away != nil { found.forgetMissing() }
            verdicts.formUnion(found)
            var finding = await judge(found, payload, current, &settled)
            result.adopted += finding.adopted.count
            result.damaged += finding.damaged.count
            finding.missingFiles = missingFiles(finding.damaged, current)
            finding.edited = edited(finding.damaged, current)
            result.edited += finding.edited.count
            finding.digests = Self.take(digests)
            tell(finding)
        }
        switch hashing.outcome {
        case .finished: break
        case .cancelled: result.outcome = .interrupted
        case .offline(let error): result.outcome = .offline("\(error)")
        }
        if let away { result.outcome = away }
        var last = Finding(torrent)
        last.digests = Self.take(digests)
        if result.outcome == .verified {
            last.fingerprints = await refresh(payload, verdicts, current, settled)
            // Padding is present from the start, so it is never read.
            if task.scope == .everything {
                last.adopted = Array(torrent.metainfo.zeroPieces.subtracting(torrent.have).pieces)
            }
            if task.isRelocated { last.missingFiles = gone(look) }
            if task.isRelocated || torrent.volume == nil { last.volume = await disk.volume(at: payload.root) }
            if let error = verdicts.error { result.outcome = .failed("\(error)") }
            if task.scope == .everything { last.audit = audit(verdicts, payload) }
        }
        verdicts.count(into: &result)
        let attribution = Attribution(
            verdicts, of: payload, claimed: torrent.have, recorded: torrent.fingerprints, current: look.files,
            withEmptyFiles: task.scope == .everything)
        result.files = attribution.files
        result.partFile = attribution.partFile
        result.riddles = attribution.riddles
        last.result = result
        tell(last)
    }

    /// What became of another client's claim, now that the whole payload was hashed.
    private func audit(_ verdicts: Verdicts, _ payload: Payload) -> ImportAudit.Outcome? {
        guard var audit = task.torrent.audit else { return nil }
        audit.take(verdicts)
        var have = verdicts.good
        have.formUnion(task.confirmed)
        have.formUnion(task.torrent.metainfo.zeroPieces)
        return audit.outcome(
            have: have, of: task.torrent.metainfo, task.torrent.selection, payload)
    }

    /// The outcome for an unreachable payload; `nil` when the payload can be read.
    private func unreached(_ look: PayloadLook) -> VerificationResult.Outcome? {
        let torrent = task.torrent
        switch look.reach {
        case .reachable: return nil
        case .anotherDisk where task.isRelocated:
            return look.allowsRelocation || torrent.have.isEmpty ? nil : .offline(torrent.relocationRefusal)
        case .anotherDisk, .folderAway: return .offline(torrent.sentence(look))
        case .notBegun:
            let isAwaited = !torrent.have.isEmpty || task.scope == .everything
            return isAwaited ? .failed(torrent.sentence(look)) : .nothingThere
        }
    }

    /// Files that were left behind on the previous disk, so that their records are deleted.
    private func gone(_ look: PayloadLook) -> [Int] {
        task.torrent.fingerprints.map(\.index).filter { index in
            guard index == FingerprintRow.partFile else { return look.files[.entry(index)] == nil }
            return look.payload.placement.contains(.part) && look.files[.parts] == nil
        }
    }

    /// Starts hashing at once.
    private func hash(_ pieces: Bitfield, _ payload: Payload, _ digests: Box<[FileDigest]>) -> VerdictStream {
        let metainfo = task.torrent.metainfo
        let stream = VerdictStream(pieces, metainfo.geometry)
        let add: @Sendable ([(piece: PieceIndex, verdict: PieceVerdict)]) -> Void = { [report] some in
            stream.add(some)
            report(.read(bytes: some.reduce(0) { $0 + Int64(metainfo.geometry.length(of: $1.piece)) }))
        }
        guard !task.computesDigests else {
            disk.verifyWithDigests(payload, pieces: pieces, hashes: metainfo.pieceHashes, cancel: cancel) {
                some, found in
                // Before the verdicts, so that the finding of this part has them.
                digests.value.withLock { $0 += found }
                add(some)
            } completion: {
                stream.finish($0)
            }
            return stream
        }
        disk.verify(payload, pieces: pieces, hashes: metainfo.pieceHashes, cancel: cancel, progress: add) {
            stream.finish($0)
        }
        return stream
    }

    private static func take(_ digests: Box<[FileDigest]>) -> [FileDigest] {
        digests.value.withLock { digests in
            defer { digests = [] }
            return digests
        }
    }

    /// Turns the verdicts of a part into a finding. Good pieces that were not recorded are synced before they are
    /// adopted. `settled` collects the files that were synced and are unchanged since the check began.
    private func judge(
        _ verdicts: Verdicts, _ payload: Payload, _ current: [Int: FoundFile], _ settled: inout Set<Int>
    ) async -> Finding {
        let claimed = task.torrent.have
        var finding = Finding(task.torrent)
        finding.confirmed = Array(verdicts.good.intersection(claimed).pieces)
        var wrong = verdicts.bad
        wrong.formUnion(verdicts.missing)
        finding.damaged = Array(wrong.intersection(claimed).pieces)
        let new = verdicts.good.subtracting(claimed)
        if !new.isEmpty {
            let (adopted, unchanged) = await Adoption(
                disk: disk, torrent: task.torrent, payload: payload, current: current
            ).adopt(new)
            finding.adopted = adopted
            settled.formUnion(unchanged)
        }
        return finding
    }

    /// The fingerprints of files that differ from the recorded ones, now that all of their recorded pieces were
    /// checked.
    private func refresh(
        _ payload: Payload, _ verdicts: Verdicts, _ current: [Int: FoundFile], _ settled: Set<Int>
    ) async -> [FingerprintRow] {
        let recorded = Dictionary(task.torrent.fingerprints.map { ($0.index, $0) }) { _, last in last }
        let metainfo = task.torrent.metainfo
        let stale = metainfo.layout.files.filter { file in
            guard let print = current[file.index], !file.isEmpty, recorded[file.index]?.print != print.print else {
                return false
            }
            // A new file without a good piece isn't the torrent's, so nothing is recorded about it.
            let pieces = metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry)
            let isOwn =
                recorded[file.index]?.print.isSameFile(as: print.print) ?? false
                || pieces.contains { verdicts.good[$0] || task.confirmed[$0] }
            // A file that can't be read stays as unknown as before.
            return isOwn
                && !metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry).contains {
                    verdicts.unreadable[$0]
                }
        }
        let known = stale.compactMap { settled.contains($0.index) ? current[$0.index].map { FingerprintRow($0) } : nil }
        let rest = stale.filter { !settled.contains($0.index) }
        guard !rest.isEmpty else { return known }
        return known
            + (await Adoption(disk: disk, torrent: task.torrent, payload: payload, current: current).settle(rest))
    }

    /// The pieces in files that another program changed since they were recorded. What was copied to another disk has
    /// other times and inodes; there, a bad piece is a bad copy.
    private func edited(_ damaged: [PieceIndex], _ current: [Int: FoundFile]) -> [PieceIndex] {
        guard !damaged.isEmpty, !task.isRelocated else { return [] }
        let recorded = Dictionary(task.torrent.fingerprints.map { ($0.index, $0.print) }) { _, last in last }
        let metainfo = task.torrent.metainfo
        return damaged.filter { piece in
            metainfo.layout.files(of: piece, geometry: metainfo.geometry).contains { index in
                guard let then = recorded[index], let now = current[index]?.print else { return false }
                return !now.isUnchanged(since: then)
            }
        }
    }

    private func missingFiles(_ damaged: [PieceIndex], _ current: [Int: FoundFile]) -> [Int] {
        let metainfo = task.torrent.metainfo
        let recorded = Set(task.torrent.fingerprints.map(\.index))
        var files: Set<Int> = []
        for piece in damaged { files.formUnion(metainfo.layout.files(of: piece, geometry: metainfo.geometry)) }
        return files.filter { recorded.contains($0) && current[$0] == nil }.sorted()
    }
}
