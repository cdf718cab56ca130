import Disk
import Store
import Swarm
import Torrent
import Verification

extension TorrentLoader {
    /// Creates the output folder of a new torrent, and missing wanted files without bytes. Returns whether anything had
    /// to be created.
    ///
    /// The first commit makes new files durable. If nothing is to be downloaded, no commit follows, so they are made
    /// durable here.
    func prepareFolder(_ loaded: Loaded) async throws -> Bool {
        let isNew = !loaded.row.isRootSeen
        guard loaded.payload.protection == nil else { return false }
        if isNew { try await requireVolume(of: loaded.row.output) }
        guard isNew || (loaded.offline == nil && loaded.lacksEmptyFiles) else { return false }
        let custody = loaded.custody
        let isMissing = { (file: FileEntry) in
            let entry = PayloadFile.entry(file.index)
            return custody.own[entry] == nil && custody.unproven[entry] == nil && custody.edited[entry] == nil
                && custody.shared[file.index] == nil
        }
        let allocatesFull = isNew && loaded.row.settings.allocatesFull
        try await announce(
            loaded.payload.layout.files.filter {
                loaded.payload.placement[$0.index] == .file && ($0.isEmpty || allocatesFull) && isMissing($0)
            }
            .map(\.index))
        let allocation: Allocation = isNew && loaded.row.settings.allocatesFull ? .full : .sparse
        try await environment.disk.create(loaded.payload, allocation, makingRoot: isNew)
        let wanted = loaded.selection.wantedPieces(geometry: loaded.metainfo.geometry)
        if wanted.isSubset(of: loaded.recorded) { try await recordFolder(loaded.payload) }
        return true
    }

    /// Throws if the folder would be made below the mount point of a volume that is away.
    private func requireVolume(of folder: String) async throws {
        let above = try await environment.store.perform { db throws(StoreError) in try db.volumes.above(folder) }
        guard await environment.disk.absent(above) != nil else { return }
        throw DiskError(.volumeAway, .makeFolder, folder)
    }

    private func recordFolder(_ payload: Payload) async throws {
        let report = await environment.disk.sync(payload)
        try report.requireSuccess()
        var record = ProgressRecord(torrent: id, verifiedAt: environment.clock.timestamp)
        record.files = report.durable.map { FingerprintRow($0) }
        let id = id
        try await environment.store.perform { [record] db throws(StoreError) in
            try db.transaction(durability: .full) { () throws(StoreError) in
                _ = try db.pieces.record([record])
                try db.torrents.setRootSeen(id)
            }
        }
    }
}
