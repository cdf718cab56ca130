import Disk
import Logging
import Store
import Torrent

/// Makes what lies on the disk durable, so that the database may claim it.
struct Adoption {
    let disk: Disk
    let torrent: StoredTorrent
    let payload: Payload
    /// The files as they were before they were read.
    let current: [Int: Fingerprint]

    /// Those of the pieces, which are right, whose files are synced and were not touched since they were read; and
    /// these files.
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

    /// The fingerprints of those of the files that are synced and were not touched since they were read.
    func settle(_ files: [FileEntry]) async -> [FingerprintRow] {
        var pieces = Bitfield(count: torrent.metainfo.geometry.pieceCount)
        for file in files {
            // One piece is enough to name a file, and all of it is synced; its neighbours in the piece are synced with
            // it.
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

    private func sync() async -> [PayloadFile: Fingerprint] {
        let report = await disk.sync(payload)
        if let error = report.folderError {
            Logger(label: "pieces.verify").warning("\(torrent.row.name.printable): \(error)")
        }
        // A file that failed is not in the list, and so nothing of it is claimed; empty ones that aren't there matter
        // to nobody.
        return Dictionary(report.durable.map { ($0.file, $0) }) { _, last in last }
    }

    private func isUnchanged(_ index: Int, _ durable: [PayloadFile: Fingerprint]) -> Bool {
        guard let before = current[index], let after = durable[.entry(index)] else { return false }
        return before == after
    }

    /// A payload that came from elsewhere may lack its empty files, and would never be complete.
    private func makeEmptyFiles() async {
        let isLacking = torrent.metainfo.layout.files.contains { file in
            if case .file = payload.placement[file.index] { file.isEmpty && current[file.index] == nil } else { false }
        }
        // Who only asks changes nothing.
        guard isLacking, !torrent.row.id.isScratch else { return }
        do {
            try await disk.create(payload, .sparse, makingRoot: false)
        } catch {
            Logger(label: "pieces.verify").warning("cannot create an empty file: \(error)")
        }
    }
}
