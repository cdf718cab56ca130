/// Measures how much of a file a set of pieces contains.
extension FileLayout {
    /// The number of bytes of the file that lie in the pieces. `file` is an index in ``files``.
    package func bytes(of file: Int, in pieces: Bitfield, geometry: Geometry) -> Int64 {
        let entry = files[file]
        let range = self.pieces(of: file, geometry: geometry)
        guard let last = range.last else { return 0 }
        func shared(_ piece: PieceIndex) -> Int64 {
            guard pieces[piece] else { return 0 }
            let start = max(geometry.offset(of: piece), entry.offset)
            return min(geometry.offset(of: piece) + Int64(geometry.length(of: piece)), entry.end) - start
        }
        // The file may share its first and its last piece with others; those between are its own.
        let first = range.lowerBound
        guard first < last else { return shared(first) }
        let own = pieces.population(in: PieceIndex(first.value + 1)..<last)
        return shared(first) + Int64(own) * Int64(geometry.pieceLength) + shared(last)
    }

    /// The files that have a byte in one of the pieces, without pad files, in order.
    package func files(touchedBy pieces: [PieceIndex], geometry: Geometry) -> [Int] {
        var touched: Set<Int> = []
        for piece in pieces { touched.formUnion(files(of: piece, geometry: geometry)) }
        return touched.filter { !files[$0].isPad }.sorted()
    }
}
