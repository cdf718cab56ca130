import Torrent

/// One connection of a torrent, for as long as it lasts; never used again.
package struct PeerKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: UInt32

    package init(_ value: UInt32) { self.value = value }

    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    package var description: String { "peer \(value)" }
}

/// A part of a piece that a peer asked for: at most ``Swarm/longestRequest`` bytes, inside a piece that we have.
package struct BlockRequest: Hashable, Sendable {
    package let piece: PieceIndex
    /// Bytes from the piece's beginning.
    package let begin: Int
    package let length: Int

    package init(piece: PieceIndex, begin: Int, length: Int) {
        self.piece = piece
        self.begin = begin
        self.length = length
    }
}

/// What the brain says to a peer; the shell puts it into the wire's words.
package enum Outgoing: Equatable, Sendable {
    case keepAlive
    case choke
    case unchoke
    case interested
    case notInterested
    case have(PieceIndex)
    /// The first message: what we have, in the shortest words that the peer understands.
    case pieces(Bitfield)
    case request(BlockRequest)
    case cancel(BlockRequest)
    case reject(BlockRequest)
    /// Whether we want nothing more (BEP 21).
    case uploadOnly(Bool)
}

/// Why a connection is ended by us.
package enum DisconnectReason: Equatable, Sendable, CustomStringConvertible {
    case bothSeeding
    case banned(String)
    case protocolError(String)
    case silent
    case tooManyPeers
    case paused
    case ownConnection
    case duplicate
    /// It takes nothing of what it asked for.
    case deaf
    /// Another one needs the place more.
    case idle
    /// Its messages cost more than they bring.
    case wasteful(String)

    package var description: String {
        switch self {
        case .bothSeeding: "both have everything"
        case .banned(let why): "banned: \(why)"
        case .protocolError(let what): "protocol error: \(what)"
        case .silent: "nothing received for too long"
        case .tooManyPeers: "too many peers"
        case .paused: "the torrent was stopped"
        case .ownConnection: "connected to ourselves"
        case .duplicate: "connected twice"
        case .deaf: "does not read the data it requested"
        case .idle: "idle, and another peer needs the connection"
        case .wasteful(let how): how
        }
    }
}

/// What the database is told in one transaction, of data that is synced; it is applied in the order `doubted`, `lost`,
/// `closed`, `pieces`.
package struct Record: Equatable, Sendable {
    /// Pieces that hash right on disk: claimed from now on, in no doubt, and without a mask of blocks.
    package var pieces: [PieceIndex] = []
    /// Pieces that are in doubt from now on, whether or not they were claimed: not claimed, and looked at by the next
    /// start.
    package var doubted: [PieceIndex] = []
    /// Pieces that were claimed and are lost.
    package var lost: [PieceIndex] = []
    /// Blocks of incomplete pieces that stand in their place on disk; an empty mask forgets the piece.
    package var partials: [PartialPiece] = []
    /// Pieces that were opened and are in no doubt any more.
    package var closed: [PieceIndex] = []

    package var isEmpty: Bool {
        pieces.isEmpty && doubted.isEmpty && lost.isEmpty && partials.isEmpty && closed.isEmpty
    }
}

/// Which blocks of an incomplete piece stand on disk.
package struct PartialPiece: Hashable, Sendable {
    package let piece: PieceIndex
    package let blocks: [Bool]

    package init(piece: PieceIndex, blocks: [Bool]) {
        self.piece = piece
        self.blocks = blocks
    }

    /// Nothing is known of the piece any more.
    static func nothing(of piece: PieceIndex) -> Self { Self(piece: piece, blocks: []) }
}

/// What is wrong with the local machine, so that the torrent waits.
package struct Fault: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case diskFull, input, offline, database
        /// There is room for the record of what is on the disk, and not for more.
        case databaseFull
        /// A file that would have to be written isn't the torrent's: the user has to settle that, or another torrent
        /// has to get further.
        case ownership
    }

    package let kind: Kind
    /// One sentence that names the thing and says what to do.
    package let text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}

