import Disk
import Synchronization
import Torrent

/// The verdicts of a verification, handed on a part at a time as its pieces are through.
///
/// A part is some pages of the database's bitfield, because a page's time of verification moves as a whole.
package final class VerdictStream: Sendable {
    /// Bytes of a part, or a page of pieces where that is more: what is told of at a time. A killed verification loses
    /// the parts that are being read, and those whose sync is still waited for.
    private static let partBytes: Int64 = 1 << 30
    /// Pieces of a page of the bitfield.
    private static let pageLength = 1024

    private struct State {
        /// Pieces without a verdict, by part.
        var missing: [Int: Int] = [:]
        /// The verdicts of parts that are begun and not through.
        var begun: [Int: Verdicts] = [:]
        /// Until it has ended nobody may take it for whole.
        var outcome = VerificationOutcome.cancelled
    }

    /// Each part with a verdict once, the last ones when the verification ended half-way too.
    package let parts: AsyncStream<Verdicts>
    private let continuation: AsyncStream<Verdicts>.Continuation
    private let pieceCount: Int
    private let piecesPerPart: Int
    private let state: Mutex<State>

    /// How it ended, when `parts` has ended.
    package var outcome: VerificationOutcome { state.withLock(\.outcome) }

    package init(_ pieces: Bitfield, _ geometry: Geometry) {
        (parts, continuation) = AsyncStream.makeStream()
        pieceCount = pieces.count
        piecesPerPart = max(1, Int(Self.partBytes / Int64(geometry.pieceLength)) / Self.pageLength) * Self.pageLength
        var missing: [Int: Int] = [:]
        for piece in pieces.pieces { missing[piece.value / piecesPerPart, default: 0] += 1 }
        state = Mutex(State(missing: missing))
    }

    /// Takes some verdicts; from several threads at once.
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
