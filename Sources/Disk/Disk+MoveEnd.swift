import System
import SystemPackage
import Torrent

/// The last steps of a move, and the way back.
extension Disk {
    /// Gives synced copies their names. The database must know the copies, so that a later attempt recognizes them.
    package func settle(_ files: [PayloadFile], _ move: PayloadMove) async throws(DiskError) {
        try await answer { (done: @escaping @Sendable (Result<Void, DiskError>) -> Void) in
            run(.sync, done) { () throws(DiskError) in try self.settleBlocking(files, move) }
        }.get()
    }

    private func settleBlocking(_ files: [PayloadFile], _ move: PayloadMove) throws(DiskError) {
        let to = try PayloadFolder(move.target, calls: calls)
        for file in files {
            let components = move.target.components(of: file)
            let name = try to.checked(components)
            let new = try to.directory(components.dropLast())
            try settle(move.temporaryName(file), as: name, in: new, move.target.path(of: file))
        }
    }

    /// Never replaces a file that another program has put there in the meantime.
    private func settle(
        _ temporary: String, as name: String, in directory: borrowing Directory, _ path: String
    ) throws(DiskError) {
        do {
            try calls.link(temporary, in: directory.descriptor, to: name, in: directory.descriptor)
            try calls.removeFile(temporary, in: directory.descriptor)
            return
        } catch  where error == .improperLink || Self.hasNoLinks(error) {
            // Below: a file system without links.
        } catch {
            throw Self.refused(error, path)
        }
        guard try status(of: name, in: directory, path) == nil else { throw DiskError(.exists, .move, path) }
        do { try calls.rename(temporary, in: directory.descriptor, to: name, in: directory.descriptor) } catch {
            throw Self.refused(error, path)
        }
    }

    static func refused(_ error: Errno, _ path: String) -> DiskError {
        DiskError(error == .fileExists ? .exists : .init(errno: error, .move), .move, path, errno: error)
    }

    /// Makes the names in the folders that lead to these files durable.
    package func syncNames(of files: [PayloadFile], in payload: Payload) async throws(DiskError) {
        try await answer { (done: @escaping @Sendable (Result<Void, DiskError>) -> Void) in
            run(.sync, done) { () throws(DiskError) in try self.syncNamesBlocking(of: files, in: payload) }
        }.get()
    }

    private func syncNamesBlocking(of files: [PayloadFile], in payload: Payload) throws(DiskError) {
        let folder = try PayloadFolder(payload, calls: calls)
        var directories: Set<[FileName]> = [[]]
        for file in files { directories.formUnion(payload.folders(of: file)) }
        for directory in directories {
            // A folder that is gone has no names to keep.
            do { try folder.sync(directory: directory.map(\.text)) } catch  where error.code == .notFound { continue }
        }
    }

    /// Takes back what a move has placed, so that only the old folder has the files.
    package func undo(_ files: [MovedFile], _ move: PayloadMove) async throws(DiskError) {
        try await answer { (done: @escaping @Sendable (Result<Void, DiskError>) -> Void) in
            run(.sync, done) { () throws(DiskError) in try self.undoBlocking(files, move) }
        }.get()
    }

    private func undoBlocking(_ files: [MovedFile], _ move: PayloadMove) throws(DiskError) {
        let to: PayloadFolder
        do { to = try PayloadFolder(move.target, calls: calls) } catch  where error.code == .rootMissing { return }
        let from = try PayloadFolder(move.source, calls: calls)
        var directories: Set<[FileName]> = []
        for file in files {
            let components = move.target.components(of: file.file)
            let oldComponents = move.source.components(of: file.file)
            for directory in move.target.folders(of: file.file) where !directory.isEmpty {
                directories.insert(directory)
            }
            let path = move.target.path(of: file.file)
            let name = try to.checked(components)
            let oldName = try from.checked(oldComponents)
            let new: Directory
            do { new = try to.directory(components.dropLast()) } catch  where error.code == .notFound { continue }
            try remove(move.temporaryName(file.file), in: new, path)
            guard let there = try status(of: name, in: new, path), there.kind == .regular else { continue }
            let old = try from.directory(oldComponents.dropLast(), creating: true)
            let oldPlace = try identity(of: old)
            guard try oldPlace != identity(of: new) || !PathText.isSame(oldName, name) else { continue }
            if let original = try status(of: oldName, in: old, path) {
                let isLink = there.identity == original.identity
                if isLink || file.copy?.isOf(there) ?? false { try remove(name, in: new, path) }
            } else if try isRenamed(file, name, in: new, path) {
                do { try calls.rename(name, in: new.descriptor, to: oldName, in: old.descriptor) } catch {
                    throw DiskError(error, .move, path)
                }
            }
        }
        removeEmpty(directories, move.target, in: to)
    }

