extension FileLayout {
    /// The blocks that lie whole in a pad file, by piece: their bytes are zeros, so that nobody needs to be asked for them (BEP 47).
    ///
    /// Pieces that are nothing but padding aren't listed: nobody wants them.
    package func paddedBlocks(geometry: Geometry) -> [PieceIndex: [Int]] {
        var blocks: [PieceIndex: [Int]] = [:]
        for file in files where file.isPad && !file.isEmpty {
            let pieces = pieces(of: file.index, geometry: geometry)
            guard let first = pieces.first, let last = pieces.last else { continue }
            for piece in first == last ? [first] : [first, last] {
                let inside = (0..<geometry.blockCount(of: piece)).filter { block in
                    let start = geometry.offset(of: piece) + Int64(block) * Int64(Geometry.blockLength)
                    let end = start + Int64(geometry.length(of: BlockRef(piece: piece, block: block)))
                    return file.offset <= start && end <= file.end
                }
                if !inside.isEmpty, inside.count < geometry.blockCount(of: piece) { blocks[piece, default: []] += inside }
            }
        }
        return blocks
    }
}
