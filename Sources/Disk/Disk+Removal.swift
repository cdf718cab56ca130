import SystemPackage
import Torrent

/// What ``Disk/removeData(_:own:)`` did.
package struct Removal: Sendable, Hashable {
    package var removedFiles = 0
    /// Files at the torrent's paths that aren't its own, and stay.
    package var kept: [PayloadFile] = []
    /// What could not be removed, and why; what isn't the torrent's is not looked at.
    package var failures: [DiskError] = []
}

extension Disk {
    /// Deletes those files that the torrent names, and its part file, that are still the ones in `own`; then the
    /// directories that the torrent names if they are empty.
    ///
    /// Nothing else is touched: neither another file at one of the paths, nor links, nor what else is in the
    /// directories, nor the output folder. Skipped files, which were never written, stay.
    package func removeData(
        _ payload: Payload, own: [PayloadFile: FileIdentity],
        completion: @escaping @Sendable (Result<Removal, DiskError>) -> Void
    ) {
        run(.sync, completion) { () throws(DiskError) in try self.removeBlocking(payload, own) }
    }

    package func removeData(_ payload: Payload, own: [PayloadFile: FileIdentity]) async throws(DiskError) -> Removal {
        try await answer { done in removeData(payload, own: own, completion: done) }.get()
    }

    private func removeBlocking(_ payload: Payload, _ own: [PayloadFile: FileIdentity]) throws(DiskError) -> Removal {
        let folder = try PayloadFolder(payload, calls: calls)
        release(payload.infoHash)
        var names = NameCursor(payload, calls)
        var removal = Removal()
        var directories: Set<[FileName]> = []
        for file in payload.layout.files.indices.lazy.filter({ payload.isInPlace($0) }).map({ PayloadFile.entry($0) })
            + [.parts]
        {
            let path = payload.components(of: file)
            var directory = path.dropLast()
            while !directory.isEmpty, directories.insert(directory.map(FileName.init)).inserted {
                directory = directory.dropLast()
            }
            do {
                let status = try names.status(of: path, in: folder)
                switch status.kind {
                case .regular where own[file] == status.identity:
                    try names.removeFile(path, in: folder)
                    removal.removedFiles += 1
                case .regular: removal.kept.append(file)
                case .directory:
                    removal.failures.append(DiskError(.isADirectory, .remove, payload.path(path), errno: .isDirectory))
                case .symbolicLink:
                    removal.failures.append(DiskError(.tooManySymbolicLinkLevels, .remove, payload.path(path)))
                case .other: removal.failures.append(DiskError(.notRegular, .remove, payload.path(path)))
                }
            } catch  where error.code != .notFound {
                removal.failures.append(error)
            } catch {
                continue
            }
        }
        // The deepest first, so that a directory is empty when its turn comes.
        for directory in directories.map({ $0.map(\.text) }).sorted(by: {
            ($0.count, $1.joined()) > ($1.count, $0.joined())
        }) {
            do {
                try names.removeDirectory(directory, in: folder)
            } catch  where Self.isLeftAlone(error) {
                continue
            } catch {
                removal.failures.append(error)
            }
        }
        return removal
    }

    /// A directory that is gone already, has something else in it, or isn't the torrent's but a link.
    private static func isLeftAlone(_ error: DiskError) -> Bool {
        error.code == .notFound || error.code == .symbolicLink || error.errno == .directoryNotEmpty
            || error.errno == .fileExists
    }
}
