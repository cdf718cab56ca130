package import Torrent

/// Which pieces a start trusts, which it rechecks, and why (laws 2 and 3 of the design).
package struct ResumePlan: Equatable, Sendable {
    package enum Reason: Hashable, Sendable, CustomStringConvertible {
        /// The engine was killed: these pieces may have been written and weren't recorded yet.
        case writtenSinceLastCommit
        /// The file's size, modification time or inode differs from the recorded one.
        case changedOutside(file: Int)
        /// The file is missing, but its folder is present.
        case fileMissing(file: Int)
        /// The file existed before the torrent was added.
        case foundAtAdd(file: Int)
        /// The pieces were found damaged: they are still recorded, or the user asked for their repair.
        case damaged

        package var description: String {
            switch self {
            case .writtenSinceLastCommit: "recently written"
            case .changedOutside: "changed outside"
            case .fileMissing: "file missing"
            case .foundAtAdd: "found on disk"
            case .damaged: "found damaged"
            }
        }
    }

    /// Pieces that are trusted as recorded.
    package var trusted: Bitfield
    /// Unverified pieces, which must be hashed first.
    package var unverified: Bitfield
    package var reasons: [Reason: Int]
    /// How many pieces are rechecked for each reason, in words; files with the same reason are counted together. `nil`
    /// if none is rechecked.
    package var causes: String? {
        guard !reasons.isEmpty else { return nil }
        let counts = reasons.reduce(into: [:]) { $0[$1.key.description, default: 0] += $1.value }
        return counts.map { "\($1) \($0)" }.sorted().joined(separator: ", ")
    }
    /// Pieces whose recorded blocks, if the pieces are incomplete, are no longer valid: one of their files is missing
    /// or was changed outside.
    package var stale: Bitfield
    /// Recorded pieces in files that another program changed: a bad one is an edit, whose bytes are kept (law 4). A bad
    /// piece that isn't recorded is a write of ours that a crash cut short.
    package var edited: Bitfield
    /// Missing pieces in files that other torrents are still writing.
    private var unsettled: Bitfield
    /// Files with recorded pieces that are missing or were changed outside.
    package var touched: [Int] = []
    /// Whether the payload can't be reached. Nothing is changed then.
    package var isOffline = false

    /// Whether another torrent writes a file.
    package enum Holder: Sendable {
        case none
        /// It has not completed the file: what is found there may be overwritten, so missing pieces aren't checked yet.
        case unfinished
        /// It has completed the file, so that pieces that were missing may be there.
        case finished
    }

    /// One file of the torrent, as recorded and as found.
    package struct File: Sendable {
        /// The pieces that contain the file's bytes; empty for pad files and empty files.
        package let pieces: Range<PieceIndex>
        /// The complete file's length in bytes.
        package let length: Int64
        package let recorded: FileFingerprint?
        package let current: FileFingerprint?
        /// Whether the existing file belongs to something else, as far as is known: none of our runs created it.
        package let isForeign: Bool
        /// Whether one of our runs reserved the complete file before there was any data to write.
        package let isReserved: Bool
        package let holder: Holder

        package init(
            pieces: Range<PieceIndex>, length: Int64, recorded: FileFingerprint?, current: FileFingerprint?,
            isForeign: Bool = false,
            isReserved: Bool = false, holder: Holder = .none
        ) {
            self.pieces = pieces
            self.length = length
            self.recorded = recorded
            self.current = current
            self.isForeign = isForeign
            self.isReserved = isReserved
            self.holder = holder
        }
    }

    package struct Input: Sendable {
        /// Pieces that the database records as present.
        package var have: Bitfield
        /// Pieces with a write intent that weren't recorded since. After a clean stop, these are the ones that were
        /// already unverified.
        package var intents: Bitfield
        /// Pieces without any data on disk. They are missing without a hash check, unless they are recorded as present.
        package var unwritten: Bitfield
        package var files: [File]
        /// Whether the last run recorded a clean shutdown.
        package var stoppedCleanly: Bool
        /// Unix nanoseconds until which the last run may have written; `nil` if there was none.
        package var aliveUntilNs: Int64?
        /// Pieces that were found damaged, and aren't written again yet.
        package var damaged: Bitfield
        /// Whether the files are unreachable, as decided by `Reach` in the room Disk.
        package var isOffline: Bool

        package init(
            have: Bitfield, intents: Bitfield, unwritten: Bitfield? = nil, files: [File], stoppedCleanly: Bool,
            aliveUntilNs: Int64?,
            isOffline: Bool = false
        ) {
            self.have = have
            self.intents = intents
            self.unwritten = unwritten ?? Bitfield(count: have.count)
            damaged = Bitfield(count: have.count)
            self.files = files
            self.stoppedCleanly = stoppedCleanly
            self.aliveUntilNs = aliveUntilNs
            self.isOffline = isOffline
        }
    }

    /// How long after its last heartbeat a run may still have written: two heartbeats, and the clock's coarseness.
    package static let graceNs: Int64 = 15_000_000_000

    package init(_ input: Input) {
        trusted = input.have
        unverified = Bitfield(count: input.have.count)
        unsettled = unverified
        stale = unverified
        edited = unverified
        reasons = [:]
        guard !input.isOffline else {
            isOffline = true
            return
        }
        for file in input.files where file.holder == .unfinished {
            for piece in file.pieces where !input.have[piece] { unsettled.insert(piece) }
        }
        for (number, file) in input.files.enumerated() { judge(file, number, input) }
        // This applies even after a clean shutdown: a run that couldn't finish a check, or stopped with a fault, left
        // them unverified.
        let intents = input.intents.subtracting(input.have)
        recheck(intents.intersection(input.damaged).pieces, .damaged, input)
        recheck(intents.subtracting(input.damaged).pieces, .writtenSinceLastCommit, input)
        trusted.subtract(unverified)
    }

    /// These pieces were found damaged, so those that are still trusted must be hashed first.
    package mutating func becameDamaged(_ pieces: [PieceIndex]) {
        guard !isOffline else { return }
        var count = 0
        for piece in pieces where piece.value < trusted.count && trusted[piece] {
            trusted.remove(piece)
            if unverified.insert(piece) { count += 1 }
        }
        if count > 0 { reasons[.damaged, default: 0] += count }
    }

    private mutating func judge(_ file: File, _ number: Int, _ input: Input) {
        guard !file.pieces.isEmpty else { return }
        switch (file.recorded, file.current) {
        case (nil, nil):
            // The file was never written. A piece recorded without a fingerprint can only have its bytes in the part
            // file.
            return
        case (nil, .some):
            // The file is ours if the last run created it and didn't reach its first commit; otherwise it existed
            // before. Recorded pieces are rechecked in either case, because they weren't recorded with this file.
            let isOurs =
                !file.isForeign
                && (file.isReserved || (input.aliveUntilNs != nil && file.pieces.contains { input.intents[$0] }))
            recheck(file.pieces.lazy.filter { !isOurs || input.have[$0] }, .foundAtAdd(file: number), input)
        case (.some, nil):
            invalidate(file, number, .fileMissing(file: number), input)
        case (.some(let recorded), .some(let current)):
            if file.holder == .finished {
                recheck(file.pieces.lazy.filter { !input.have[$0] }, .foundAtAdd(file: number), input)
            }
            guard !current.isUnchanged(since: recorded), !isExplained(file, recorded, current, input) else { return }
            invalidate(file, number, .changedOutside(file: number), input)
            for piece in file.pieces where input.have[piece] { edited.insert(piece) }
        }
    }

    /// Whether the last run may have caused the difference itself, by writing after its last commit.
    private func isExplained(_ file: File, _ recorded: FileFingerprint, _ current: FileFingerprint, _ input: Input)
        -> Bool
    {
        guard let alive = input.aliveUntilNs else { return false }
        let (latest, overflow) = alive.addingReportingOverflow(input.stoppedCleanly ? 0 : Self.graceNs)
        return current.inode == recorded.inode && current.size >= recorded.size
            && current.size <= max(file.length, recorded.size)
            && current.mtimeNs >= recorded.mtimeNs && (overflow || current.mtimeNs <= latest)
            && file.pieces.contains { input.intents[$0] }
    }

    /// Makes the file's recorded pieces unverified and forgets the blocks of its incomplete pieces.
    private mutating func invalidate(_ file: File, _ number: Int, _ reason: Reason, _ input: Input) {
        if file.pieces.contains(where: { input.have[$0] }) { touched.append(number) }
        for piece in file.pieces where !input.have[piece] { stale.insert(piece) }
        recheck(file.pieces.lazy.filter { input.have[$0] }, reason, input)
    }

    /// The cost depends on the number of `pieces`, not on the whole torrent, because there may be many files.
    private mutating func recheck(_ pieces: some Sequence<PieceIndex>, _ reason: Reason, _ input: Input) {
        var count = 0
        for piece in pieces
        where (input.have[piece] || !input.unwritten[piece]) && !unsettled[piece] && unverified.insert(piece) {
            count += 1
        }
        if count > 0 { reasons[reason, default: 0] += count }
    }
}
