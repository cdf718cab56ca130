import Swarm
import Torrent

/// What a run came to.
package struct Report: Sendable, Equatable {
    package var seed: UInt64
    /// Of virtual time.
    package var seconds = 0.0
    package var events = 0
    package var kills = 0
    package var powerCuts = 0
    package var cleanStops = 0
    package var faults = 0
    package var failedPieces = 0
    package var bans = 0
    package var strikes = 0
    package var checkedPieces = 0
    package var requests = 0
    package var duplicates = 0
    package var blocks = 0
    /// Blocks of incomplete pieces that a stop kept.
    package var keptBlocks = 0
    /// How many times the size of the torrent its first seed sent until the others had each piece between them.
    package var firstCopies = 0.0

    package init(seed: UInt64) { self.seed = seed }

    /// Counts what happened in both.
    package static func += (sum: inout Report, other: Report) {
        sum.seconds += other.seconds
        let counts: [WritableKeyPath<Report, Int>] = [
            \.events, \.kills, \.powerCuts, \.cleanStops, \.faults, \.failedPieces, \.bans, \.strikes, \.checkedPieces,
            \.requests, \.duplicates,
            \.blocks, \.keptBlocks,
        ]
        for count in counts { sum[keyPath: count] += other[keyPath: count] }
    }
}

/// What went wrong, when, and how to see it again.
package struct LabFailure: Error, Sendable, CustomStringConvertible {
    package let seed: UInt64
    package let description: String

    init(seed: UInt64, at now: Instant, _ text: String) {
        self.seed = seed
        description =
            "seed \(seed) at \((now - .origin).inSeconds) s: \(text); replay: PIECES_SEED=\(seed) swift test --filter SwarmLabTests"
    }
}
