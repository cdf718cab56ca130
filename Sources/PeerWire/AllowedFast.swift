package import Torrent

/// The pieces that a choked peer may request anyway, so that it has something to trade (BEP 6, "Allowed Fast Set
/// Generation").
package enum AllowedFast {
    /// The number of pieces that BEP 6 suggests.
    package static let defaultCount = 10
    /// The maximum number of pieces that are allowed to one peer.
    package static let maximumCount = 64
    /// The maximum number of hashes; the set may then stay incomplete. Two dozen hashes suffice for the default number
    /// of pieces in a torrent of 11 pieces.
    private static let maximumRounds = 1_000

    /// The set for the peer at `host`. All clients compute the same set, and all hosts in a /24 network have the same
    /// set.
    ///
    /// - Returns: `count` pieces in the order of BEP 6, or all pieces if there are no more. The set is empty for IPv6,
    ///   for which BEP 6 defines no set.
    package static func set(for host: PeerAddress.Host, infoHash: InfoHash, pieceCount: Int, count: Int = defaultCount)
        -> [PieceIndex]
    {
        let count = min(count, maximumCount)
        guard count > 0, case .v4(let address) = PeerAddress(host, port: 0).unmapped.host else { return [] }
        guard pieceCount > count else { return (0..<max(0, pieceCount)).map { PieceIndex($0) } }

        var chosen: [PieceIndex] = []
        let network = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: (address & 0xffff_ff00) >> UInt32($0)) }
        var hash = network + infoHash.bytes
        for _ in 0..<maximumRounds where chosen.count < count {
            hash = Array(SHA1.hash(hash))
            for start in stride(from: 0, to: hash.count, by: 4) where chosen.count < count {
                let word = hash[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                let piece = PieceIndex(Int(word) % pieceCount)
                if !chosen.contains(piece) { chosen.append(piece) }
            }
        }
        return chosen
    }
}
