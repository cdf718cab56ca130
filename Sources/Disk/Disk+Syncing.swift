import Glibc
import System
import SystemPackage
import Torrent

extension Disk {
    /// Makes everything durable that was written to the torrent's files before the call: the data of each file, then
    /// the directories that name new files.
    ///
    /// Only data in a file of ``SyncReport/durable`` may be recorded as present.
    package func sync(_ payload: Payload, completion: @escaping @Sendable (SyncReport) -> Void) {
        workers.submit(.sync) { completion(self.syncBlocking(payload)) }
    }

    package func sync(_ payload: Payload) async -> SyncReport {
        await answer { done in sync(payload, completion: done) }
    }

    func syncBlocking(_ payload: Payload) -> SyncReport {
        let ledger = ledger(of: payload.infoHash)
        var work = ledger.take()
        guard !work.isEmpty else { return SyncReport() }
        var report = SyncReport()
        do {
            let folder = try PayloadFolder(payload, calls: calls)
            let files = work.files.union(work.lost.keys).sorted(by: Self.inOrder)
            var volume = files.count >= volumeSyncFrom ? syncVolume(of: folder, payload, ledger) : nil
            var names = NameCursor(payload, calls)
            for file in files {
                do {
                    let closeError = work.lost[file]
                    if closeError == nil, let synced = volume,
                        let print = try look(at: file, on: synced.device, payload, in: folder, &names, ledger)
                    {
                        report.durable.append(
                            synced.isConfirmed ? print : try confirm(&volume, by: file, payload, in: folder, ledger))
                    } else {
                        report.durable.append(try sync(payload, file, in: folder, ledger, closeError: closeError))
                    }
                } catch {
                    if !error.isLost { ledger.putBack(.init(files: [file])) }
                    report.failures.append(error)
                }
            }
            work.lost = [:]
            for directory in work.directories {
                // A removed directory has no names to keep, and the missing files were already found above.
                do { try folder.sync(directory: directory.map(\.text)) } catch  where error.code == .notFound {
                    continue
                }
            }
            for path in work.ancestors { try sync(ancestor: path) }
            report.created = work.created.sorted(by: Self.inOrder)
        } catch {
            // A file without its name is as good as missing. Nothing of this sync is reported as durable, and
            // everything that isn't lost is retried.
            work.files.subtract(report.failures.lazy.filter(\.isLost).map(\.file))
            ledger.putBack(work)
            report.durable = []
            report.folderError = error
        }
        return report
    }

    /// Syncs one file by itself to confirm the sync of its volume. If that fails, every file that follows is synced by
    /// itself.
    private func confirm(
        _ volume: inout VolumeSync?, by file: PayloadFile, _ payload: Payload, in folder: borrowing PayloadFolder,
        _ ledger: WriteLedger
    ) throws(SyncReport.Failure) -> FoundFile {
        var synced = volume.take()
        let print = try sync(payload, file, in: folder, ledger, closeError: nil)
        synced?.isConfirmed = true
        volume = synced
        return print
    }

    private func sync(
        _ payload: Payload, _ file: PayloadFile, in folder: borrowing PayloadFolder, _ ledger: WriteLedger,
        closeError: Errno?
    ) throws(SyncReport.Failure) -> FoundFile {
        let path = payload.path(of: file)
        if let closeError { throw .init(file: file, error: DiskError(closeError, .close, path), isLost: true) }
        let key = DescriptorPool.Key(torrent: payload.infoHash, file: file)
        let descriptor: Descriptor
        do {
            if let open = pool.descriptor(key, writing: true) {
                descriptor = open
            } else {
                descriptor = try reopen(payload, file, in: folder, ledger)
            }
        } catch {
            throw .init(file: file, error: error, isLost: error.code == .notFound)
        }
        do {
            try calls.syncData(descriptor.raw)
        } catch {
            // The kernel now treats the pages that it could not write as clean, so a second sync would succeed without
            // having written them. The descriptor is not used again, and the cache is dropped so that a check reads
            // what is on the disk.
            pool.remove(key)
            calls.dropCache(descriptor.raw)
            throw .init(file: file, error: DiskError(error, .sync, path), isLost: true)
        }
        do {
            let status = try calls.status(descriptor.raw)
            guard try identity(of: file, payload, in: folder) == status.identity,
                ledger.identity(of: file).map({ $0 == status.identity }) ?? true
            else {
                throw DiskError(.replaced, .sync, path)
            }
            return FoundFile(file, status, bornNs: calls.birth(descriptor.raw))
        } catch let error as DiskError {
            throw failure(error, of: file, payload)
        } catch {
            throw .init(file: file, error: DiskError(.other, .inspect, path), isLost: false)
        }
    }

