package import Torrent

/// The result of verifying one torrent.
package struct VerificationResult: Sendable {
    package enum Outcome: Sendable, Equatable {
        case verified
        /// Nothing of the torrent is on the disk, and nothing was recorded as present.
        case nothingThere
        case interrupted
        /// One sentence: the payload is unreachable, and its record stays as it was.
        case offline(String)
        /// One sentence: the payload is unreachable, or parts of it can't be read.
        case failed(String)
    }

    package enum FileState: String, Sendable {
        case good, bad, missing
        /// The file shares wrong pieces with a file that explains them; nothing indicates that this one is bad.
        case shares
        /// The file shares a wrong piece with files none of which explains it, or it can't be read.
        case unknown
    }

    package struct File: Sendable {
        /// `nil` for the part file.
        package let entry: FileEntry?
        /// The path below the output folder.
        package let path: String
        package var state: FileState
        package let look: Attribution.Look
        /// The pieces that are wrong because of this file.
        package let blame: Attribution.Count
        /// The verdicts of all of the file's pieces, including shared ones.
        package var good = 0
        package var bad = 0
        package var missing = 0
        package var unreadable = 0

        package var checked: Int { good + bad + missing + unreadable }
    }

    package var torrent: StoredTorrent
    package let scope: VerificationScope
    package var outcome = Outcome.verified
    package var good = 0
    package var bad = 0
    package var missing = 0
    package var unreadable = 0
    package var adopted = 0
    package var damaged = 0
    /// Damaged pieces that another program changed, so that they are kept as they are.
    package var edited = 0
    /// Pieces that were confirmed before this verification was interrupted, and not checked again.
    package var confirmedBefore = 0
    /// The files that the checked pieces touch.
    package var files: [File] = []
    /// The part file, if it is to blame for a piece.
    package var partFile: File?
    /// Wrong pieces that no file explains.
    package var riddles: [Attribution.Riddle] = []

    /// The files that are missing or bad, the part file last.
    package var culprits: [File] {
        (files + (partFile.map { [$0] } ?? [])).filter { $0.state == .missing || $0.state == .bad }
    }

    package var checked: Int { good + bad + missing + unreadable }

    /// Whether something within the scope is wrong: a recorded piece is not good, or payload that was to be adopted is
    /// incomplete.
    package var hasDamage: Bool {
        switch scope {
        case .claimed: damaged > 0
        case .everything: bad + missing > 0
        }
    }
}
