import Disk
import Logging
import Store
import Torrent

/// Makes verified data on the disk durable, so that the database may record it as present.
struct Adoption {
    let disk: Disk
    let torrent: StoredTorrent
    let payload: Payload
    /// The files as they were before they were read.
    let current: [Int: FoundFile]

    /// Syncs the files of these good pieces. Returns the pieces whose files are synced and were not changed since they
    /// were read, and the unchanged files.
    func adopt(_ pieces: Bitfield) async -> (pieces: [PieceIndex], unchanged: Set<Int>) {
        await makeEmptyFiles()
        disk.include(payload, pieces: pieces)
        let durable = await sync()
        let (layout, geometry) = (torrent.metainfo.layout, torrent.metainfo.geometry)
        let unchanged = Set(current.keys.filter { isUnchanged($0, durable) })
        let adopted = pieces.pieces.filter { piece in
            layout.files(of: piece, geometry: geometry).allSatisfy { index in
                let file = layout.files[index]
                guard !file.isEmpty, !file.isPad else { return true }
                switch payload.placement[index] {
                case .file, .shared: return unchanged.contains(index)
                case .part: return durable[.parts] != nil
                case .pad: return true
                }
            }
        }
        return (adopted, unchanged)
    }

    /// The fingerprints of those of the files that are synced and were not changed since they were read.
    func settle(_ files: [FileEntry]) async -> [FingerprintRow] {
        var pieces = Bitfield(count: torrent.metainfo.geometry.pieceCount)
        for file in files {
            // One piece is enough to name a file. The whole file is synced, along with its neighbours in the piece.
            if let piece = torrent.metainfo.layout.pieces(of: file.index, geometry: torrent.metainfo.geometry).first {
                pieces.insert(piece)
            }
        }
        disk.include(payload, pieces: pieces)
        let durable = await sync()
        return files.compactMap { file in
            isUnchanged(file.index, durable) ? durable[.entry(file.index)].map { FingerprintRow($0) } : nil
        }
    }

    private func sync() async -> [PayloadFile: FoundFile] {
        let report = await disk.sync(payload)
        if let error = report.folderError {
            Logger(label: "pieces.verify").warning("\(torrent.row.name.printable): \(error)")
        }
        // A file that failed to sync is not in the list, so none of its pieces is adopted. Missing empty files don't
        // matter.
        return Dictionary(report.durable.map { ($0.file, $0) }) { _, last in last }
    }

    private func isUnchanged(_ index: Int, _ durable: [PayloadFile: FoundFile]) -> Bool {
        guard let before = current[index], let after = durable[.entry(index)] else { return false }
        return before == after
    }

    /// A payload that came from elsewhere may lack its empty files, and would never become complete.
    private func makeEmptyFiles() async {
        let isLacking = torrent.metainfo.layout.files.contains { file in
            if case .file = payload.placement[file.index] { file.isEmpty && current[file.index] == nil } else { false }
        }
        // A check with a scratch database must change nothing.
        guard isLacking, !torrent.row.id.isScratch else { return }
        do {
            try await disk.create(payload, .sparse, makingRoot: false)
        } catch {
            Logger(label: "pieces.verify").warning("cannot create an empty file: \(error)")
        }
    }
}
