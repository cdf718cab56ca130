package import Torrent

extension Disk {
    /// Marks the files of these pieces as written, so that the next sync covers them. An earlier process may have
    /// written to them and left the bytes in the page cache and the names of new files in unsynced directories.
    package func include(_ payload: Payload, pieces: Bitfield) {
        guard !pieces.isEmpty else { return }
        let ledger = ledger(of: payload.infoHash)
        var files: Set<PayloadFile> = []
        for piece in pieces.pieces {
            for index in payload.layout.files(of: piece, geometry: payload.geometry) {
                if let file = payload.place(of: index) { files.insert(file) }
            }
        }
        var directories: Set<[FileName]> = []
        for file in files {
            ledger.wrote(file)
            directories.formUnion(payload.folders(of: file))
        }
        ledger.changed(directories: directories)
    }
}
