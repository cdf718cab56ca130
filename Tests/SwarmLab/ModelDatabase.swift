import Swarm
import Torrent

/// What one client's database holds: each change is a transaction that is there after a crash, or isn't.
struct ModelDatabase {
    enum Change {
        case intents([PieceIndex])
        case record(Claim, fingerprints: [Int: FileFingerprint])
    }

    var have: Bitfield
    var intents: Bitfield
    var partials: [PieceIndex: BlockSet] = [:]
    var fingerprints: [Int: FileFingerprint] = [:]
    /// The last sign of life, unix nanoseconds.
    var aliveNs: Int64?
    var peers: [PeerAddress: AddressBook.Entry] = [:]
    var trackers: [Announcer.Tracker] = []

    init(pieceCount: Int) {
        have = Bitfield(count: pieceCount)
        intents = have
    }

    mutating func apply(_ change: Change) {
        switch change {
        case .intents(let pieces):
            for piece in pieces { intents.insert(piece) }
        case .record(let claim, let fingerprints):
            for piece in claim.unverified {
                have.remove(piece)
                intents.insert(piece)
            }
            for piece in claim.closed { intents.remove(piece) }
            for partial in claim.partials {
                partials[partial.piece] = partial.blocks.isEmpty ? nil : partial.blocks
            }
            for piece in claim.pieces {
                have.insert(piece)
                intents.remove(piece)
                partials[piece] = nil
            }
            self.fingerprints.merge(fingerprints) { $1 }
        }
    }
}
