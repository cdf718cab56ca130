/// The digests that a torrent's pieces must have, and the algorithm that they are made with.
package struct PieceHashes: Equatable, Sendable {
    package let algorithm: HashAlgorithm
    /// One digest after the other, in the order of the pieces.
    package let bytes: ArraySlice<UInt8>

    /// Returns `nil` unless the bytes are whole digests.
    package init?(_ algorithm: HashAlgorithm, _ bytes: ArraySlice<UInt8>) {
        guard bytes.count.isMultiple(of: algorithm.digestLength) else { return nil }
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// The SHA-1 digests of a v1 torrent.
    package init(_ digests: some Sequence<SHA1Digest>) {
        algorithm = .sha1
        bytes = digests.flatMap { $0 }[...]
    }

    /// The number of digests.
    package var count: Int { bytes.count / algorithm.digestLength }

    /// The digest that the piece must have.
    package subscript(piece: PieceIndex) -> ArraySlice<UInt8> {
        precondition(piece.value >= 0 && piece.value < count)
        let start = bytes.startIndex + piece.value * algorithm.digestLength
        return bytes[start..<start + algorithm.digestLength]
    }
}
