extension Metainfo {
    /// The pieces that contain only padding and whose hashes are those of zeros (BEP 47). They are present from the
    /// start and are never requested.
    ///
    /// The hash has to be checked, because symbolic links count as padding but have other bytes, and a .torrent may be
    /// wrong. At most two hashes of zeros are computed, one for each piece length, however much padding there is.
    package var zeroPieces: Bitfield {
        var pieces = Bitfield(count: geometry.pieceCount)
        var digests: [Int: SHA1Digest] = [:]
        for range in layout.piecesOfPadding(geometry: geometry) {
            for piece in range {
                let length = geometry.length(of: piece)
                let digest = digests[length] ?? SHA1.hash(zeros: length)
                digests[length] = digest
                if pieceHashes[piece].elementsEqual(digest) { pieces.insert(piece) }
            }
        }
        return pieces
    }
}
