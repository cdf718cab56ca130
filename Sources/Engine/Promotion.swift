import Disk
import Store
import Swarm
import Torrent

/// Files that were skipped and are wanted now get what the part file holds of them.
extension Environment {
    /// Copies the bytes of `pieces` to the file, syncs it and records how it looks; the payload with the file in its place. `forgotten` are pieces
    /// whose blocks stay behind in the part file.
    func promote(_ payload: Payload, file: Int, pieces: Bitfield, forgetting forgotten: [PieceIndex] = [], of id: TorrentID) async throws -> Payload {
        let report = try await disk.promote(payload, file: file, pieces: pieces)
        if let error = report.folderError ?? report.failures.first?.error { throw error }
        var record = ProgressRecord(torrent: id, verifiedAt: clock.timestamp)
        // The others are recorded with their pieces, in the order of the commits.
        record.files = report.durable.filter { $0.file == .entry(file) }.map { FingerprintRow($0) }
        record.partials = forgotten.map { PartialPieceRow(piece: $0, blocks: []) }
        try await store.perform { [record] db throws(StoreError) in _ = try db.record([record]) }
        return payload.placing(file, as: .file)
    }
}

extension TorrentLoader {
    /// Puts those files in their place that were chosen while no engine ran; whether there were any.
    ///
    /// Such a file has recorded pieces, and neither a fingerprint nor a name on the disk: then its bytes are in the part file. Where there is a name,
    /// an earlier promotion was cut short if the part file has all of the recorded bytes.
    func promoteUnplaced(_ loaded: Loaded) async throws -> Bool {
        guard loaded.offline == nil else { return false }
        let files = loaded.unplaced + (loaded.covered.isEmpty ? [] : await wholeInPartFile(loaded))
        for file in files {
            let range = loaded.payload.layout.pieces(of: file, geometry: loaded.payload.geometry)
            _ = try await environment.promote(
                loaded.payload.placing(file, as: .part), file: file, pieces: loaded.recorded,
                forgetting: loaded.partials.map(\.piece).filter { range.contains($0) }, of: id)
        }
        return !files.isEmpty
    }

    /// Those of the covered files whose recorded pieces are right when their bytes are read from the part file.
    private func wholeInPartFile(_ loaded: Loaded) async -> [Int] {
        let (layout, geometry, metainfo) = (loaded.payload.layout, loaded.payload.geometry, loaded.metainfo)
        let payload = (loaded.unplaced + loaded.covered).reduce(loaded.payload) { $0.placing($1, as: .part) }
        var pieces = Bitfield(count: geometry.pieceCount)
        for file in loaded.covered {
            for piece in layout.pieces(of: file, geometry: geometry) where loaded.recorded[piece] { pieces.insert(piece) }
        }
        let found = await environment.disk.verify(payload, pieces: pieces, hashes: { metainfo.pieceHash($0) })
        let right = Set(found.verdicts.filter { $0.verdict == .good }.map(\.piece))
        return loaded.covered.filter { layout.pieces(of: $0, geometry: geometry).allSatisfy { !loaded.recorded[$0] || right.contains($0) } }
    }
}
