import SystemPackage
import Torrent

/// What ``Disk/removeData(_:own:)`` did.
package struct Removal: Sendable, Hashable {
    package var removedFiles = 0
    /// Files at the torrent's paths that aren't its own; they stay.
    package var kept: [PayloadFile] = []
    /// Files and directories of the torrent that could not be removed, and why.
    package var failures: [DiskError] = []

    package init() {}
}

extension Disk {
    /// Deletes the torrent's files and its part file if they still have the identities in `own`, then those of the
    /// torrent's directories that are empty.
    ///
    /// Nothing else is touched: no other file at one of the paths, no links, no other content of the directories, and
    /// not the output folder. Skipped files, which were never written, stay.
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
        if payload.protection == .byUser { throw DiskError(.protected, .remove, payload.root.text) }
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
        // The deepest come first, so that a directory is empty when its turn comes.
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

    /// Whether the directory is already gone, isn't empty, or is a link.
    private static func isLeftAlone(_ error: DiskError) -> Bool {
        error.code == .notFound || error.code == .symbolicLink || error.errno == .directoryNotEmpty
            || error.errno == .fileExists
    }
}
