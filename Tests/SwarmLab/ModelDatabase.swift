import Swarm
import Torrent

/// What one client's database holds: each change is a transaction that is there after a crash, or isn't.
struct ModelDatabase {
    enum Change {
        case open([PieceIndex])
        case record(Record, fingerprints: [Int: FileFingerprint])
    }

    var have: Bitfield
    var opened: Bitfield
    var partials: [PieceIndex: [Bool]] = [:]
    var fingerprints: [Int: FileFingerprint] = [:]
    /// The last sign of life, unix nanoseconds.
    var aliveNs: Int64?
    var peers: [PeerAddress: AddressBook.Entry] = [:]
    var trackers: [Announcer.Tracker] = []

    init(pieceCount: Int) {
        have = Bitfield(count: pieceCount)
        opened = have
    }

    mutating func apply(_ change: Change) {
        switch change {
        case .open(let pieces):
            for piece in pieces { opened.insert(piece) }
        case .record(let record, let fingerprints):
            for piece in record.doubted {
                have.remove(piece)
                opened.insert(piece)
            }
            for piece in record.lost { have.remove(piece) }
            for piece in record.closed { opened.remove(piece) }
            for partial in record.partials {
                partials[partial.piece] = partial.blocks.contains(true) ? partial.blocks : nil
            }
            for piece in record.pieces {
                have.insert(piece)
                opened.remove(piece)
                partials[piece] = nil
            }
            self.fingerprints.merge(fingerprints) { $1 }
        }
    }
}
