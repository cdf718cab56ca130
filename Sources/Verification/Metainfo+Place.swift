package import Torrent

extension Metainfo {
    /// The file that holds the piece's byte `offset`, and where in it.
    package func place(of piece: PieceIndex, at offset: Int = 0) -> (path: String, file: Int, fileOffset: Int64) {
        let start = geometry.offset(of: piece) + Int64(offset)
        for segment in layout.segments(offset: start, length: geometry.length(of: piece) - offset)
        where !layout.files[segment.file].isPad {
            return (layout.files[segment.file].displayPath, segment.file, segment.fileOffset)
        }
        return (name, 0, start)
    }
}
