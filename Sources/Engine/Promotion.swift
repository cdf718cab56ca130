package import Disk
package import Store
import Swarm
package import Torrent
import Verification

/// Promotion moves the data of files that were skipped and are now wanted from the part file into place.
extension Environment {
    /// Copies the bytes of `pieces` to the files, syncs them and records their fingerprints. `forgotten` are pieces
    /// whose blocks stay behind in the part file.
    func promote(
        _ payload: Payload, files: [Int], pieces: Bitfield, forgetting forgotten: [PieceIndex], of id: TorrentID
    ) async throws {
        let promoted = try await disk.promoted(payload, files: files, pieces: pieces)
        var record = ProgressRecord(torrent: id, verifiedAt: clock.timestamp)
        // Other files are recorded with their pieces, in the order of the commits.
        let chosen = Set(files)
        record.files = promoted.filter { chosen.contains($0.index) }
        record.partials = forgotten.map { PartialPieceRow(piece: $0, blocks: []) }
        try await store.perform { [record] db throws(StoreError) in _ = try db.pieces.record([record]) }
    }
}

extension Disk {
    /// Copies the bytes of `pieces` from the part file to the files and syncs them. Returns the fingerprints of all
    /// files that are then durable.
    package func promoted(_ payload: Payload, files: [Int], pieces: Bitfield) async throws -> [FingerprintRow] {
        let report = try await promote(payload, files: files, pieces: pieces)
        try report.requireSuccess()
        return report.durable.map { FingerprintRow($0) }
    }
}

extension TorrentLoader {
    /// Promotes files that were selected while no engine ran. Returns whether there were any.
    ///
    /// Such a file has recorded pieces, but neither a fingerprint nor a name on the disk: its bytes are in the part
    /// file. If it has a name, an earlier promotion was interrupted, provided that the part file has all of the
    /// recorded bytes.
    func promoteUnplaced(_ loaded: Loaded) async throws -> Bool {
        guard loaded.offline == nil, loaded.payload.protection == nil else { return false }
        let files = loaded.unplaced + (loaded.covered.isEmpty ? [] : await wholeInPartFile(loaded))
        guard !files.isEmpty else { return false }
        let chosen = Set(files)
        let (layout, geometry) = (loaded.payload.layout, loaded.payload.geometry)
        try await announce(loaded.unplaced)
        let left = loaded.partials.map(\.piece).filter {
            layout.files(of: $0, geometry: geometry).contains(where: chosen.contains)
        }
        try await environment.promote(
            loaded.payload.placing(files, as: .part), files: files, pieces: loaded.recorded, forgetting: left, of: id)
        return true
    }

    /// Returns the covered files whose recorded pieces pass their hash check when read from the part file.
    private func wholeInPartFile(_ loaded: Loaded) async -> [Int] {
        let (layout, geometry, metainfo) = (loaded.payload.layout, loaded.payload.geometry, loaded.metainfo)
        let payload = loaded.payload.placing(loaded.unplaced + loaded.covered, as: .part)
        var pieces = Bitfield(count: geometry.pieceCount)
        for file in loaded.covered {
            for piece in layout.pieces(of: file, geometry: geometry) where loaded.recorded[piece] {
                pieces.insert(piece)
            }
        }
        let found = await environment.disk.verify(payload, pieces: pieces, hashes: metainfo.pieceHashes)
        let right = Set(found.verdicts.filter { $0.verdict == .good }.map(\.piece))
        return loaded.covered.filter {
            layout.pieces(of: $0, geometry: geometry).allSatisfy { !loaded.recorded[$0] || right.contains($0) }
        }
    }
}
