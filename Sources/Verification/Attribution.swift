package import Disk
package import Store
package import Torrent

/// Determines from the fingerprints which files are to blame for the pieces that are not good.
///
/// A bad piece alone doesn't show which of its files is bad, because many small files may share it. A file that is
/// missing or was changed outside explains the piece, and its neighbours are not blamed. If no file was changed and the
/// piece has several files, the bad one can't be determined.
package struct Attribution {
    /// The state of a file before it is hashed.
    package enum Look: Sendable, Equatable {
        case gone
        /// The size, time or inode differs from the last sync; without a fingerprint: the size differs from the
        /// torrent's.
        case changed
        case asLeft
        /// There is no fingerprint to compare the file with.
        case unknown
    }

    /// Wrong pieces that share the same files, none of which explains them.
    package struct Riddle: Sendable {
        package let files: [FileEntry]
        package let count: Count
        /// Whether all of the files are as they were left: then the disk changed the bytes, and no program did.
        package let isRot: Bool

        package init(files: [FileEntry], count: Count, isRot: Bool) {
            self.files = files
            self.count = count
            self.isRot = isRot
        }

        /// The most files that are named.
        private static let maximumNames = 3

        /// `docs/a, docs/b, docs/c and 17 other files`
        package var names: String {
            var names = files.prefix(Self.maximumNames).map(\.displayPath)
            if files.count > names.count { names.append(Format.count(files.count - names.count, "other file")) }
            guard let last = names.popLast(), !names.isEmpty else { return files.map(\.displayPath).joined() }
            return "\(names.joined(separator: ", ")) and \(last)"
        }

        package var touch: String {
            isRot ? "none of them was changed outside" : "it is not known whether one of them was changed outside"
        }
    }

    /// The number of wrong pieces, and how many of these were recorded as present.
    package struct Count: Sendable, Equatable {
        package var pieces = 0
        package var damaged = 0

        package init() {}

        fileprivate mutating func add(isClaimed: Bool) {
            pieces += 1
            if isClaimed { damaged += 1 }
        }
    }

    /// The files that the checked pieces touch.
    package private(set) var files: [VerificationResult.File] = []
    /// The part file, if it is to blame for a piece.
    package private(set) var partFile: VerificationResult.File?
    package private(set) var riddles: [Riddle] = []

    private let payload: Payload
    private let looks: [PayloadFile: Look]

    /// `current` are the existing files, `recorded` their fingerprints, and `claimed` the pieces that were recorded as
    /// present.
    package init(
        _ verdicts: Verdicts, of payload: Payload, claimed: Bitfield, recorded: [FingerprintRow],
        current: [PayloadFile: FoundFile],
        withEmptyFiles: Bool
    ) {
        self.payload = payload
        looks = Self.looks(payload, recorded, current)
        var blamed: [PayloadFile: Count] = [:]
        var groups: [[Int]: Count] = [:]
        var wrong = verdicts.bad
        wrong.formUnion(verdicts.missing)
        for piece in wrong.pieces {
            let files = payload.layout.files(of: piece, geometry: payload.geometry).filter {
                payload.placement[$0] != .pad && !payload.layout.files[$0].isEmpty
            }
            let places = Set(files.compactMap { payload.place(of: $0) })
            let touched = places.filter { [.gone, .changed].contains(looks[$0]) }
            let suspects = touched.isEmpty && places.count == 1 ? places : touched
            for place in suspects { blamed[place, default: Count()].add(isClaimed: claimed[piece]) }
            if suspects.isEmpty { groups[files, default: Count()].add(isClaimed: claimed[piece]) }
        }
        riddles = groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { files, count in
            Riddle(
                files: files.map { payload.layout.files[$0] }, count: count,
                isRot: files.allSatisfy { payload.place(of: $0).map { looks[$0] == .asLeft } ?? true })
        }
        let puzzling = Set(groups.keys.joined())
        files = payload.layout.files.compactMap { entry in
            guard payload.placement[entry.index] == .file else { return nil }
            let pieces = payload.layout.pieces(of: entry.index, geometry: payload.geometry)
            let look = looks[.entry(entry.index)] ?? .unknown
            let blame = blamed[.entry(entry.index)] ?? Count()
            var file = VerificationResult.File(
                entry: entry, path: entry.displayPath, state: .good, look: look, blame: blame)
            for piece in pieces {
                if verdicts.good[piece] { file.good += 1 }
                if verdicts.bad[piece] { file.bad += 1 }
                if verdicts.missing[piece] { file.missing += 1 }
                if verdicts.unreadable[piece] { file.unreadable += 1 }
            }
            guard file.checked > 0 || (entry.isEmpty && withEmptyFiles) else { return nil }
            // Something that is no longer a regular file can't be read. It exists, but not as a file.
            if look == .gone, !entry.isEmpty, file.unreadable == 0 {
                file.state = .missing
            } else if blame.pieces > 0 {
                file.state = .bad
            } else if puzzling.contains(entry.index) || file.unreadable > 0 {
                file.state = .unknown
            } else if file.bad + file.missing > 0 {
                file.state = .shares
            }
            return file
        }
        if let blame = blamed[.parts] {
            let look = looks[.parts] ?? .unknown
            partFile = VerificationResult.File(
                entry: nil, path: payload.relativePath(of: .parts), state: look == .gone ? .missing : .bad, look: look,
                blame: blame)
        }
    }

    private static func looks(_ payload: Payload, _ recorded: [FingerprintRow], _ current: [PayloadFile: FoundFile])
        -> [PayloadFile: Look]
    {
        let known = Dictionary(recorded.map { ($0.index, $0) }) { _, last in last }
        var looks: [PayloadFile: Look] = [:]
        for entry in payload.layout.files where payload.placement[entry.index] == .file {
            looks[.entry(entry.index)] = look(known[entry.index], current[.entry(entry.index)], length: entry.length)
        }
        looks[.parts] = look(known[FingerprintRow.partFile], current[.parts], length: nil)
        return looks
    }

    private static func look(_ recorded: FingerprintRow?, _ current: FoundFile?, length: Int64?) -> Look {
        guard let now = current?.print else { return .gone }
        guard let recorded else { return length.map { $0 == now.size } ?? true ? .unknown : .changed }
        return now.isUnchanged(since: recorded.print) ? .asLeft : .changed
    }
}
