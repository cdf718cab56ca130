extension FileLayout {
    /// The ranges of pieces that contain only padding, in ascending order.
    package func piecesOfPadding(geometry: Geometry) -> [Range<PieceIndex>] {
        var ranges: [Range<PieceIndex>] = []
        let length = Int64(geometry.pieceLength)
        // The start of the padding that reaches to the current position.
        var start: Int64?
        func end(_ at: Int64) {
            guard let from = start else { return }
            start = nil
            // The last piece may be short, because it ends with the torrent.
            let (first, last) = (
                (from + length - 1) / length, at == totalBytes ? Int64(geometry.pieceCount) : at / length
            )
            if first < last { ranges.append(PieceIndex(Int(first))..<PieceIndex(Int(last))) }
        }
        for file in files where !file.isEmpty {
            if file.isPad { start = start ?? file.offset } else { end(file.offset) }
        }
        end(totalBytes)
        return ranges
    }

    /// The blocks that lie entirely in a pad file, by piece. Their bytes are zeros, so they are never requested from a
    /// peer (BEP 47).
    ///
    /// Pieces that contain only padding aren't listed, because they are never wanted; see
    /// ``piecesOfPadding(geometry:)``.
    package func paddedBlocks(geometry: Geometry) -> [PieceIndex: [Int]] {
        var blocks: [PieceIndex: [Int]] = [:]
        for file in files where file.isPad && !file.isEmpty {
            let pieces = pieces(of: file.index, geometry: geometry)
            guard let first = pieces.first, let last = pieces.last else { continue }
            for piece in first == last ? [first] : [first, last] {
                let inside = Self.blocks(of: piece, inside: file, geometry)
                if !inside.isEmpty, inside.count < geometry.blockCount(of: piece) {
                    blocks[piece, default: []] += inside
                }
            }
        }
        return blocks
    }

    /// The blocks of the piece that lie entirely in the file. The cost doesn't depend on the length, because one piece
    /// may contain a million pad files.
    private static func blocks(of piece: PieceIndex, inside file: FileEntry, _ geometry: Geometry) -> Range<Int> {
        let (start, count, length) = (
            geometry.offset(of: piece), geometry.blockCount(of: piece), Int64(Geometry.blockLength)
        )
        let first = file.offset <= start ? 0 : (file.offset - start + length - 1) / length
        let isWholeEnd = file.end >= start + Int64(geometry.length(of: piece))
        let end = isWholeEnd ? Int64(count) : (file.end - start) / length
        return Int(min(first, end))..<Int(end)
    }
}
