import Disk
import Store
import Swarm
import SystemPackage
import Torrent
import Verification

/// One torrent that is being scrubbed: what is read of it, and what was found and isn't recorded yet.
struct ScrubTurn: Sendable {
    let torrent: StoredTorrent
    /// The payload, bound to the device of its folder: if another disk takes its place, nothing is read there.
    let payload: Payload
    let volume: VolumeID?
    /// The volume, as the user knows it.
    let place: String
    /// The files whose fingerprints differed when the turn began, with their states.
    let changed: [PayloadFile: FoundFile]
    /// Computes the SHA-256 of files that have none; `nil` if the turn reads no such file as a whole.
    let digests: ScrubDigests?
    /// Damage that stood when the turn began.
    let standing: [PieceIndex: DamageRow.State]
    var pages: ScrubPages
    var brake: RepairBrake
    /// Whether nothing is repaired on the volume.
    var isHeld: Bool
    /// What the next record says.
    private(set) var record: ScrubRecord
    /// Pieces that are damaged.
    private(set) var bad: Set<PieceIndex> = []
    /// Files that were found missing while their folder and its disk were there.
    private var missing: Set<PayloadFile> = []
    /// Files that another program changed, and whose event was recorded.
    private var edited: Set<Int> = []
    /// Pieces of which nothing could be said.
    private(set) var skipped: Set<PieceIndex> = []

    var id: TorrentID { torrent.row.id }

    init(
        _ torrent: StoredTorrent, _ look: PayloadLook, volume: VolumeID?, place: String, due: Bitfield,
        present: Bitfield, ownWrites: Set<PayloadFile>, damage: [DamageRow], stored: ScrubVolumeRow?,
        withDigest: Set<Int>?
    ) {
        self.torrent = torrent
        self.volume = volume
        self.place = place
        payload = look.payload
        let recorded = Dictionary(torrent.fingerprints.map { (PayloadFile(index: $0.index), $0.print) }) {
            _, last in last
        }
        var changed: [PayloadFile: FoundFile] = [:]
        for (file, found) in look.files where !ownWrites.contains(file) {
            if recorded[file].map({ !found.print.isUnchanged(since: $0) }) ?? true { changed[file] = found }
        }
        self.changed = changed
        standing = Dictionary(damage.map { ($0.piece, $0.state) }) { first, _ in first }
        var pieces = due
        let geometry = torrent.metainfo.geometry
        // A changed file is judged as a whole, so that its new fingerprint can be recorded.
        for case .entry(let index) in changed.keys {
            for piece in torrent.metainfo.layout.pieces(of: index, geometry: geometry) { pieces.insert(piece) }
        }
        for piece in standing.keys where piece.value < present.count { pieces.insert(piece) }
        // What an earlier run verified says nothing of a file that was changed since.
        let cursor = changed.isEmpty ? stored?.cursor.flatMap { $0.torrent == torrent.row.id ? $0 : nil } : nil
        let pages = ScrubPages(due: pieces, present: present, geometry: geometry, cursor: cursor)
        self.pages = pages
        digests = withDigest.flatMap { Self.digests(of: torrent.metainfo, pages, withDigest: $0) }
        brake = RepairBrake(pieces: stored?.countedPieces ?? 0, bad: stored?.countedBad ?? 0)
        brake.torrentBegins()
        isHeld = stored?.heldAt != nil
        record = ScrubRecord(torrent: torrent.row.id, volume: volume)
    }

    /// `nil` if no file that has no digest is read as a whole.
    private static func digests(of metainfo: Metainfo, _ pages: ScrubPages, withDigest: Set<Int>) -> ScrubDigests? {
        let (layout, geometry) = (metainfo.layout, metainfo.geometry)
        let wanted = layout.files.map { file in
            !file.isPad && !file.isEmpty && !withDigest.contains(file.index)
                && layout.pieces(of: file.index, geometry: geometry).allSatisfy { pages.isDue($0) }
        }
        return wanted.contains(true) ? ScrubDigests(layout: layout, geometry: geometry, wanted: wanted) : nil
    }

    /// The files that hold bytes of the piece.
    func files(of piece: PieceIndex) -> [PayloadFile] {
        let layout = torrent.metainfo.layout
        var files: [PayloadFile] = []
        for index in layout.files(of: piece, geometry: torrent.metainfo.geometry) where !layout.files[index].isEmpty {
            if let file = payload.place(of: index), !files.contains(file) { files.append(file) }
        }
        return files
    }

    /// What the states of a piece's files say. `recorded` are the newest records, and `isWriting` the files that the
    /// engine may have written to since.
    func evidence(
        of files: [PayloadFile], now: [PayloadFile: FoundFile], recorded: [FingerprintRow],
        isWriting: Set<PayloadFile>
    ) -> ScrubEvidence.Files {
        let known = Dictionary(recorded.map { (PayloadFile(index: $0.index), $0.print) }) { _, last in last }
        var result = ScrubEvidence.Files.same
        var isGone = false
        for file in files {
            guard let found = now[file] else {
                isGone = true
                continue
            }
            guard known[file].map({ !found.print.isUnchanged(since: $0) }) ?? true else { continue }
            if isWriting.contains(file) {
                if result == .same { result = .beingWritten }
                continue
            }
            if case .entry(let index) = file, found.print.size != torrent.metainfo.layout.files[index].length,
                known[file]?.size == torrent.metainfo.layout.files[index].length
            {
                result = .otherLength
            } else if result != .otherLength {
                result = .differ
            }
        }
        // The piece isn't fetched for the sake of a missing file if that would overwrite what is in a changed one.
        return isGone && result == .same ? .gone : result
    }

