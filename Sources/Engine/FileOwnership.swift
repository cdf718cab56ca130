import Disk
import Store
import Torrent
import Verification

/// Which files an active torrent may write to, as far as its pieces have shown, and what stands in its way.
struct FileOwnership {
    /// The most files named in a message.
    private static let namedFiles = 3

    /// The torrent's pieces, as far as they matter to the ownership of files.
    struct Progress {
        /// Pieces that are present.
        let have: Bitfield
        let unverified: Bitfield

        func isMissing(_ piece: PieceIndex) -> Bool { !have[piece] && !unverified[piece] }
    }

    private var custody: Custody
    /// The files as found at the start.
    private let found: [PayloadFile: FoundFile]
    /// Skipped files that another client left in place.
    private let skipped: [Int]
    private var hasTakenOver = false

    init(_ custody: Custody, found: [PayloadFile: FoundFile], skipped: [Int]) {
        self.custody = custody
        self.found = found
        self.skipped = skipped
    }

    // MARK: Queries

    /// Whether the user's permission to overwrite existing files still applies.
    var hasLeave: Bool { custody.hasLeave }

    /// The indices of the torrent's own files.
    var ownFiles: [Int] { custody.own.keys.map(\.index) }

    /// The indices of files that another torrent writes.
    var sharedFiles: Set<Int> { Set(custody.shared.keys) }

    /// The files that this torrent writes instead of one that is gone, until their pieces are checked.
    var takenOver: [Int] { hasTakenOver ? [] : custody.takenOver.sorted() }

    /// The files that the other torrent writes.
    func files(heldBy other: TorrentID) -> [Int] {
        custody.shared.filter { $1.holder.torrent == other }.keys.sorted()
    }

    /// The pieces of the files that were taken over are checked.
    mutating func tookOver() { hasTakenOver = true }

    /// The torrent that writes a shared file and has not completed it.
    var unfinishedHolder: TorrentID? { custody.shared.values.first { !$0.holder.isWhole }?.holder.torrent }

    /// Whether a file with data may still turn out not to be the torrent's. An empty file needs no proof.
    func hasUnprovenBytes(in layout: FileLayout) -> Bool {
        custody.unproven.keys.contains { file in
            if case .entry(let index) = file { !layout.files[index].isEmpty } else { true }
        }
    }

    /// Whether a new look at the files found the same obstacles, and at least one.
    func isStillObstructed(_ new: Custody) -> Bool {
        new.obstacles == custody.obstacles && new.shared == custody.shared && !custody.obstacles.isEmpty
    }

    // MARK: Proof

    /// Returns the unproven files that contain bytes of these pieces, which passed their hash check on disk.
    func unproven(of pieces: [PieceIndex], in payload: Payload) -> [PayloadFile: FileIdentity] {
        guard !custody.unproven.isEmpty else { return [:] }
        var proven: [PayloadFile: FileIdentity] = [:]
        for piece in pieces {
            for index in payload.layout.files(of: piece, geometry: payload.geometry)
            where !payload.layout.files[index].isEmpty {
                if let file = payload.place(of: index), let identity = custody.unproven[file] {
                    proven[file] = identity
                }
            }
        }
        return proven
    }

    /// The file is the torrent's own.
    mutating func proved(_ file: PayloadFile, _ identity: FileIdentity) {
        custody.unproven[file] = nil
        custody.own[file] = identity
    }

    /// Every piece was hashed, so skipped files that are still unproven aren't the torrent's. Nothing needs them, and
    /// they are no obstacle. Returns them.
    mutating func leaveSkipped() -> [Int] {
        skipped.filter { custody.unproven.removeValue(forKey: .entry($0)) != nil }
    }

    /// These pieces are edits that are kept. A file that consists of them is no obstacle.
    mutating func edited(_ pieces: Bitfield, in payload: Payload) {
        for (file, identity) in custody.unproven {
            guard case .entry(let index) = file, !payload.layout.files[index].isEmpty,
                payload.isWithin(pieces, file: index)
            else { continue }
            custody.unproven[file] = nil
            custody.edited[file] = identity
        }
    }

    // MARK: New files

