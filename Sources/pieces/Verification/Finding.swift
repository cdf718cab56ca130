import Disk
import Store
import Torrent

/// What a verification found out about a part of a torrent, to be written down.
struct Finding: Sendable {
    let torrent: StoredTorrent
    /// Claimed, and right.
    var confirmed: [PieceIndex] = []
    /// Right and synced, and not claimed before.
    var adopted: [PieceIndex] = []
    /// Claimed, and wrong or missing.
    var damaged: [PieceIndex] = []
    /// Files as they are, all of whose claims were looked at.
    var fingerprints: [FingerprintRow] = []
    /// Files with damage that are not there any more.
    var missingFiles: [Int] = []
    /// The volume that the payload is on, when the database is to remember it.
    var volume: Volume?
    /// Set with what was found of the torrent in all, when it is through.
    var result: VerificationResult?

    var id: TorrentID { torrent.row.id }

    init(_ torrent: StoredTorrent, result: VerificationResult? = nil) {
        self.torrent = torrent
        self.result = result
    }
}

/// What a verification found in one torrent.
struct VerificationResult: Sendable {
    enum Outcome: Sendable, Equatable {
        case verified
        /// There is nothing of it on the disk, and nothing was claimed.
        case nothingThere
        case interrupted
        /// One sentence: the payload is out of reach, and what was claimed of it stays as it was.
        case offline(String)
        /// One sentence: the payload can't be reached, or parts of it can't be read.
        case failed(String)
    }

    enum FileState: String, Sendable {
        case good, bad, missing
        /// It shares wrong pieces with a file that explains them, and nothing speaks against it.
        case shares
        /// It shares a wrong piece with files none of which explains it, or it can't be read.
        case unknown
    }

    struct File: Sendable {
        /// `nil` for the part file.
        let entry: FileEntry?
        /// Below the output folder.
        let path: String
        var state: FileState
        let look: Attribution.Look
        /// The pieces that are wrong because of this file.
        let blame: Attribution.Count
        /// What was found of all of its pieces, those that it shares too.
        var good = 0
        var bad = 0
        var missing = 0
        var unreadable = 0

        var checked: Int { good + bad + missing + unreadable }
    }

    var torrent: StoredTorrent
    let scope: VerificationScope
    var outcome = Outcome.verified
    var good = 0
    var bad = 0
    var missing = 0
    var unreadable = 0
    var adopted = 0
    var damaged = 0
    /// Claims that were confirmed before this verification was interrupted, and not looked at again.
    var confirmedBefore = 0
    /// The files that have something to do with the pieces that were looked at.
    var files: [File] = []
    /// The part file, when it is to blame for something.
    var partFile: File?
    /// Wrong pieces that no file explains.
    var riddles: [Attribution.Riddle] = []

    /// The files that are missing or bad, the part file last.
    var culprits: [File] { (files + (partFile.map { [$0] } ?? [])).filter { $0.state == .missing || $0.state == .bad } }

    var checked: Int { good + bad + missing + unreadable }

    /// Whether something is not as it should be, as far as was asked: a claim is wrong, or payload that was to be
    /// adopted isn't all there.
    var hasDamage: Bool {
        switch scope {
        case .claimed: damaged > 0
        case .everything: bad + missing > 0
        }
    }
}
