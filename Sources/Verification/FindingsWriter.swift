import Disk
import Store
import SystemPackage
import Torrent

/// Writes many findings in one transaction, so that thousands of torrents wait for the disk only a few times.
struct FindingsWriter {
    let connection: Connection
    let database: FilePath

    func write(_ findings: [Finding], forgetting finished: (TorrentID) -> String?) throws(StoreError) {
        guard !findings.isEmpty else { return }
        try connection.transaction(durability: .full) { () throws(StoreError) in
            // Checked inside the transaction: an engine that starts later records its run first, and so reads what is
            // written here.
            let engineRuns = try DatabaseLock.holder(database: database) != nil
            for finding in findings {
                guard let row = try connection.torrents.row(finding.id) else { continue }
                try write(finding, row, engineRuns)
                if finding.result?.outcome == .verified, let key = finished(finding.id) {
                    try connection.settings.set(key, nil)
                }
            }
        }
    }

    private func write(_ finding: Finding, _ row: TorrentRow, _ engineRuns: Bool) throws(StoreError) {
        let now = Timestamp.now()
        let isChanged =
            !finding.damaged.isEmpty || !finding.adopted.isEmpty || !finding.fingerprints.isEmpty
            || !finding.missingFiles.isEmpty
        if isChanged { try change(finding, row, now) }
        if let volume = finding.volume {
            try connection.volumes.place(finding.id, on: VolumeSighting(volume), now: now)
        }
        try connection.digests.save(finding.id, finding.digests, now: now)
        let right = finding.confirmed + finding.adopted
        if !right.isEmpty {
            try connection.pieces.markVerified(finding.id, right, now: now)
            let standing = Set(try connection.damage.standing(of: finding.id).map(\.piece))
            if !standing.isEmpty {
                try connection.damage.repaired(right.filter(standing.contains), of: finding.id, now: now)
            }
        }
        // An engine that found the payload unreachable must look again.
        let isBack = finding.volume != nil && row.state == .offline
        let isDamaged = finding.audit.map { !$0.damage.isEmpty } ?? false
        if isChanged || isBack || isDamaged, engineRuns {
            try connection.intents.append(.damaged, torrent: finding.id, now: now)
        }
        if let audit = finding.audit { try audit.record(finding.id, connection, now: now) }
        if let result = finding.result { try conclude(result, engineRuns, now) }
    }

    /// Removes pieces from the record, then adds pieces.
    private func change(_ finding: Finding, _ row: TorrentRow, _ now: Timestamp) throws(StoreError) {
        let torrent = finding.torrent
        let metainfo = torrent.metainfo
        let edits = finding.edited.map { piece in
            let place = metainfo.place(of: piece)
            return NewDamage(
                piece: piece, kind: .edit, isHeld: true, path: place.path, fileOffset: place.fileOffset,
                bytes: Int64(metainfo.geometry.length(of: piece)))
        }
        if !edits.isEmpty { try connection.damage.add(edits, of: finding.id, now: now) }
        // Read again, because an engine may have recorded more since the verification began.
        var have = try connection.pieces.have(of: finding.id, count: metainfo.geometry.pieceCount)
        for piece in finding.damaged { have.remove(piece) }
        if !finding.damaged.isEmpty || !finding.missingFiles.isEmpty {
            let completed = torrent.selection.bytes(in: have, geometry: metainfo.geometry)
            try connection.pieces.markDamaged(
                finding.id, pieces: finding.damaged, files: finding.missingFiles, completedBytes: completed)
        }
        for piece in finding.adopted { have.insert(piece) }
        var record = ProgressRecord(torrent: finding.id, verifiedAt: now)
        record.newPieces = finding.adopted
        record.files = finding.fingerprints
        record.partials = try partials(finding)
        record.completedBytes = torrent.selection.bytes(in: have, geometry: metainfo.geometry)
        record.fileBytes = metainfo.fileBytes(touchedBy: finding.damaged + finding.adopted, have: have)
        if torrent.selection.wantedPieces(geometry: metainfo.geometry).isSubset(of: have),
            row.completedAt == nil || !finding.damaged.isEmpty
        {
            record.completedAt = now
        }
        _ = try connection.pieces.record([record])
        if !finding.adopted.isEmpty || !finding.fingerprints.isEmpty, !row.isRootSeen {
            try connection.torrents.setRootSeen(finding.id)
        }
    }

    /// Deletes the blocks of incomplete pieces that were in missing files, because nothing is left of them.
    private func partials(_ finding: Finding) throws(StoreError) -> [PartialPieceRow] {
        guard !finding.missingFiles.isEmpty else { return [] }
        let (layout, geometry) = (finding.torrent.metainfo.layout, finding.torrent.metainfo.geometry)
        let gone = Set(finding.missingFiles)
        return try connection.pieces.partials(of: finding.id).filter { row in
            geometry.pieces.contains(row.piece)
                && layout.files(of: row.piece, geometry: geometry).contains(where: gone.contains)
        }.map { PartialPieceRow(piece: $0.piece, blocks: []) }
    }

    /// Concludes a torrent: records the result in the event log, and its consequences in the row.
    private func conclude(_ result: VerificationResult, _ engineRuns: Bool, _ now: Timestamp) throws(StoreError) {
        let id = result.torrent.row.id
        if result.checked > 0 {
            let text =
                "verified \(result.checked) of \(result.torrent.metainfo.geometry.pieceCount) pieces: \(result.good) good, \(result.bad) bad, "
                + "\(result.missing) missing; requested by the user"
            try connection.events.append(.verified, text, torrent: id, now: now)
        }
        if result.damaged > 0 {
            for file in result.culprits where file.blame.damaged > 0 {
                let (kind, text) = Self.event(file)
                try connection.events.append(kind, "\(file.path): \(text)", torrent: id, now: now)
            }
            for riddle in result.riddles where riddle.count.damaged > 0 {
                let text =
                    "\(Format.count(riddle.count.damaged, "damaged piece")) shared by \(riddle.names): \(riddle.touch)"
                try connection.events.append(riddle.isRot ? .rot : .failed, text, torrent: id, now: now)
            }
        }
        guard !engineRuns, let row = try connection.torrents.row(id), !row.settings.isPaused else { return }
        switch result.outcome {
        case .verified, .interrupted:
            if row.state != row.stateAtRest { try connection.torrents.setState(id, row.stateAtRest) }
        case .nothingThere, .offline, .failed: break
        }
    }

    /// Damage counts as rot when the file was not changed outside.
    private static func event(_ file: VerificationResult.File) -> (EventKind, String) {
        let damage = "\(Format.count(file.blame.damaged, "piece")) damaged"
        return switch file.look {
        case .gone: (.missing, "the file is missing")
        case .changed: (.edited, "changed outside, \(damage)")
        case .asLeft: (.rot, damage)
        case .unknown: (.failed, "\(damage); it is not known whether the file was changed outside")
        }
    }
}
