package import Disk
import Synchronization
package import Torrent

/// The verdicts of a verification, delivered one part at a time as its pieces are verified.
///
/// A part is several pages of the database's bitfield, because a page's time of verification moves as a whole.
package final class VerdictStream: Sendable {
    /// Bytes of a part, or one page of pieces if that is more. A killed verification loses the parts that are being
    /// read, and those whose sync has not ended.
    private static let partBytes: Int64 = 1 << 30
    /// Pieces of a page of the bitfield.
    private static let pageLength = 1024

    private struct State {
        /// The number of pieces without a verdict, by part.
        var missing: [Int: Int] = [:]
        /// The verdicts of parts that are begun but not finished.
        var begun: [Int: Verdicts] = [:]
        /// `.cancelled` until the end, so that an unfinished verification is never taken for a complete one.
        var outcome = VerificationOutcome.cancelled
    }

    /// Each part that has a verdict, once. If the verification ends early, the unfinished parts follow at the end.
    package let parts: AsyncStream<Verdicts>
    private let continuation: AsyncStream<Verdicts>.Continuation
    private let pieceCount: Int
    private let piecesPerPart: Int
    private let state: Mutex<State>

    /// How the verification ended. It is valid once `parts` has ended.
    package var outcome: VerificationOutcome { state.withLock(\.outcome) }

    package init(_ pieces: Bitfield, _ geometry: Geometry) {
        (parts, continuation) = AsyncStream.makeStream()
        pieceCount = pieces.count
        piecesPerPart = max(1, Int(Self.partBytes / Int64(geometry.pieceLength)) / Self.pageLength) * Self.pageLength
        var missing: [Int: Int] = [:]
        for piece in pieces.pieces { missing[piece.value / piecesPerPart, default: 0] += 1 }
        state = Mutex(State(missing: missing))
    }

    /// Adds verdicts. Several threads may call it at once.
    package func add(_ verdicts: [(piece: PieceIndex, verdict: PieceVerdict)]) {
        state.withLock { state in
            for (piece, verdict) in verdicts {
                let part = piece.value / piecesPerPart
                state.begun[part, default: Verdicts(count: pieceCount)].add(piece, verdict)
                state.missing[part, default: 0] -= 1
                if state.missing[part] == 0, let through = state.begun.removeValue(forKey: part) {
                    continuation.yield(through)
                }
            }
        }
    }

    package func finish(_ outcome: VerificationOutcome) {
        state.withLock { state in
            state.outcome = outcome
            for (_, verdicts) in state.begun.sorted(by: { $0.key < $1.key }) { continuation.yield(verdicts) }
            state.begun = [:]
        }
        continuation.finish()
    }
}
