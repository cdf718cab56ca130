import Torrent

extension Metainfo {
    /// How many bytes are complete of each file that one of the pieces lies in, given the pieces that are had.
    package func fileBytes(touchedBy pieces: [PieceIndex], have: Bitfield) -> [FileBytes] {
        var files: Set<Int> = []
        for piece in pieces { files.formUnion(layout.files(of: piece, geometry: geometry)) }
        return fileBytes(of: files.sorted(), have: have)
    }

    /// How many bytes are complete of the files, padding left out, given the pieces that are had.
    package func fileBytes(of files: [Int], have: Bitfield) -> [FileBytes] {
        files.compactMap { index in
            guard !layout.files[index].isPad else { return nil }
            return FileBytes(index: index, completed: layout.bytes(of: index, in: have, geometry: geometry))
        }
    }
}
