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
        /// One sentence: the payload can't be reached, or parts of it can't be read.
        case failed(String)
    }

    enum FileState: String, Sendable {
        case good, bad, missing
    }

    struct File: Sendable {
        let entry: FileEntry
        let state: FileState
        /// Whether the file looked the same as after its last sync: then what is bad rotted, and nobody wrote it.
        let isUntouched: Bool
        let good: Int
        let bad: Int
        let missing: Int
    }

    let torrent: StoredTorrent
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

    var checked: Int { good + bad + missing + unreadable }

    /// Whether something is not as it should be, as far as was asked: a claim is wrong, or payload that was to be adopted isn't all there.
    var hasDamage: Bool {
        switch scope {
        case .claimed: damaged > 0
        case .everything: bad + missing > 0
        }
    }
}
