/// Measures how much of a file a set of pieces contains.
extension FileLayout {
    /// The number of bytes of the file that lie in the pieces. `file` is an index in ``files``.
    package func bytes(of file: Int, in pieces: Bitfield, geometry: Geometry) -> Int64 {
        let entry = files[file]
        return self.pieces(of: file, geometry: geometry).reduce(0) { sum, piece in
            guard pieces[piece] else { return sum }
            let start = max(geometry.offset(of: piece), entry.offset)
            let end = min(geometry.offset(of: piece) + Int64(geometry.length(of: piece)), entry.end)
            return sum + (end - start)
        }
    }

    /// The files that have a byte in one of the pieces, without pad files, in order.
    package func files(touchedBy pieces: [PieceIndex], geometry: Geometry) -> [Int] {
        var touched: Set<Int> = []
        for piece in pieces { touched.formUnion(files(of: piece, geometry: geometry)) }
        return touched.filter { !files[$0].isPad }.sorted()
    }
}