    /// The failure of inspecting a file after its sync. If the file is gone or replaced, the data written to it is
    /// lost.
    func failure(_ error: DiskError, of file: PayloadFile, _ payload: Payload) -> SyncReport.Failure {
        let isLost = error.code == .replaced || error.code == .notFound
        if isLost { pool.remove(.init(torrent: payload.infoHash, file: file)) }
        return SyncReport.Failure(file: file, error: error, isLost: isLost)
    }

    /// Reopens a file whose descriptor left the pool. Syncing needs no write permission.
    private func reopen(
        _ payload: Payload, _ file: PayloadFile, in folder: borrowing PayloadFolder, _ ledger: WriteLedger
    ) throws(DiskError)
        -> Descriptor
    {
        let raw = try folder.open(payload.components(of: file), flags: O_RDONLY | O_NONBLOCK)
        return Descriptor(raw, isWritable: false, file: file, calls: calls, ledger: ledger)
    }

    /// The identity of the file that is now at the path: the open one may have been moved or replaced.
    private func identity(of file: PayloadFile, _ payload: Payload, in folder: borrowing PayloadFolder)
        throws(DiskError) -> FileIdentity
    {
        let raw = try folder.open(payload.components(of: file), flags: Linux.openPath | O_NOFOLLOW)
        defer { calls.closeUnwritten(raw) }
        do { return try calls.status(raw).identity } catch { throw DiskError(error, .inspect, payload.path(of: file)) }
    }

    func sync(ancestor path: FilePath) throws(DiskError) {
        let raw: Int32
        do {
            raw = try calls.open(path, flags: O_RDONLY | O_DIRECTORY)
        } catch {
            // A folder that we may traverse but neither read nor write belongs to another user, as the parents of a
            // home folder may: no name in it is ours. In a folder that we may write, the name may be ours, and it isn't
            // known to be durable.
            if error == .permissionDenied, try isAnothers(path) { return }
            throw DiskError(error, .open, path.text)
        }
        defer { calls.closeUnwritten(raw) }
        try calls.syncDirectory(raw, path: path.text)
    }

    private func isAnothers(_ folder: FilePath) throws(DiskError) -> Bool {
        do { return !(try calls.mayWrite(folder)) } catch { throw DiskError(error, .inspect, folder.text) }
    }

    /// The layout's order, with the part file last. It is our best guess at the order of the files on the disk.
    private static func inOrder(_ a: PayloadFile, _ b: PayloadFile) -> Bool {
        switch (a, b) {
        case (.entry(let a), .entry(let b)): a < b
        case (.entry, .parts): true
        case (.parts, _): false
        }
    }
}

extension DiskCalls {
    func syncDirectory(_ descriptor: Int32, path: @autoclosure () -> String) throws(DiskError) {
        do {
            try syncDirectory(descriptor)
        } catch .invalidArgument {
            // The file system has no fsync for directories (fsync(2)). It keeps names in its own way, so there is
            // nothing to request.
        } catch {
            throw DiskError(error, .sync, path())
        }
    }
}
