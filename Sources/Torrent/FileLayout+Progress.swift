/// How much of the files is in a set of pieces.
extension FileLayout {
    /// The bytes of the file, counted as in ``files``, that are in the pieces.
    package func bytes(of file: Int, in pieces: Bitfield, geometry: Geometry) -> Int64 {
        let entry = files[file]
        return self.pieces(of: file, geometry: geometry).reduce(0) { sum, piece in
            guard pieces[piece] else { return sum }
            let start = max(geometry.offset(of: piece), entry.offset)
            let end = min(geometry.offset(of: piece) + Int64(geometry.length(of: piece)), entry.end)
            return sum + (end - start)
        }
    }
}
