import Torrent

extension FileLayout {
    /// Bytes of a file that are in the pieces.
    func completedBytes(of file: FileEntry, in have: Bitfield, _ geometry: Geometry) -> Int64 {
        pieces(of: file.index, geometry: geometry).reduce(0) { sum, piece in
            guard have[piece] else { return sum }
            let start = max(geometry.offset(of: piece), file.offset)
            let end = min(geometry.offset(of: piece) + Int64(geometry.length(of: piece)), file.end)
            return sum + max(0, end - start)
        }
    }
}

extension FileSelection {
    /// Bytes of the wanted files that are in the pieces.
    func completedBytes(in have: Bitfield, _ metainfo: Metainfo) -> Int64 {
        metainfo.layout.files.reduce(0) { sum, file in
            wanted[file.index] ? sum + metainfo.layout.completedBytes(of: file, in: have, metainfo.geometry) : sum
        }
    }
}
