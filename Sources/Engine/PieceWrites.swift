import Disk
import Torrent

/// The pieces of one torrent on their way to the disk: their buffers, what the next sync must cover besides our own
/// writes, and the fingerprints that the next record carries.
struct PieceWrites {
    private var buffers: [PieceIndex: PieceBuffer] = [:]
    /// Pieces that a check found good. An earlier process may have left them in the page cache only, so the next sync
    /// covers their files.
    private var foundGood: Bitfield
    /// The fingerprints from the last sync, for the record that follows.
    private var synced: [FoundFile] = []

    init(pieceCount: Int) { foundGood = Bitfield(count: pieceCount) }

    // MARK: Buffers

    /// The buffer of the piece, if it has one.
    subscript(piece: PieceIndex) -> PieceBuffer? { buffers[piece] }

    /// Returns the piece's buffer, or a new one, which is the piece's only after ``keep(_:for:)``.
    func buffer(for piece: PieceIndex, of payload: Payload, on disk: Disk) throws(DiskError) -> PieceBuffer {
        if let known = buffers[piece] { return known }
        return try disk.buffer(for: piece, of: payload)
    }

    mutating func keep(_ buffer: PieceBuffer, for piece: PieceIndex) {
        if buffers[piece] == nil { buffers[piece] = buffer }
    }

    /// Removes the piece's buffer, and returns it.
    mutating func release(_ piece: PieceIndex) -> PieceBuffer? { buffers.removeValue(forKey: piece) }

    // MARK: Sync

    /// A check found the piece good.
    mutating func foundGood(_ piece: PieceIndex) { foundGood.insert(piece) }

    /// Returns the pieces that checks found good since the last sync; `nil` if there are none.
    mutating func takeFoundGood() -> Bitfield? {
        guard !foundGood.isEmpty else { return nil }
        defer { foundGood = Bitfield(count: foundGood.count) }
        return foundGood
    }

    /// A sync made these files durable.
    mutating func synced(_ files: [FoundFile]) { synced += files }

    /// Returns the fingerprints from the syncs since the last record.
    mutating func takeSynced() -> [FoundFile] {
        defer { synced = [] }
        return synced
    }
}
