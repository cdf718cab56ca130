import Torrent

/// The progress of one torrent since its last record. All of it was synced to the disk before.
package struct ProgressRecord: Sendable {
    package let torrent: TorrentID
    /// Verified, written and synced: from now on these pieces are present.
    package var newPieces: [PieceIndex] = []
    /// Found missing or damaged: these pieces are no longer present.
    package var lostPieces: [PieceIndex] = []
    /// Written and synced, but unverified: the blocks of incomplete pieces. An empty mask deletes the piece's record.
    package var partials: [PartialPieceRow] = []
    /// No longer unverified, and not present: their write intent was never used, or they were checked and given up.
    package var closedPieces: [PieceIndex] = []
    /// The files' fingerprints after the sync.
    package var files: [FingerprintRow] = []
    /// The bytes in recorded pieces of each changed file.
    package var fileBytes: [FileBytes] = []
    package var downloadedDelta: Int64 = 0
    package var uploadedDelta: Int64 = 0
    package var wastedDelta: Int64 = 0
    /// Bytes of wanted files in recorded pieces, including this record's; `nil` keeps the saved value.
    package var completedBytes: Int64?
    /// When the new pieces were verified.
    package let verifiedAt: Timestamp
    /// Set when this record completes the wanted files.
    package var completedAt: Timestamp?

    package init(torrent: TorrentID, verifiedAt: Timestamp) {
        self.torrent = torrent
        self.verifiedAt = verifiedAt
    }
}

/// The blocks of an incomplete piece that are on the disk.
package struct PartialPieceRow: Sendable, Hashable {
    package let piece: PieceIndex
    /// One bit per block in wire order: block 0 is the highest bit of the first byte.
    package let blocks: [UInt8]

    package init(piece: PieceIndex, blocks: [UInt8]) {
        self.piece = piece
        self.blocks = blocks
    }
}

/// The state of a file right after its last sync.
package struct FingerprintRow: Sendable, Hashable {
    /// The ``index`` of the part file, which holds the bytes of skipped files in boundary pieces.
    package static let partFile = -1

    /// The file's index in the metainfo, from 0, or ``partFile``.
    package let index: Int
    package let size: Int64
    package let mtimeNs: Int64
    /// The bit pattern of the system's unsigned number.
    package let inode: Int64
    /// The bit pattern of the system's unsigned number.
    package let device: Int64
    /// When the file was created, in nanoseconds since 1970; `nil` when unknown. It distinguishes two files with the
    /// same inode, and doesn't show whether a file changed.
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

    /// Whether the file is unchanged: the creation time is not compared.
    package static func == (a: Self, b: Self) -> Bool {
        (a.index, a.size, a.mtimeNs, a.inode, a.device) == (b.index, b.size, b.mtimeNs, b.inode, b.device)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(index)
        hasher.combine(mtimeNs)
        hasher.combine(inode)
    }

    /// Whether both are fingerprints of the same file, changed or not.
    package func isSameFile(as other: Self) -> Bool {
        guard inode == other.inode else { return false }
        guard let bornNs, let otherBirth = other.bornNs else { return true }
        return bornNs == otherBirth
    }
}

/// The number of a file's bytes in recorded pieces.
package struct FileBytes: Sendable, Hashable {
    package let index: Int
    package let completed: Int64

    package init(index: Int, completed: Int64) {
        self.index = index
        self.completed = completed
    }
}
