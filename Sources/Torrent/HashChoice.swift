import CPieceHash

/// How this machine computes a hash: the implementation that was the fastest when it was measured.
package struct HashChoice: Equatable, Sendable {
    /// The name of the implementation.
    package let name: String
    /// The number of messages that it takes at a time.
    package let messages: Int
    /// Bytes per second on one core; `nil` if other work disturbed the measurement.
    package let rate: Int64?

    private init(_ portion: piece_hash_portion, rate: UInt64) {
        name = String(cString: piece_hash_name(portion.kernel))
        messages = portion.count
        self.rate = rate == 0 ? nil : Int64(clamping: rate)
    }

    /// The choice for `count` messages of equal length.
    package static func sha1(of count: Int) -> HashChoice {
        let portion = piece_hash_sha1_choice(count)
        return HashChoice(portion, rate: piece_hash_sha1_rate(portion.kernel, portion.count))
    }

    /// The choice for `count` messages of equal length.
    package static func sha256(of count: Int) -> HashChoice {
        let portion = piece_hash_sha256_choice(count)
        return HashChoice(portion, rate: piece_hash_sha256_rate(portion.kernel, portion.count))
    }

    /// The largest number of messages that any implementation takes at a time.
    package static let mostMessages = PIECE_HASH_MAXIMUM_LANES
}
