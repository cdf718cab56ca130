import Disk
import Engine
import Store
import Torrent

/// Hashes one torrent from end to end, and tells of it part by part; writes nothing but what a sync writes.
struct TorrentCheck: Sendable {
    let task: VerificationTask
    let disk: Disk
    let cancel: CancelToken
    let meter: Meter

    /// Tells of each part when it is through, and with the last one of the whole.
    func run(_ tell: (Finding) -> Void) async {
        let torrent = task.torrent
        let payload = torrent.payload
        let estimate = VerificationTask.estimate(torrent.row, task.scope)
        var result = VerificationResult(torrent: torrent, scope: task.scope)
        result.confirmedBefore = task.confirmed.population
        let current: [Int: Fingerprint]
        switch await look(payload) {
        case .success(let found): current = found
        case .failure(let error):
            meter.expect(-estimate)
            let isAwaited = torrent.row.isRootSeen || !torrent.have.isEmpty || task.scope == .everything
            result.outcome = isAwaited ? .failed("\(error)") : .nothingThere
            return tell(Finding(torrent, result: result))
        }
        let pieces = task.pieces(current: current)
        meter.expect(pieces.bytes(torrent.metainfo.geometry) - estimate)
        meter.note(torrent.row.name)
        if pieces.isEmpty, task.confirmed.isEmpty {
            result.outcome = .nothingThere
            return tell(Finding(torrent, result: result))
        }
        var verdicts = Verdicts(count: pieces.count)
        var settled: Set<Int> = []
        let hashing = hash(pieces, payload)
        // What follows is read while a part is synced.
        for await found in hashing.parts {
            verdicts.formUnion(found)
            var finding = await judge(found, payload, current, &settled)
            result.adopted += finding.adopted.count
            result.damaged += finding.damaged.count
            finding.missingFiles = missingFiles(finding.damaged, current)
            tell(finding)
        }
        switch hashing.outcome {
        case .finished: break
        case .cancelled: result.outcome = .interrupted
        case .offline(let error): result.outcome = .failed("\(error)")
        }
        var last = Finding(torrent)
        if result.outcome == .verified {
            last.fingerprints = await refresh(payload, verdicts, current, settled)
            // Padding is had by nature: nothing of it is read.
            if task.scope == .everything { last.adopted = Array(torrent.metainfo.zeroPieces.subtracting(torrent.have).pieces) }
            if let error = verdicts.error { result.outcome = .failed("\(error)") }
        }
        verdicts.count(into: &result)
        result.files = files(verdicts, payload, current)
        last.result = result
        tell(last)
    }

    /// The files that are there; throws where the folder isn't, or can't be searched.
    private func look(_ payload: Payload) async -> Result<[Int: Fingerprint], DiskError> {
        do throws(DiskError) {
            var found: [Int: Fingerprint] = [:]
            for print in try await disk.fingerprints(payload) {
                if case .entry(let index) = print.file { found[index] = print }
            }
            return .success(found)
        } catch {
            return .failure(error)
        }
    }

    /// Begins at once.
    private func hash(_ pieces: Bitfield, _ payload: Payload) -> VerdictStream {
        let metainfo = task.torrent.metainfo
        let stream = VerdictStream(pieces, metainfo.geometry)
        disk.verify(payload, pieces: pieces, hashes: { metainfo.pieceHash($0) }, cancel: cancel) { some in
            stream.add(some)
            meter.add(some.reduce(0) { $0 + Int64(metainfo.geometry.length(of: $1.piece)) })
        } completion: {
            stream.finish($0)
        }
        return stream
    }

    /// What the part's verdicts mean: what is right and not claimed is synced before anybody claims it.
    /// `settled` are files that were synced and are as they were when the check began.
    private func judge(
        _ verdicts: Verdicts, _ payload: Payload, _ current: [Int: Fingerprint], _ settled: inout Set<Int>
    ) async -> Finding {
        let claimed = task.torrent.have
        var finding = Finding(task.torrent)
        finding.confirmed = Array(verdicts.good.intersection(claimed).pieces)
        var wrong = verdicts.bad
        wrong.formUnion(verdicts.missing)
        finding.damaged = Array(wrong.intersection(claimed).pieces)
        let new = verdicts.good.subtracting(claimed)
        if !new.isEmpty {
            let (adopted, unchanged) = await Adoption(disk: disk, torrent: task.torrent, payload: payload, current: current).adopt(new)
            finding.adopted = adopted
            settled.formUnion(unchanged)
        }
        return finding
    }

    /// The fingerprints of files that are others than recorded, now that all of their claims were looked at.
    private func refresh(
        _ payload: Payload, _ verdicts: Verdicts, _ current: [Int: Fingerprint], _ settled: Set<Int>
    ) async -> [FingerprintRow] {
        let recorded = Dictionary(task.torrent.fingerprints.map { ($0.index, $0) }) { _, last in last }
        let metainfo = task.torrent.metainfo
        let stale = metainfo.layout.files.filter { file in
            guard let print = current[file.index], !file.isEmpty, recorded[file.index] != FingerprintRow(print) else { return false }
            // A file that is new and of which no piece matches isn't the torrent's: nothing is remembered of it.
            let pieces = metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry)
            let isOwn = recorded[file.index]?.isSameFile(as: FingerprintRow(print)) ?? false || pieces.contains { verdicts.good[$0] || task.confirmed[$0] }
            // What can't be read is as unknown as before.
            return isOwn && !metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry).contains { verdicts.unreadable[$0] }
        }
        let known = stale.compactMap { settled.contains($0.index) ? current[$0.index].map { FingerprintRow($0) } : nil }
        let rest = stale.filter { !settled.contains($0.index) }
        guard !rest.isEmpty else { return known }
        return known + (await Adoption(disk: disk, torrent: task.torrent, payload: payload, current: current).settle(rest))
    }

    private func missingFiles(_ damaged: [PieceIndex], _ current: [Int: Fingerprint]) -> [Int] {
        let metainfo = task.torrent.metainfo
        let recorded = Set(task.torrent.fingerprints.map(\.index))
        var files: Set<Int> = []
        for piece in damaged { files.formUnion(metainfo.layout.files(of: piece, geometry: metainfo.geometry)) }
        return files.filter { recorded.contains($0) && current[$0] == nil }.sorted()
    }

    private func files(_ verdicts: Verdicts, _ payload: Payload, _ current: [Int: Fingerprint]) -> [VerificationResult.File] {
        let metainfo = task.torrent.metainfo
        let recorded = Dictionary(task.torrent.fingerprints.map { ($0.index, $0) }) { _, last in last }
        return metainfo.layout.files.compactMap { file in
            guard case .file = payload.placement[file.index] else { return nil }
            let pieces = metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry)
            let (good, bad) = (pieces.count { verdicts.good[$0] }, pieces.count { verdicts.bad[$0] })
            let missing = pieces.count { verdicts.missing[$0] }
            guard good + bad + missing > 0 || (file.isEmpty && task.scope == .everything) else { return nil }
            let print = current[file.index].map { FingerprintRow($0) }
            let state: VerificationResult.FileState = print == nil && !file.isEmpty ? .missing : bad + missing > 0 ? .bad : .good
            return VerificationResult.File(
                entry: file, state: state, isUntouched: print != nil && print == recorded[file.index], good: good, bad: bad, missing: missing)
        }
    }
}
