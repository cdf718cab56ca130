package import Torrent

/// A piece that was recorded as present and turned out to be damaged.
package struct DamageRow: Row, Sendable, Hashable, Identifiable {
    /// What is wrong with the piece.
    package enum Kind: String, SQLValue, Sendable, CaseIterable {
        /// The bytes changed, and no program wrote to the file.
        case rot
        /// The disk can't read the bytes.
        case unreadable
        /// Another program changed the file.
        case edit
        /// The file is gone.
        case missing
    }

    /// How far its repair is.
    package enum State: String, SQLValue, Sendable, CaseIterable {
        /// The piece is fetched again as soon as a block source has it.
        case waiting
        /// No peer and no web seed that is known has the piece. It is looked for at each announce.
        case unavailable
        /// The bytes are kept until the user decides.
        case held
        /// The piece is written and recorded, and not read back yet.
        case written
        case repaired
    }

    package let id: Int64
    package let torrent: TorrentID
    package let piece: PieceIndex
    package let kind: Kind
    package let state: State
    /// The file's path below the output folder.
    package let path: String
    /// The offset in the file of the first byte that is known to be bad, or else of the piece.
    package let fileOffset: Int64
    /// The length of the piece.
    package let bytes: Int64
    /// How many bytes differed, or could not be read; `nil` if that isn't known.
    package let badBytes: Int64?
    package let badBits: Int64?
    package let volume: VolumeID?
    package let foundAt: Timestamp
    /// How often a repair didn't last.
    package let tries: Int
    /// From whom the piece was repaired.
    package let source: String?
    package let repairedAt: Timestamp?

    package static let columns = """
        d.id, d.torrent_id, d.piece, d.kind, d.state, d.path, d.file_offset, d.bytes, d.bad_bytes, d.bad_bits, \
        d.volume_id, d.found_at, d.tries, d.source, d.repaired_at
        """

    package init(_ row: Statement) throws(StoreError) {
        id = try row.next()
        torrent = try row.next()
        piece = PieceIndex(try row.nextCount())
        kind = try row.next()
        state = try row.next()
        path = try row.next()
        fileOffset = try row.nextBytes()
        bytes = try row.nextBytes()
        badBytes = try row.next()
        badBits = try row.next()
        volume = try row.next()
        foundAt = try row.next()
        tries = try row.nextCount()
        source = try row.next()
        repairedAt = try row.next()
    }
}

/// A piece that was just found damaged.
package struct NewDamage: Sendable, Hashable {
    package let piece: PieceIndex
    package let kind: DamageRow.Kind
    /// Whether the piece isn't fetched until the user says so.
    package let isHeld: Bool
    package let path: String
    package let fileOffset: Int64
    package let bytes: Int64
    /// How many bytes can't be read; `nil` if that isn't known.
    package let badBytes: Int64?

    package init(
        piece: PieceIndex, kind: DamageRow.Kind, isHeld: Bool, path: String, fileOffset: Int64, bytes: Int64,
        badBytes: Int64? = nil
    ) {
        self.piece = piece
        self.kind = kind
        self.isHeld = isHeld
        self.path = path
        self.fileOffset = fileOffset
        self.bytes = bytes
        self.badBytes = badBytes
    }

    /// The same, and the piece isn't fetched until the user says so.
    package func held() -> NewDamage {
        NewDamage(
            piece: piece, kind: kind, isHeld: true, path: path, fileOffset: fileOffset, bytes: bytes,
            badBytes: badBytes)
    }
}

/// A damaged piece that was written again.
package struct RepairedPiece: Sendable, Hashable {
    /// A byte of a payload file.
    package struct Place: Sendable, Hashable {
        /// The file's path below the output folder.
        package let path: String
        package let fileOffset: Int64

        package init(path: String, fileOffset: Int64) {
            self.path = path
            self.fileOffset = fileOffset
        }
    }

    package let piece: PieceIndex
    /// Who sent the piece.
    package let source: String
    /// The first byte that differed, or that could not be read; `nil` if there was none.
    package let firstBad: Place?
    package let badBytes: Int?
    package let badBits: Int?

    package init(piece: PieceIndex, source: String, firstBad: Place?, badBytes: Int?, badBits: Int?) {
        self.piece = piece
        self.source = source
        self.firstBad = firstBad
        self.badBytes = badBytes
        self.badBits = badBits
    }
}
