import Glibc
import System
import SystemPackage
import Torrent

/// How much of a torrent is allocated on the disk before its data arrives.
package enum Allocation: Sendable {
    /// Only empty files. Every other file is created when its first byte arrives, with its whole length as a hole.
    case sparse
    /// Every wanted file, with all of its blocks reserved.
    case full
}

extension Disk {
    /// Prepares the output folder. Sync afterwards, as after writes.
    ///
    /// The output folder and its missing parents are made only with `makingRoot`: pass it for a new torrent, never for
    /// one that was added earlier. With ``Allocation/full``, a lack of disk space is reported before anything is
    /// created.
    package func create(
        _ payload: Payload, _ allocation: Allocation, makingRoot: Bool,
        completion: @escaping @Sendable (Result<Void, DiskError>) -> Void
    ) {
        run(.write, completion) { () throws(DiskError) in try self.createBlocking(payload, allocation, makingRoot) }
    }

    package func create(_ payload: Payload, _ allocation: Allocation, makingRoot: Bool) async throws(DiskError) {
        try await answer { done in create(payload, allocation, makingRoot: makingRoot, completion: done) }.get()
    }

    private func createBlocking(_ payload: Payload, _ allocation: Allocation, _ makingRoot: Bool) throws(DiskError) {
        guard payload.protection == nil else { return }
        let ledger = ledger(of: payload.infoHash)
        if makingRoot {
            try makeRoot(payload.root)
            // All of these folders are synced, not only new ones: another torrent that shares them may not reach its
            // first sync for a long time, or ever.
            ledger.changed(directories: [], ancestors: try ancestors(of: payload.root))
        }
        let wanted = payload.layout.files.filter { payload.placement[$0.index] == .file }
        if allocation == .full { try requireSpace(payload, wanted) }
        for file in wanted where file.isEmpty || allocation == .full {
            let descriptor: Descriptor
            do {
                descriptor = try self.descriptor(payload, .entry(file.index), writing: true, from: pool)
            } catch  where error.code == .notOurs {
                // The file stays untouched until a piece shows that it belongs to the torrent.
                continue
            }
            guard !file.isEmpty else { continue }
            defer { ledger.wrote(.entry(file.index)) }
            do {
                try calls.allocate(descriptor.raw, length: file.length)
            } catch {
                throw DiskError(error, .allocate, payload.path(of: .entry(file.index)), reaching: file.length)
            }
        }
    }

    /// Makes the folder and its missing parents.
    func makeRoot(_ path: FilePath) throws(DiskError) {
        var missing: [FilePath] = []
        var at = path
        while true {
            do {
                calls.closeUnwritten(try calls.open(at, flags: Linux.openPath | O_DIRECTORY))
                break
            } catch .noSuchFileOrDirectory where at != at.parent {
                missing.append(at)
                at = at.parent
            } catch {
                throw DiskError(error, .makeFolder, path.text)
            }
        }
        for folder in missing.reversed() {
            do { try calls.makeDirectory(folder) } catch .fileExists { continue } catch {
                throw DiskError(error, .makeFolder, folder.text)
            }
        }
    }

    /// The folders above the output folder whose names lead to it, up to its mount point.
    func ancestors(of root: FilePath) throws(DiskError) -> Set<FilePath> {
        let device = try device(of: root)
        var ancestors: Set<FilePath> = []
        var at = root
        while at != at.parent, try self.device(of: at.parent) == device {
            at = at.parent
            ancestors.insert(at)
        }
        return ancestors
    }

    private func device(of folder: FilePath) throws(DiskError) -> UInt64 {
        do {
            let raw = try calls.open(folder, flags: Linux.openPath | O_DIRECTORY)
            defer { calls.closeUnwritten(raw) }
            return try calls.status(raw).identity.device
        } catch {
            throw DiskError(error, .inspect, folder.text)
        }
    }

    private func requireSpace(_ payload: Payload, _ files: [FileEntry]) throws(DiskError) {
        let folder = try PayloadFolder(payload, calls: calls)
        var names = NameCursor(payload, calls)
        var needed: Int64 = 0
        for file in files {
            var allocated: Int64 = 0
            do { allocated = try names.status(of: file.path, in: folder).allocated } catch
                where error.code == .notFound
            { allocated = 0 }
            // The sum can't overflow, because it is at most the torrent's length.
            needed += max(0, file.length - max(0, allocated))
        }
        if needed > (try folder.freeBytes()) { throw DiskError(DiskError.Code.noSpace, .allocate, payload.root.text) }
    }
}
