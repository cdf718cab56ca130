package import Torrent

extension Metainfo {
    /// The completed bytes of each file that one of the pieces touches, given the present pieces.
    package func fileBytes(touchedBy pieces: [PieceIndex], have: Bitfield) -> [FileBytes] {
        var files: Set<Int> = []
        for piece in pieces { files.formUnion(layout.files(of: piece, geometry: geometry)) }
        return fileBytes(of: files.sorted(), have: have)
    }

    /// The completed bytes of the files, without padding files, given the present pieces.
    package func fileBytes(of files: [Int], have: Bitfield) -> [FileBytes] {
        files.compactMap { index in
            guard !layout.files[index].isPad else { return nil }
            return FileBytes(index: index, completed: layout.bytes(of: index, in: have, geometry: geometry))
        }
    }
}
