import Torrent

/// What the database remembers of a payload file, or what the disk says of it now.
package struct FileFingerprint: Hashable, Sendable {
    /// Bytes.
    package let size: Int64
    /// Time of last modification, nanoseconds since 1970.
    package let mtimeNs: Int64
    package let inode: UInt64

    package init(size: Int64, mtimeNs: Int64, inode: UInt64) {
        self.size = size
        self.mtimeNs = mtimeNs
        self.inode = inode
    }
}

/// Which pieces are trusted at a start and which are looked at again, and why (laws 2 and 3 of the design).
package struct ResumePlan: Equatable, Sendable {
    package enum Reason: Hashable, Sendable, CustomStringConvertible {
        /// The engine was killed: these pieces may have been written and weren't recorded yet.
        case writtenSinceLastCommit
        /// The file's size, time of modification or inode isn't what was recorded.
        case changedOutside(file: Int)
        /// The file is gone while its folder is there.
        case fileMissing(file: Int)
        /// A file was there before the torrent was added.
        case foundAtAdd(file: Int)

        package var description: String {
            switch self {
            case .writtenSinceLastCommit: "written since the last commit"
            case .changedOutside: "changed outside"
            case .fileMissing: "file missing"
            case .foundAtAdd: "found on disk"
            }
        }
    }

    /// Pieces that are taken as they are recorded.
    package var trusted: Bitfield
    /// Pieces that are hashed before anything else is said of them.
    package var doubtful: Bitfield
    package var reasons: [Reason: Int]
    /// Why how many pieces are looked at, in words; files of the same fate are told of together. `nil` when none is.
    package var causes: String? {
        guard !reasons.isEmpty else { return nil }
        let counts = reasons.reduce(into: [:]) { $0[$1.key.description, default: 0] += $1.value }
        return counts.map { "\($1) \($0)" }.sorted().joined(separator: ", ")
    }
    /// Pieces whose recorded blocks, if they are incomplete, mean nothing any more: a file that they are in is gone or
    /// was changed outside.
    package var stale: Bitfield
    /// Files with claimed pieces that are gone or were changed outside.
    package var touched: [Int] = []
    /// Set when the payload can't be reached: nothing is touched.
    package var isOffline = false

    /// One file of the torrent, as it was recorded and as it is.
    package struct File: Sendable {
        /// The pieces that the file's bytes are in; empty for pad and empty files.
        package let pieces: Range<PieceIndex>
        /// Bytes that the file has when it is whole.
        package let length: Int64
        package let recorded: FileFingerprint?
        package let current: FileFingerprint?
        /// Whether what is there is somebody else's, as far as is known: none of our runs made it.
        package let isForeign: Bool
        /// Whether one of our runs reserved it whole before there was anything to write.
        package let isReserved: Bool

        package init(
            pieces: Range<PieceIndex>, length: Int64, recorded: FileFingerprint?, current: FileFingerprint?,
            isForeign: Bool = false,
            isReserved: Bool = false
        ) {
            self.pieces = pieces
            self.length = length
            self.recorded = recorded
            self.current = current
            self.isForeign = isForeign
            self.isReserved = isReserved
        }
    }

    package struct Input: Sendable {
        /// What the database claims.
        package var have: Bitfield
        /// Pieces that were opened for writing and not recorded since: after a clean stop those that were in doubt
        /// already.
        package var opened: Bitfield
        /// Pieces of which nothing is on the disk. Nobody has to hash them to know that they are not there, unless they
        /// are claimed.
        package var unwritten: Bitfield
        package var files: [File]
        /// Whether the last run said goodbye.
        package var stoppedCleanly: Bool
        /// Unix nanoseconds until which the last run may have written; `nil` when there was none.
        package var aliveUntilNs: Int64?
        /// Whether the files can be seen: `Reach` in the room Disk decides.
        package var isOffline: Bool

        package init(
            have: Bitfield, opened: Bitfield, unwritten: Bitfield? = nil, files: [File], stoppedCleanly: Bool,
            aliveUntilNs: Int64?,
            isOffline: Bool = false
        ) {
            self.have = have
            self.opened = opened
            self.unwritten = unwritten ?? Bitfield(count: have.count)
            self.files = files
            self.stoppedCleanly = stoppedCleanly
            self.aliveUntilNs = aliveUntilNs
            self.isOffline = isOffline
        }
    }

    /// How long after its last sign of life a run may still have written: two heartbeats and the clock's coarseness.
    package static let graceNs: Int64 = 15_000_000_000

    package init(_ input: Input) {
        trusted = input.have
        doubtful = Bitfield(count: input.have.count)
        stale = doubtful
        reasons = [:]
        guard !input.isOffline else {
            isOffline = true
            return
        }
        for (number, file) in input.files.enumerated() { judge(file, number, input) }
        // Whether or not the last run said goodbye: one that couldn't finish a check, or stopped with a fault, left
        // them in doubt.
        doubt(input.opened.subtracting(input.have).pieces, .writtenSinceLastCommit, input)
        trusted.subtract(doubtful)
    }

    private mutating func judge(_ file: File, _ number: Int, _ input: Input) {
        guard !file.pieces.isEmpty else { return }
        switch (file.recorded, file.current) {
        case (nil, nil):
            // Never written; a claim without a fingerprint can only be of bytes in the part file.
            return
        case (nil, .some):
            // Ours if the last run made it and didn't come to the first commit; else it was there before. Of what is
            // claimed nobody knows that it is in this file: it wasn't recorded with it.
            let isOurs =
                !file.isForeign
                && (file.isReserved || (input.aliveUntilNs != nil && file.pieces.contains { input.opened[$0] }))
            doubt(file.pieces.lazy.filter { !isOurs || input.have[$0] }, .foundAtAdd(file: number), input)
        case (.some, nil):
            distrust(file, number, .fileMissing(file: number), input)
        case (.some(let recorded), .some(let current)):
            guard recorded != current, !isExplained(file, recorded, current, input) else { return }
            distrust(file, number, .changedOutside(file: number), input)
        }
    }

    /// Whether the last run can have made the difference itself, by writing after its last commit.
    private func isExplained(_ file: File, _ recorded: FileFingerprint, _ current: FileFingerprint, _ input: Input)
        -> Bool
    {
        guard let alive = input.aliveUntilNs else { return false }
        let (latest, overflow) = alive.addingReportingOverflow(input.stoppedCleanly ? 0 : Self.graceNs)
        return current.inode == recorded.inode && current.size >= recorded.size
            && current.size <= max(file.length, recorded.size)
            && current.mtimeNs >= recorded.mtimeNs && (overflow || current.mtimeNs <= latest)
            && file.pieces.contains { input.opened[$0] }
    }

    /// What is claimed of the file is in doubt, and blocks of its incomplete pieces are forgotten.
    private mutating func distrust(_ file: File, _ number: Int, _ reason: Reason, _ input: Input) {
        if file.pieces.contains(where: { input.have[$0] }) { touched.append(number) }
        for piece in file.pieces where !input.have[piece] { stale.insert(piece) }
        doubt(file.pieces.lazy.filter { input.have[$0] }, reason, input)
    }

    /// What is done for one of many files costs what it has pieces, not what the torrent has.
    private mutating func doubt(_ pieces: some Sequence<PieceIndex>, _ reason: Reason, _ input: Input) {
        var count = 0
        for piece in pieces where (input.have[piece] || !input.unwritten[piece]) && doubtful.insert(piece) {
            count += 1
        }
        if count > 0 { reasons[reason, default: 0] += count }
    }
}
