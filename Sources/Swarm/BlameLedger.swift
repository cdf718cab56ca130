package import Torrent

/// Records which sources sent which blocks of a failed piece, until a good copy shows which blocks were wrong (smart
/// ban).
///
/// A failed piece proves only that one of its senders sent bad data. A single sender is guilty at once. With several
/// senders, each block's digest is kept with its sender and compared when the piece passes.
package struct BlameLedger {
    /// The most failed copies remembered for one piece.
    package static let maximumCopies = 4
    /// The most pieces whose failed copies are remembered; the oldest is forgotten first.
    package static let maximumPieces = 128

    struct Copy {
        let senders: [SourceKey?]
        let digests: [UInt64]
    }

    private var failed: [PieceIndex: [Copy]] = [:]
    /// The pieces, in the order of their first failure.
    private var order: [PieceIndex] = []
    /// Limits how many failed pieces are reported, because a source can cause any number of them.
    private var reports = NoteLimit()

    package init() {}

    /// Whether a hash check of the piece should return the digests of its blocks.
    package func isWaiting(for piece: PieceIndex) -> Bool { failed[piece] != nil }

    /// Every source that sent a block of a piece that still awaits its good copy.
    package var suspects: Set<SourceKey> { Set(failed.values.joined().flatMap { $0.senders.compactMap(\.self) }) }

    /// Whether one more failed piece may be reported. Returns how many were not since the last report, or `nil`.
    mutating func mayReportFailure(at now: Instant) -> Int? { reports.allows(at: now) }

    /// The piece failed its hash check. Returns the guilty source if only one is possible.
    package mutating func failed(_ piece: PieceIndex, senders: [SourceKey?], digests: [UInt64]) -> SourceKey? {
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

    /// The piece passed with these blocks. Returns the sources that had sent different ones, and how many each.
    package mutating func passed(_ piece: PieceIndex, digests: [UInt64]) -> [SourceKey: Int] {
        guard let copies = failed.removeValue(forKey: piece) else { return [:] }
        order.removeAll { $0 == piece }
        var guilty: [SourceKey: Int] = [:]
        for copy in copies where copy.digests.count == digests.count {
            for block in digests.indices where copy.digests[block] != digests[block] {
                if let sender = copy.senders[block] { guilty[sender, default: 0] += 1 }
            }
        }
        return guilty
    }
}
