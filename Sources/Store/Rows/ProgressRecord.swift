import Torrent

/// What became true of one torrent since its last record; all of it was synced to the disk before.
package struct ProgressRecord: Sendable {
    package let torrent: TorrentID
    /// Verified, written and synced: from now on they are had.
    package var newPieces: [PieceIndex] = []
    /// Found missing or damaged: they are not had any more.
    package var lostPieces: [PieceIndex] = []
    /// Written and synced, unverified: the blocks that incomplete pieces have. An empty mask forgets the piece's.
    package var partials: [PartialPieceRow] = []
    /// No longer in doubt, though not had: opened and never written, or looked at and given up.
    package var closedPieces: [PieceIndex] = []
    /// The files as they are after the sync.
    package var files: [FingerprintRow] = []
    /// The bytes of each changed file in recorded pieces.
    package var fileBytes: [FileBytes] = []
    package var downloadedDelta: Int64 = 0
    package var uploadedDelta: Int64 = 0
    package var wastedDelta: Int64 = 0
    /// Bytes of wanted files in recorded pieces, this record's among them; `nil` leaves them.
    package var completedBytes: Int64?
    /// When the new pieces were verified.
    package let verifiedAt: Timestamp
    /// Set when this record completes what is wanted.
    package var completedAt: Timestamp?

    package init(torrent: TorrentID, verifiedAt: Timestamp) {
        self.torrent = torrent
        self.verifiedAt = verifiedAt
    }
}

/// The blocks of an incomplete piece that are on the disk.
package struct PartialPieceRow: Sendable, Hashable {
    package let piece: PieceIndex
    /// A bit a block in the order of the wire: block 0 is the highest bit of the first byte.
    package let blocks: [UInt8]

    package init(piece: PieceIndex, blocks: [UInt8]) {
        self.piece = piece
        self.blocks = blocks
    }
}

/// How a file looked right after its last sync.
package struct FingerprintRow: Sendable, Hashable {
    /// The ``index`` of the part file, which holds what boundary pieces have of skipped files.
    package static let partFile = -1

    /// The file's place in the metainfo, from 0, or ``partFile``.
    package let index: Int
    package let size: Int64
    package let mtimeNs: Int64
    /// The bit pattern of the system's unsigned number.
    package let inode: Int64
    /// The bit pattern of the system's unsigned number.
    package let device: Int64
    /// When the file was created, nanoseconds since 1970; `nil` where nobody knows. It tells two files apart that have
    /// the same inode, and says nothing of whether a file changed.
    package let bornNs: Int64?

    package init(index: Int, size: Int64, mtimeNs: Int64, inode: Int64, device: Int64, bornNs: Int64? = nil) {
        self.bornNs = bornNs
        self.index = index
        self.size = size
        self.mtimeNs = mtimeNs
        self.inode = inode
        self.device = device
    }

    init(_ row: Statement) throws(StoreError) {
        index = try row.next()
        size = try row.next()
        mtimeNs = try row.next()
        inode = try row.next()
        device = try row.next()
        bornNs = try row.next()
    }

    /// Whether the file looks the same.
    package static func == (a: Self, b: Self) -> Bool {
        (a.index, a.size, a.mtimeNs, a.inode, a.device) == (b.index, b.size, b.mtimeNs, b.inode, b.device)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(index)
        hasher.combine(mtimeNs)
        hasher.combine(inode)
    }

    /// Whether both are of one file, changed or not.
    package func isSameFile(as other: Self) -> Bool {
        guard inode == other.inode else { return false }
        guard let bornNs, let otherBirth = other.bornNs else { return true }
        return bornNs == otherBirth
    }
}

/// How much of a file is in recorded pieces.
package struct FileBytes: Sendable, Hashable {
    package let index: Int
    package let completed: Int64

    package init(index: Int, completed: Int64) {
        self.index = index
        self.completed = completed
    }
}