    /// Whether the piece lies in a file that is known to be missing, and in no other.
    func isMissing(_ files: [PayloadFile]) -> Bool { files.count == 1 && missing.contains(files[0]) }

    // MARK: What was found

    mutating func wasRead(_ pieces: [PieceIndex]) {
        record.readPieces += pieces.count
        brake.read(pieces.count)
        for piece in pieces { record.readBytes += Int64(torrent.metainfo.geometry.length(of: piece)) }
    }

    mutating func isGood(_ piece: PieceIndex, at moment: Timestamp) {
        if let done = pages.verified(piece, at: moment) { record.pages.append(done) }
        if standing[piece] != nil, !record.repaired.contains(piece) { record.repaired.append(piece) }
    }

    mutating func isTransient(_ piece: PieceIndex) {
        record.transients += 1
        let place = torrent.metainfo.place(of: piece)
        record.events.append(
            ScrubRecord.Event(
                .transient,
                "\(place.path): piece \(piece) was bad once and is good now: check the memory and the cables if this happens again"
            ))
    }

    mutating func isUnknown(_ piece: PieceIndex) {
        skipped.insert(piece)
        pages.skipped(piece)
    }

    /// The piece is damaged. `unreadable` are the ranges that the device can't read, and `gone` the files that are
    /// missing.
    mutating func isDamaged(
        _ piece: PieceIndex, _ kind: DamageRow.Kind, unreadable: [Range<Int>] = [], gone: [PayloadFile] = []
    ) {
        bad.insert(piece)
        if let done = pages.lost(piece) { record.pages.append(done) }
        let metainfo = torrent.metainfo
        let place = metainfo.place(
            of: piece, at: kind == .edit ? startOfChange(in: piece) : unreadable.first?.lowerBound ?? 0)
        var isHeld = isHeld || kind == .edit
        if kind == .rot || kind == .unreadable {
            record.badPieces += 1
            if let reason = brake.foundBad(inFile: place.file), !self.isHeld {
                self.isHeld = true
                isHeld = true
                // Nothing of what was found just now is fetched, either.
                record.damage = record.damage.map { $0.held() }
                record.holdReason = reason
                record.events.append(
                    ScrubRecord.Event(
                        .held,
                        "repairs on \(self.place) stopped: \(reason), which points to a failing controller, bad memory or the wrong disk; "
                            + "reading continues; `pieces scrub --continue` allows repairs again"))
            }
        }
        for file in gone where missing.insert(file).inserted {
            record.missingFiles.append(file.index)
            let rest = isHeld ? ScrubRecord.heldRest : "; its pieces are fetched again"
            record.events.append(
                ScrubRecord.Event(.missing, "\(payload.relativePath(of: file)) is missing\(rest)"))
        }
        let badBytes = unreadable.isEmpty ? nil : Int64(unreadable.reduce(0) { $0 + $1.count })
        record.damage.append(
            NewDamage(
                piece: piece, kind: kind, isHeld: isHeld, path: place.path, fileOffset: place.fileOffset,
                bytes: Int64(metainfo.geometry.length(of: piece)), badBytes: badBytes))
        guard kind == .edit, edited.insert(place.file).inserted else { return }
        record.events.append(
            ScrubRecord.Event(
                .edited,
                "\(place.path): another program changed it, first at offset \(place.fileOffset); its bytes are kept, "
                    + "and `pieces repair \(id) --overwrite-edits` replaces them"))
    }

    /// The offset in the piece at which its first changed file begins.
    private func startOfChange(in piece: PieceIndex) -> Int {
        let metainfo = torrent.metainfo
        let start = metainfo.geometry.offset(of: piece)
        let segments = metainfo.layout.segments(offset: start, length: metainfo.geometry.length(of: piece))
        var offset = 0
        for segment in segments {
            if payload.place(of: segment.file).map({ changed[$0] != nil }) ?? false { return offset }
            offset += segment.length
        }
        return 0
    }

    /// The changed files of which every piece was judged, and at least one is good: they get new fingerprints. A file
    /// without a good piece isn't the torrent's any more.
    func settledFiles() -> [PayloadFile] {
        guard pages.isEmpty else { return [] }
        let (layout, geometry) = (torrent.metainfo.layout, torrent.metainfo.geometry)
        return changed.keys.filter { file in
            guard case .entry(let index) = file else { return false }
            let pieces = layout.pieces(of: index, geometry: geometry)
            return pieces.allSatisfy { !skipped.contains($0) } && pieces.contains { pages.isPresent($0) }
        }
    }

    /// These changed files are as they were found, and durable.
    mutating func settled(_ files: [FoundFile]) {
        record.files += files.map { FingerprintRow($0) }
        let (layout, geometry) = (torrent.metainfo.layout, torrent.metainfo.geometry)
        for case .entry(let index) in files.map(\.file)
        where !layout.pieces(of: index, geometry: geometry).contains(where: bad.contains) {
            record.events.append(
                ScrubRecord.Event(
                    .touched,
                    "\(layout.files[index].displayPath): its time or place on the disk changed, and its bytes are good")
            )
        }
    }

    // MARK: Records

    /// Whether the next record takes claims away. Such a record is written at once, and the engine drops its claims.
    var hasDamage: Bool { !record.damage.isEmpty || record.holdReason != nil }

    /// The database refused the record.
    mutating func putBack(_ earlier: ScrubRecord) { record.follow(earlier, isHeld: isHeld) }

    /// Takes what is to be recorded now.
    mutating func takeRecord(isLast: Bool) -> ScrubRecord? {
        record.cursor = isLast ? nil : pages.cursor(of: id)
        record.digests += digests?.takeFound() ?? []
        guard !record.isEmpty || isLast else { return nil }
        defer { record = ScrubRecord(torrent: id, volume: volume) }
        return record
    }
}