    func remove(_ name: String, in directory: borrowing Directory, _ path: String) throws(DiskError) {
        do { try calls.removeFile(name, in: directory.descriptor) } catch .noSuchFileOrDirectory {} catch {
            throw DiskError(error, .remove, path)
        }
    }

    // MARK: The old folder

    /// Removes the old names of the moved files, and then those of the torrent's directories that are empty. A file
    /// that isn't as it was when the move began, or that isn't in the new folder, stays.
    package func removeOld(_ files: [MovedFile], _ move: PayloadMove) async throws(DiskError) -> Removal {
        try await answer { (done: @escaping @Sendable (Result<Removal, DiskError>) -> Void) in
            run(.sync, done) { () throws(DiskError) in try self.removeOldBlocking(files, move) }
        }.get()
    }

    private func removeOldBlocking(_ files: [MovedFile], _ move: PayloadMove) throws(DiskError) -> Removal {
        let from = try PayloadFolder(move.source, calls: calls)
        let to = try PayloadFolder(move.target, calls: calls)
        var removal = Removal()
        var directories: Set<[FileName]> = []
        for file in files {
            let components = move.source.components(of: file.file)
            let newComponents = move.target.components(of: file.file)
            let path = move.source.path(of: file.file)
            directories.formUnion(move.source.folders(of: file.file))
            guard !file.stays else {
                removal.kept.append(file.file)
                continue
            }
            do {
                let name = try from.checked(components)
                let old = try from.directory(components.dropLast())
                let newName = try to.checked(newComponents)
                let new = try to.directory(newComponents.dropLast())
                guard let there = try status(of: name, in: old, path) else { continue }
                // Through a bind mount, both names may be one.
                let isOne = try identity(of: old) == identity(of: new) && PathText.isSame(name, newName)
                guard !isOne, there.kind == .regular, file.before.isOf(there),
                    try status(of: newName, in: new, path)?.kind == .regular
                else {
                    removal.kept.append(file.file)
                    continue
                }
                try remove(name, in: old, path)
                removal.removedFiles += 1
            } catch  where error.code != .notFound {
                removal.failures.append(error)
            } catch { continue }
        }
        directories.remove([])
        removeEmpty(directories, move.source, in: from)
        return removal
    }

    /// Removes the directories that are empty, deepest first; the others stay.
    private func removeEmpty(_ directories: Set<[FileName]>, _ payload: Payload, in folder: borrowing PayloadFolder) {
        var names = NameCursor(payload, calls)
        for directory in directories.map({ $0.map(\.text) }).sorted(by: { $0.count > $1.count }) {
            do { try names.removeDirectory(directory, in: folder) } catch { continue }
        }
    }
}

/// New names in the payload's own folder.
extension Disk {
    /// Whether something stands at the new names of these files, which have other names now. Such a name may be the
    /// file itself, where the file system doesn't distinguish upper and lower case; it is taken as well.
    package func takenNames(of files: [PayloadFile], _ move: PayloadMove) async throws(DiskError) -> [PayloadFile] {
        try await answer { (done: @escaping @Sendable (Result<[PayloadFile], DiskError>) -> Void) in
            run(.read, done) { () throws(DiskError) in try self.takenNamesBlocking(of: files, move) }
        }.get()
    }

    private func takenNamesBlocking(of files: [PayloadFile], _ move: PayloadMove) throws(DiskError) -> [PayloadFile] {
        let folder = try PayloadFolder(move.target, calls: calls)
        var names = NameCursor(move.target, calls)
        var taken: [PayloadFile] = []
        for file in files {
            do {
                _ = try names.status(of: move.target.components(of: file), in: folder)
                taken.append(file)
            } catch  where error.code == .notFound { continue }
        }
        return taken
    }
}
