import Torrent

/// What a verification found in one torrent.
package struct VerificationResult: Sendable {
    package enum Outcome: Sendable, Equatable {
        case verified
        /// There is nothing of it on the disk, and nothing was claimed.
        case nothingThere
        case interrupted
        /// One sentence: the payload is out of reach, and what was claimed of it stays as it was.
        case offline(String)
        /// One sentence: the payload can't be reached, or parts of it can't be read.
        case failed(String)
    }

    package enum FileState: String, Sendable {
        case good, bad, missing
        /// It shares wrong pieces with a file that explains them, and nothing speaks against it.
        case shares
        /// It shares a wrong piece with files none of which explains it, or it can't be read.
        case unknown
    }

    package struct File: Sendable {
        /// `nil` for the part file.
        package let entry: FileEntry?
        /// Below the output folder.
        package let path: String
        package var state: FileState
        package let look: Attribution.Look
        /// The pieces that are wrong because of this file.
        package let blame: Attribution.Count
        /// What was found of all of its pieces, those that it shares too.
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
    /// Claims that were confirmed before this verification was interrupted, and not looked at again.
    package var confirmedBefore = 0
    /// The files that have something to do with the pieces that were looked at.
    package var files: [File] = []
    /// The part file, when it is to blame for something.
    package var partFile: File?
    /// Wrong pieces that no file explains.
    package var riddles: [Attribution.Riddle] = []

    /// The files that are missing or bad, the part file last.
    package var culprits: [File] {
        (files + (partFile.map { [$0] } ?? [])).filter { $0.state == .missing || $0.state == .bad }
    }

    package var checked: Int { good + bad + missing + unreadable }

    /// Whether something is not as it should be, as far as was asked: a claim is wrong, or payload that was to be
    /// adopted isn't all there.
    package var hasDamage: Bool {
        switch scope {
        case .claimed: damaged > 0
        case .everything: bad + missing > 0
        }
    }
}
