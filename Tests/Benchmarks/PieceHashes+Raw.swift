import Torrent

extension PieceHashes {
    /// Any bytes as the digests of pieces that are never hashed.
    static func raw(_ bytes: [UInt8]) -> PieceHashes {
        guard let hashes = PieceHashes(.sha1, bytes[...]) else { preconditionFailure("20 bytes for each piece") }
        return hashes
    }
}
