extension Metainfo {
    /// The pieces that are nothing but padding and hash as zeros do (BEP 47): who knows the torrent has them, and
    /// nobody is asked for them.
    ///
    /// A link counts among the pads and has other bytes, and a .torrent may lie: the hash decides. No more than two
    /// zero hashes are computed, one for each length of a piece, however much padding there is.
    package var zeroPieces: Bitfield {
        var pieces = Bitfield(count: geometry.pieceCount)
        var digests: [Int: [UInt8]] = [:]
        for range in layout.piecesOfPadding(geometry: geometry) {
            for piece in range {
                let length = geometry.length(of: piece)
                let digest = digests[length] ?? SHA1.hash(zeros: length)
                digests[length] = digest
                if pieceHash(piece).elementsEqual(digest) { pieces.insert(piece) }
            }
        }
        return pieces
    }
}
