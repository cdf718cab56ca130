import Torrent

/// The pieces that a choked peer may request all the same, so that it has something to trade (BEP 6, "Allowed Fast Set
/// Generation").
package enum AllowedFast {
    /// How many pieces BEP 6 suggests to allow.
    package static let defaultCount = 10
    /// The most pieces that are ever allowed to one peer.
    package static let maximumCount = 64
    /// Hashes after which the set is left as it is; two dozen make a set of the default count of 11 pieces.
    private static let maximumRounds = 1_000

    /// The set of the peer at `host`: the same from every client, and the same for all of its /24 network.
    ///
    /// - Returns: `count` pieces in the order of BEP 6, or all pieces where there are no more; none for IPv6, for which
    ///   BEP 6 defines no set.
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
            hash = SHA1.hash(hash)
            for start in stride(from: 0, to: hash.count, by: 4) where chosen.count < count {
                let word = hash[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                let piece = PieceIndex(Int(word) % pieceCount)
                if !chosen.contains(piece) { chosen.append(piece) }
            }
        }
        return chosen
    }
}
