import Torrent

/// Who sent what of a piece that failed its hash, until a good copy tells who lied (smart ban).
///
/// A failed piece says only that someone lied. A single sender is guilty at once; among several, each block's digest is
/// kept with its sender, and compared when the piece has passed.
struct BlameLedger {
    /// Failed copies of one piece that are remembered.
    static let maximumCopies = 4
    /// Pieces whose failed copies are remembered; the longest remembered goes first.
    static let maximumPieces = 128

    struct Copy {
        let senders: [PeerKey?]
        let digests: [UInt64]
    }

    private var failed: [PieceIndex: [Copy]] = [:]
    /// The pieces in the order of their first failure.
    private var order: [PieceIndex] = []

    /// Whether a verdict on the piece wants the digests of its blocks.
    func isWaiting(for piece: PieceIndex) -> Bool { failed[piece] != nil }

    /// Everybody who sent a block of a piece that waits for its verdict.
    var suspects: Set<PeerKey> { Set(failed.values.joined().flatMap { $0.senders.compactMap(\.self) }) }

    /// The piece failed; the guilty peer when there is only one that it can be.
    mutating func failed(_ piece: PieceIndex, senders: [PeerKey?], digests: [UInt64]) -> PeerKey? {
        let known = Set(senders.compactMap(\.self))
        if known.count == 1, !senders.contains(nil) { return known.first }
        guard digests.count == senders.count, !known.isEmpty else { return nil }
        if failed[piece] == nil {
            order.append(piece)
            if order.count > Self.maximumPieces { failed[order.removeFirst()] = nil }
        }
        failed[piece, default: []].append(Copy(senders: senders, digests: digests))
        if failed[piece, default: []].count > Self.maximumCopies { failed[piece]?.removeFirst() }
        return nil
    }

    /// The piece passed with these blocks: the peers that had sent others, with how many blocks.
    mutating func passed(_ piece: PieceIndex, digests: [UInt64]) -> [PeerKey: Int] {
        guard let copies = failed.removeValue(forKey: piece) else { return [:] }
        order.removeAll { $0 == piece }
        var guilty: [PeerKey: Int] = [:]
        for copy in copies where copy.digests.count == digests.count {
            for block in digests.indices where copy.digests[block] != digests[block] {
                if let sender = copy.senders[block] { guilty[sender, default: 0] += 1 }
            }
        }
        return guilty
    }
}
