import Torrent

/// Who sent what of a piece that failed its hash, until a good copy tells who lied (smart ban).
///
/// A failed piece says only that someone lied. A single sender is guilty at once; among several, each block's digest is kept
/// with its sender, and compared when the piece has passed.
struct BlameLedger {
    /// Failed copies of one piece that are remembered.
    static let maximumCopies = 4

    struct Copy {
        let senders: [PeerKey?]
        let digests: [UInt64]
    }

    private var failed: [PieceIndex: [Copy]] = [:]

    /// Whether a verdict on the piece wants the digests of its blocks.
    func isWaiting(for piece: PieceIndex) -> Bool { failed[piece] != nil }

    /// The piece failed; the guilty peer when there is only one that it can be.
    mutating func failed(_ piece: PieceIndex, senders: [PeerKey?], digests: [UInt64]) -> PeerKey? {
        let known = Set(senders.compactMap(\.self))
        if known.count == 1, !senders.contains(where: { $0 == nil }) { return known.first }
        guard digests.count == senders.count else { return nil }
        failed[piece, default: []].append(Copy(senders: senders, digests: digests))
        if failed[piece]!.count > Self.maximumCopies { failed[piece]!.removeFirst() }
        return nil
    }

    /// The piece passed with these blocks: the peers that had sent others, with how many blocks.
    mutating func passed(_ piece: PieceIndex, digests: [UInt64]) -> [PeerKey: Int] {
        guard let copies = failed.removeValue(forKey: piece) else { return [:] }
        var guilty: [PeerKey: Int] = [:]
        for copy in copies where copy.digests.count == digests.count {
            for block in digests.indices where copy.digests[block] != digests[block] {
                if let sender = copy.senders[block] { guilty[sender, default: 0] += 1 }
            }
        }
        return guilty
    }

    mutating func forget(_ piece: PieceIndex) { failed[piece] = nil }
}
