import Torrent

/// Identifies one connection of a torrent. A key is never used again.
package struct PeerKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: UInt32

    package init(_ value: UInt32) { self.value = value }

    package static func < (a: Self, b: Self) -> Bool { a.value < b.value }
    package var description: String { "peer \(value)" }
}

/// A part of a piece that a peer requests: at most ``Swarm/longestRequest`` bytes, within a piece that is present.
package struct BlockRequest: Hashable, Sendable {
    package let piece: PieceIndex
    /// The offset in bytes from the piece's beginning.
    package let begin: Int
    package let length: Int

    package init(piece: PieceIndex, begin: Int, length: Int) {
        self.piece = piece
        self.begin = begin
        self.length = length
    }
}

/// A message from the brain to a peer. The shell encodes it for the wire.
package enum Outgoing: Equatable, Sendable {
    case keepAlive
    case choke
    case unchoke
    case interested
    case notInterested
    case have(PieceIndex)
    /// The first message: the pieces that are present, in the shortest form that the peer understands.
    case pieces(Bitfield)
    case request(BlockRequest)
    case cancel(BlockRequest)
    case reject(BlockRequest)
    /// Whether we want nothing more (BEP 21).
    case uploadOnly(Bool)
}

/// Why we end a connection.
package enum DisconnectReason: Equatable, Sendable, CustomStringConvertible {
    case bothSeeding
    case banned(String)
    case protocolError(String)
    case silent
    case tooManyPeers
    case paused
    case ownConnection
    case duplicate
    /// The peer reads none of the data it requested.
    case deaf
    /// Another peer needs the place more.
    case idle
    /// The peer's messages cost more than they bring.
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

/// What one transaction records about synced data. The database applies it in the order `doubted`, `lost`, `closed`,
/// `pieces`.
package struct Record: Equatable, Sendable {
    /// Pieces that passed their hash check on disk: present from now on, no longer unverified, and without a block
    /// mask.
    package var pieces: [PieceIndex] = []
    /// Pieces that are unverified from now on, whether or not they were recorded as present; the next start checks
    /// them.
    package var doubted: [PieceIndex] = []
    /// Pieces that were recorded as present and are lost.
    package var lost: [PieceIndex] = []
    /// Blocks of incomplete pieces that are in their place on disk. An empty mask forgets the piece.
    package var partials: [PartialPiece] = []
    /// Pieces whose write intent ends and that are no longer unverified.
    package var closed: [PieceIndex] = []

    package var isEmpty: Bool {
        pieces.isEmpty && doubted.isEmpty && lost.isEmpty && partials.isEmpty && closed.isEmpty
    }
}

/// The blocks of an incomplete piece that are on disk.
package struct PartialPiece: Hashable, Sendable {
    package let piece: PieceIndex
    package let blocks: [Bool]

    package init(piece: PieceIndex, blocks: [Bool]) {
        self.piece = piece
        self.blocks = blocks
    }

    /// Forgets the recorded blocks of the piece.
    static func nothing(of piece: PieceIndex) -> Self { Self(piece: piece, blocks: []) }
}

/// A fault of the local machine that makes the torrent wait.
package struct Fault: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case diskFull, input, offline, database
        /// The database has room to record what is on disk, but for nothing more.
        case databaseFull
        /// A file that must be written doesn't belong to the torrent. The user must resolve that, or another torrent
        /// must make progress first.
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

/// An action for the shell to perform. Each effect that can fail is answered by exactly one event, named in its
/// comment.
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
    /// Record write intents for these pieces; answered by ``Swarm/opened(_:now:)`` or
    /// ``Swarm/openFailed(_:fault:now:)``.
    case open([PieceIndex])
    /// Hash the piece, and write it if the hash matches; answered by ``Swarm/verified(_:digests:now:)``,
    /// ``Swarm/hashFailed(_:digests:now:)`` or ``Swarm/writeFailed(_:fault:now:)``.
    case verify(Verification)
    /// Free the piece's buffer. A parked piece is released while incomplete: its next block gets a new buffer.
    case release(PieceIndex)
    /// Write blocks of an incomplete piece to their place; answered by ``Swarm/blocksWritten(_:_:now:)`` or
    /// ``Swarm/blocksFailed(_:_:fault:now:)``.
    case writeBlocks(PieceIndex, [Int])
    /// Sync everything that was written to these pieces' files; answered by ``Swarm/synced(now:)`` or
    /// ``Swarm/syncFailed(fault:now:)``.
    case sync([PieceIndex])
    /// Commit the record in one transaction; answered by ``Swarm/recorded(now:)`` or
    /// ``Swarm/recordFailed(fault:now:)``.
    case record(Record)
    /// Hash these pieces as the disk has them, not as a failed sync left them in the page cache; answered by
    /// ``Swarm/checked(_:_:now:)`` for each piece, then by ``Swarm/checkEnded(now:)``. A shell that stops the torrent
    /// cancels the check first.
    case check([PieceIndex])
    /// Check whether the fault is gone; answered by ``Swarm/probed(_:now:)``.
    case probe(Fault.Kind)
    /// Check whether another program changed a file since the last record; answered by ``Swarm/inspected(_:now:)``.
    case inspect
    /// The torrent is at rest after ``Swarm/stop(now:)``: no write or transaction is in flight, everything that could
    /// be recorded is, and the buffers can be freed.
    case stopped
    /// Reject the host when it dials again, because it sent wrong data. Not answered.
    case shun(PeerAddress.Host, reason: String)
    /// A connection of the host was ended for waste; the host is shunned after too many of these. Not answered.
    case strike(PeerAddress.Host, reason: String)
    case note(Note)
}

/// A complete piece that must be hashed and written.
package struct Verification: Equatable, Sendable {
    package let piece: PieceIndex
    /// Blocks that aren't in the piece's buffer and must be read from disk first.
    package let fromDisk: [Bool]
    /// Blocks that are already on disk.
    package let isWritten: [Bool]
    /// Whether the answer must carry a digest of each block even if the piece passes.
    package let wantsDigests: Bool
    /// Whether to hash the piece without waiting for a full set of lanes: a peer on probation gets little to do until
    /// the answer comes, or nothing else is left to download.
    package let isAwaited: Bool
}

/// An event for the log.
package enum Note: Equatable, Sendable {
    /// A piece that `senders` sent failed its hash check. `untold` more failures since the last note were not reported.
    case pieceFailed(PieceIndex, senders: [PeerAddress], untold: Int)
    case banned(PeerAddress, reason: String)
    /// All unverified pieces were checked.
    case checkedAll(good: Int, bad: Int, missing: Int)
    /// Every wanted piece is present and recorded.
    case completed
    case fault(Fault)
    case faultGone(Fault.Kind)
}
