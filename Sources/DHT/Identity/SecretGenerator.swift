import Torrent

/// Random numbers that no other node can predict: SHA-1 of a secret key and a counter.
///
/// Tokens and transaction ids depend on it, so the key must come from the system's random source. Tests give a key of
/// their own, and get the same numbers each time.
package struct SecretGenerator: RandomNumberGenerator, Sendable {
    private let key: [UInt8]
    private var counter: UInt64 = 0
    /// The unused numbers of the last digest.
    private var rest: [UInt64] = []

    package init(key: [UInt8]) { self.key = key }

    package init(seed: UInt64) {
        self.init(key: stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: seed >> UInt64($0)) })
    }

    package mutating func next() -> UInt64 {
        if let number = rest.popLast() { return number }
        var message = key
        for shift in stride(from: 56, through: 0, by: -8) {
            message.append(UInt8(truncatingIfNeeded: counter >> UInt64(shift)))
        }
        counter += 1
        let digest = Array(SHA1.hash(message))
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        // The last four bytes of the digest are dropped.
        rest = [number(digest[8..<16])]
        return number(digest[..<8])
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
