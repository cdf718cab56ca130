import Disk
import Engine
import Recovery
import Store
import Torrent
import Verification

/// Changes which files of a torrent are wanted.
struct SelectionChange {
    let connection: Connection

    /// Applies the selection. Data of newly wanted files is moved out of the part file before the database says that
    /// the files are wanted; otherwise, the database would claim pieces that are in another file. If an engine is
    /// running, the engine moves the data itself, because it writes to the part file.
    func apply(_ selection: FileSelection, to torrent: StoredTorrent) async throws {
        let lock = try lockUnlessAnEngineRuns()
        defer { withExtendedLifetime(lock) {} }
        let files = lock == nil ? [] : try await promote(selection, torrent)
        let id = torrent.row.id
        try connection.transaction { () throws(StoreError) in
            if !files.isEmpty {
                var record = ProgressRecord(torrent: id, verifiedAt: .now())
                record.files = files
                _ = try connection.pieces.record([record])
            }
            // An engine may have recorded more pieces in the meantime.
            let have = try connection.pieces.have(of: id, count: torrent.metainfo.geometry.pieceCount)
            try connection.torrents.setSelection(
                id, wanted: zip(selection.wanted, torrent.metainfo.layout.files).map { $0 || $1.isPad },
                wantedBytes: selection.wantedBytes,
                completedBytes: selection.bytes(in: have, geometry: torrent.metainfo.geometry))
        }
    }

    /// Locks the database so that no engine can start; `nil` if an engine is running.
    private func lockUnlessAnEngineRuns() throws -> DatabaseLock? {
        do {
            return try DatabaseLock.acquire(database: connection.path, now: .now())
        } catch  where error.code == .lockedByOther {
            return nil
        }
    }

    private func promote(_ selection: FileSelection, _ torrent: StoredTorrent) async throws -> [FingerprintRow] {
        let payload = torrent.payload
        var newly = torrent.metainfo.layout.files.filter { file in
            guard selection.wanted[file.index], case .part = payload.placement[file.index] else { return false }
            if file.isEmpty { return torrent.row.isRootSeen }
            return torrent.metainfo.layout.pieces(of: file.index, geometry: torrent.metainfo.geometry).contains {
                torrent.have[$0]
            }
        }
        guard !newly.isEmpty else { return [] }
        let disk = try Disk()
        let look = await torrent.look(disk)
        guard !look.reach.isOffline else {
            throw Failure(
                "the selection of files of \(torrent.row.name.printable) was not changed: \(torrent.sentence(look))")
        }
        guard look.payload.protection == nil else {
            throw Failure(
                "the selection of files of \(torrent.row.name.printable) was not changed: their bytes are in another file, "
                    + (look.payload.protection == .byUser
                        ? "and the torrent is read-only; see `pieces limit \(torrent.row.id) --read-only off`"
                        : "and its file system is mounted read-only"))
        }
        let wanted = look.payload.placing(newly.map(\.index), as: .file)
        let custody = try await Custody.look(at: wanted, of: torrent.row.id, connection, disk)
        // An existing empty file is already as it should be, whichever program created it.
        newly.removeAll { $0.isEmpty && custody.empty.contains(.entry($0.index)) }
        guard !newly.isEmpty else { return [] }
        for file in newly where custody.own[.entry(file.index)] == nil {
            if let holder = custody.shared[file.index]?.holder {
                throw Failure(
                    "\(payload.path(of: .entry(file.index)).printable) is also a file of torrent \(holder.torrent) (\(holder.name.printable)): "
                        + "remove one of the two torrents first")
            }
            if custody.unproven[.entry(file.index)] != nil || custody.edited[.entry(file.index)] != nil {
                throw Failure(
                    "\(wanted.path(of: .entry(file.index)).printable) existed before and doesn't belong to this torrent: move it away first"
                )
            }
        }
        _ = disk.admit(custody.own, of: torrent.row.infoHash)
        try connection.files.announce(torrent.row.id, newly.map(\.index).filter { custody.own[.entry($0)] == nil })
        return try await disk.promoted(look.payload, files: newly.map(\.index), pieces: torrent.have)
    }
}