/// What the shell of the brain is to do. Those that can fail are answered by exactly one event, named at each.
///
/// ``open(_:)`` and ``record(_:)`` reach the database in the order in which they are returned, or in one transaction.
package enum Effect: Equatable, Sendable {
    /// Answered by ``Swarm/connected(_:now:)`` or ``Swarm/dialFailed(_:now:)``.
    case dial(PeerAddress)
    /// Answered by ``Swarm/closed(_:now:)``.
    case disconnect(PeerKey, DisconnectReason)
    case send(PeerKey, Outgoing)
    /// Read a block and send it; answered by ``Swarm/served(_:_:now:)`` or ``Swarm/serveFailed(_:_:fault:now:)``.
    case serve(PeerKey, BlockRequest)
    /// Note down that these pieces may be written from now on; answered by ``Swarm/opened(_:now:)`` or
    /// ``Swarm/openFailed(_:fault:now:)``.
    case open([PieceIndex])
    /// Hash the piece and write it when it is right; answered by ``Swarm/verified(_:digests:now:)``,
    /// ``Swarm/hashFailed(_:digests:now:)`` or
    /// ``Swarm/writeFailed(_:fault:now:)``.
    case verify(Verification)
    /// Forget the piece's buffer. An incomplete piece may be released too, when it is parked: its next block gets a new
    /// one.
    case release(PieceIndex)
    /// Write blocks of an incomplete piece to their place; answered by ``Swarm/blocksWritten(_:_:now:)`` or
    /// ``Swarm/blocksFailed(_:_:fault:now:)``.
    case writeBlocks(PieceIndex, [Int])
    /// Make everything durable that was written to these pieces' files; answered by ``Swarm/synced(now:)`` or
    /// ``Swarm/syncFailed(fault:now:)``.
    case sync([PieceIndex])
    /// Tell the database, in one transaction; answered by ``Swarm/recorded(now:)`` or
    /// ``Swarm/recordFailed(fault:now:)``.
    case record(Record)
    /// Hash what is on disk, not what a failed sync left in the page cache; answered by ``Swarm/checked(_:_:now:)`` for
    /// each piece that was looked at, then by ``Swarm/checkEnded(now:)``. A shell that stops the torrent ends the check
    /// first.
    case check([PieceIndex])
    /// Look whether the fault is gone; answered by ``Swarm/probed(_:now:)``.
    case probe(Fault.Kind)
    /// Look whether another program changed a file since the last record; answered by ``Swarm/inspected(_:now:)``.
    case inspect
    /// The torrent has come to rest after ``Swarm/stop(now:)``: nothing is in flight to the database or to be written,
    /// all that could be is recorded, and no buffer is needed any more.
    case stopped
    /// The host isn't to be taken again when it dials: it lied. Not answered.
    case shun(PeerAddress.Host, reason: String)
    /// The host's connection was ended for waste: to be shunned when that comes to be too often. Not answered.
    case strike(PeerAddress.Host, reason: String)
    case note(Note)
}

/// A complete piece to be hashed and written.
package struct Verification: Equatable, Sendable {
    package let piece: PieceIndex
    /// Blocks that aren't in the piece's buffer and are read from disk first.
    package let fromDisk: [Bool]
    /// Blocks that stand on disk already.
    package let isWritten: [Bool]
    /// Whether the answer is to carry a digest for each block, even when the piece is right.
    package let wantsDigests: Bool
    /// Whether a peer gets little to do until the answer is there, or it is the last: it is worth more than a full set
    /// of lanes.
    package let isAwaited: Bool
}

/// What the log is told.
package enum Note: Equatable, Sendable {
    /// A piece failed its hash; these sent it.
    /// `untold` others failed since the last that was told of.
    case pieceFailed(PieceIndex, senders: [PeerAddress], untold: Int)
    case banned(PeerAddress, reason: String)
    /// All doubtful pieces were looked at.
    case checkedAll(good: Int, bad: Int, missing: Int)
    /// Everything that is wanted is there and recorded.
    case completed
    case fault(Fault)
    case faultGone(Fault.Kind)
}
