import Disk
import Store
import Torrent
import Verification

/// The damaged pieces of an active torrent, from the time they are found until they are read back.
struct RepairBook {
    private var damage: [PieceIndex: DamageRow.State] = [:]
    /// Those of them that another program changed.
    private var edits: Set<PieceIndex> = []
    private var sources: [PieceIndex: String] = [:]
    private var differences: [PieceIndex: PieceDifference] = [:]
    /// Recorded pieces that are being read back.
    private var unread: Set<PieceIndex> = []

    init(_ rows: [DamageRow]) { reread(rows) }

    var isEmpty: Bool { damage.isEmpty }

    func state(of piece: PieceIndex) -> DamageRow.State? { damage[piece] }

    /// Pieces that aren't fetched until the user says so, and `suspects`, which may turn out to be such; `nil` if there
    /// are none.
    func withheld(count: Int, and suspects: Bitfield? = nil) -> Bitfield? {
        let held = pieces(count: count) { $0 == .held }
        guard var suspects, !suspects.isEmpty else { return held }
        if let held { suspects.formUnion(held) }
        return suspects
    }

    /// Edits whose bytes are kept.
    func heldEdits(count: Int) -> Bitfield {
        var pieces = Bitfield(count: count)
        for piece in edits where damage[piece] == .held && piece.value < count { pieces.insert(piece) }
        return pieces
    }

    /// Pieces that are fetched again.
    func wanted(count: Int) -> Bitfield { pieces(count: count) { $0 != .held } ?? Bitfield(count: count) }

    private func pieces(count: Int, where matches: (DamageRow.State) -> Bool) -> Bitfield? {
        var pieces = Bitfield(count: count)
        for (piece, state) in damage where matches(state) && piece.value < count { pieces.insert(piece) }
        return pieces.isEmpty ? nil : pieces
    }

    /// A scrub found damage.
    mutating func found(_ new: [NewDamage]) {
        for one in new {
            damage[one.piece] = one.isHeld ? .held : .waiting
            if one.kind == .edit { edits.insert(one.piece) } else { edits.remove(one.piece) }
            sources[one.piece] = nil
            differences[one.piece] = nil
            unread.remove(one.piece)
        }
    }

    /// The database's rows were read again.
    mutating func reread(_ rows: [DamageRow]) {
        damage = Dictionary(rows.map { ($0.piece, $0.state) }) { first, _ in first }
        edits = Set(rows.lazy.filter { $0.kind == .edit }.map(\.piece))
    }

    mutating func differs(_ piece: PieceIndex, by difference: PieceDifference) { differences[piece] = difference }

    /// The piece was fetched and written.
    mutating func written(_ piece: PieceIndex, from source: String) { sources[piece] = source }

    /// What the record of these pieces says of their repair.
    func repaired(among pieces: [PieceIndex], of metainfo: Metainfo) -> [RepairedPiece] {
        pieces.compactMap { piece in
            guard let source = sources[piece], damage[piece] != nil else { return nil }
            let difference = differences[piece]
            let isWhole = difference.map { $0.unreadable == 0 } ?? false
            let first = difference?.first.map { offset in
                let place = metainfo.place(of: piece, at: offset)
                return RepairedPiece.Place(path: place.path, fileOffset: place.fileOffset)
            }
            return RepairedPiece(
                piece: piece, source: source, firstBad: first, badBytes: difference?.bytes,
                badBits: isWhole ? difference?.bits : nil)
        }
    }

    /// These pieces are recorded. Returns those that must be read back.
    mutating func recorded(_ pieces: [PieceIndex]) -> [PieceIndex] {
        let repaired = pieces.filter { damage[$0] != nil && damage[$0] != .written && !unread.contains($0) }
        for piece in repaired {
            damage[piece] = .written
            unread.insert(piece)
        }
        return repaired
    }

    /// The piece was read back. Returns how it differed and from whom it came.
    mutating func readBack(_ piece: PieceIndex) -> (difference: PieceDifference?, source: String?)? {
        guard unread.remove(piece) != nil, damage.removeValue(forKey: piece) != nil else { return nil }
        return (differences.removeValue(forKey: piece), sources.removeValue(forKey: piece))
    }

    /// These pieces were found good by a check.
    mutating func settled(_ pieces: [PieceIndex]) {
        for piece in pieces {
            damage[piece] = nil
            sources[piece] = nil
            differences[piece] = nil
        }
    }

    /// The given pieces that no source has, or have sources again: those whose state changes.
    mutating func unavailable(_ pieces: [PieceIndex]) -> (lacking: [PieceIndex], found: [PieceIndex]) {
        let now = Set(pieces)
        let lacking = pieces.filter { damage[$0] == .waiting }
        let found = damage.filter { $0.value == .unavailable && !now.contains($0.key) }.keys.sorted()
        for piece in lacking { damage[piece] = .unavailable }
        for piece in found { damage[piece] = .waiting }
        return (lacking, found)
    }
}
