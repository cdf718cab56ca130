import Store
import Torrent
import Verification

/// The recorded pieces of files that another program changed, while they are checked: bad ones are edits, whose bytes
/// are kept until the user says otherwise (law 4 of the design).
///
/// The database marks the suspects before they lose their claims, so that a start after a crash in the middle of the
/// check still knows that they were recorded.
struct EditWatch {
    /// Pieces that weren't checked yet.
    private(set) var suspects: Bitfield
    /// Edits that no transaction has recorded yet.
    private var found: [PieceIndex: NewDamage] = [:]
    /// Edits of the check under way, by the file that the event names.
    private var byFile: [String: Int] = [:]
    private var isMarked: Bool
    /// Whether a suspect was hashed since the last report.
    private var hasNews = false

    init(_ suspects: Bitfield) {
        self.suspects = suspects
        isMarked = !suspects.isEmpty
    }

    /// These recorded pieces are about to be checked, because their files changed. Their mark is in the database.
    mutating func suspect(_ pieces: Bitfield) {
        suspects.formUnion(pieces)
        isMarked = isMarked || !pieces.isEmpty
    }

    /// The piece was hashed and is good.
    mutating func isGood(_ piece: PieceIndex) {
        if suspects.remove(piece) { hasNews = true }
    }

    /// The piece was hashed and is bad. Returns the damage if it is an edit.
    mutating func isBad(_ piece: PieceIndex, of metainfo: Metainfo) -> NewDamage? {
        guard suspects.remove(piece) else { return nil }
        let place = metainfo.place(of: piece)
        let damage = NewDamage(
            piece: piece, kind: .edit, isHeld: true, path: place.path, fileOffset: place.fileOffset,
            bytes: Int64(metainfo.geometry.length(of: piece)))
        found[piece] = damage
        byFile[place.path, default: 0] += 1
        hasNews = true
        return damage
    }

    /// Returns the edits that the check has found, by file, once; `nil` if no suspect was checked.
    mutating func takeReport() -> [(path: String, pieces: Int)]? {
        guard hasNews else { return nil }
        defer {
            byFile = [:]
            hasNews = false
        }
        return byFile.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Edits that no transaction has recorded yet.
    var unrecorded: [NewDamage] { Array(found.values) }

    /// The damage that is recorded with the end of these pieces' write intents.
    func damage(among pieces: [PieceIndex]) -> [NewDamage] {
        guard !found.isEmpty else { return [] }
        return Set(pieces).compactMap { found[$0] }.sorted { $0.piece < $1.piece }
    }

    /// The damage is recorded. Returns whether the mark is needed no more.
    mutating func recorded(_ damage: [NewDamage]) -> Bool {
        for one in damage { found[one.piece] = nil }
        guard isMarked, suspects.isEmpty, found.isEmpty else { return false }
        isMarked = false
        return true
    }
}
