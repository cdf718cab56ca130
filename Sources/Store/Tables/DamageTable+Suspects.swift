package import Torrent

/// Pieces of files that another program changed, until they are checked.
///
/// A start makes them unverified before it hashes them. If it is killed in the middle, the next one must know that a
/// bad one is an edit, which is kept, and not a write of ours that is to be repeated.
extension DamageTable {
    private static func key(_ id: TorrentID) -> String { "edits.\(id)" }

    /// The pieces, of `count`. A mark that can't be read is as good as none.
    package func suspects(of id: TorrentID, count: Int) throws(StoreError) -> Bitfield {
        var pieces = Bitfield(count: count)
        for part in try db.settings.value(Self.key(id))?.split(separator: ",") ?? [] {
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard ends.count == 2, ends[0] >= 0, ends[0] <= ends[1], ends[1] < count else { continue }
            for piece in ends[0]...ends[1] { pieces.insert(PieceIndex(piece)) }
        }
        return pieces
    }

    /// Marks these pieces, and no others. The mark is durable before the pieces lose their claims.
    package func setSuspects(_ id: TorrentID, _ pieces: Bitfield) throws(StoreError) {
        var runs: [ClosedRange<Int>] = []
        for piece in pieces.pieces {
            if let last = runs.last, last.upperBound + 1 == piece.value {
                runs[runs.count - 1] = last.lowerBound...piece.value
            } else {
                runs.append(piece.value...piece.value)
            }
        }
        let text = runs.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
        try db.transaction(durability: .full) { () throws(StoreError) in
            try db.settings.set(Self.key(id), text.isEmpty ? nil : text)
        }
    }

    func forgetSuspects(of id: TorrentID) throws(StoreError) { try db.settings.set(Self.key(id), nil) }
}