    /// Returns the files of these pieces that the torrent is about to create and that the database doesn't know yet.
    func filesToAnnounce(_ pieces: [PieceIndex], in payload: Payload) -> [Int] {
        var files: Set<Int> = []
        for piece in pieces {
            for index in payload.layout.files(of: piece, geometry: payload.geometry) {
                guard !payload.layout.files[index].isEmpty, let file = payload.place(of: index),
                    payload.placement[index] != .shared
                else {
                    continue
                }
                if custody.own[file] == nil, custody.unproven[file] == nil, custody.edited[file] == nil,
                    !custody.announced.contains(file.index)
                {
                    files.insert(file.index)
                }
            }
        }
        return files.sorted()
    }

    /// The database is about to record that the torrent creates these files.
    mutating func announced(_ files: [Int]) { custody.announced.formUnion(files) }

    /// The database refused the record of these files.
    mutating func announceFailed(_ files: [Int]) { custody.announced.subtract(files) }

    /// Returns the files that were announced but never created.
    func unmade(written: Set<PayloadFile>) -> [Int] {
        custody.announced.filter {
            !written.contains(PayloadFile(index: $0)) && found[PayloadFile(index: $0)] == nil
        }.sorted()
    }

    // MARK: What stands in the way

    /// Returns one sentence on why the torrent can't be downloaded here, or `nil` if nothing prevents it. `isChecked`
    /// means that every piece on disk was hashed.
    func obstacle(in payload: Payload, _ progress: Progress, isChecked: Bool) -> String? {
        if let (index, twin) = custody.twins.filter({ isIncomplete($0.key, of: payload, progress) }).min(by: {
            $0.key < $1.key
        }) {
            return
                "\(payload.path(of: .entry(index))) and \(payload.path(of: .entry(twin))) are the same file on this file system, which doesn't distinguish their "
                + "names: leave one of them out with `pieces select`, or choose an output folder on another file system"
        }
        if let (index, shared) = custody.shared.sorted(by: { $0.key < $1.key }).first(where: {
            !$0.value.holder.isWhole
        }) {
            let holder = shared.holder
            return
                "\(payload.path(of: .entry(index))) is also a file of torrent \(holder.torrent) (\(holder.name)), which writes it and has not completed it: "
                + "this torrent continues when that file is complete, or when torrent \(holder.torrent) is removed"
        }
        let layout = payload.layout
        // An empty file is correct if it exists and is empty, whoever created it.
        let foreign = custody.unproven.keys.filter { file in
            guard case .entry(let index) = file, layout.files[index].isEmpty else { return isChecked }
            return (found[file]?.print.size ?? 0) > 0
        }
        if !foreign.isEmpty {
            let names = foreign.map { payload.path(of: $0) }.sorted()
            let rest = names.count > Self.namedFiles ? " and \(names.count - Self.namedFiles) more" : ""
            let isOne = names.count == 1
            return
                "\(names.prefix(Self.namedFiles).joined(separator: ", "))\(rest) existed before, and no piece of this torrent matches "
                + "\(isOne ? "it: move it" : "them: move them") away, choose another output folder, or add the torrent again with --overwrite"
        }
        if let (index, holder) = disagreement(in: payload, progress) {
            return
                "\(payload.path(of: .entry(index))) is also a file of torrent \(holder.torrent) (\(holder.name)), and the two torrents have different "
                + "content for it: remove one of the two, or choose another output folder for it"
        }
        return nil
    }

    /// Whether a piece of the file is known to be missing.
    private func isIncomplete(_ index: Int, of payload: Payload, _ progress: Progress) -> Bool {
        payload.layout.pieces(of: index, geometry: payload.geometry).contains { progress.isMissing($0) }
    }

    /// Returns a shared file that its holder has completed with other content than this torrent needs.
    private func disagreement(in payload: Payload, _ progress: Progress) -> (file: Int, holder: FileHolder)? {
        let layout = payload.layout
        for (index, shared) in custody.shared.sorted(by: { $0.key < $1.key }) {
            for piece in layout.pieces(of: index, geometry: payload.geometry) where progress.isMissing(piece) {
                let isWithin = layout.files(of: piece, geometry: payload.geometry).allSatisfy {
                    custody.shared[$0] != nil || layout.files[$0].isPad || layout.files[$0].isEmpty
                }
                if isWithin { return (index, shared.holder) }
            }
        }
        return nil
    }
}
