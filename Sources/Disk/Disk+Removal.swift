import SystemPackage
import Torrent

/// What ``Disk/removeData(_:)`` did.
package struct Removal: Sendable, Hashable {
    package var removedFiles = 0
    /// What could not be removed, and why; what isn't the torrent's is not looked at.
    package var failures: [DiskError] = []
}

extension Disk {
    /// Deletes the wanted files that the torrent names and its part file, then the directories that the torrent names if they are empty.
    ///
    /// Nothing else is touched: neither links, nor what else is in the directories, nor the output folder.
    /// Skipped files, which were never written, stay.
    package func removeData(_ payload: Payload, completion: @escaping @Sendable (Result<Removal, DiskError>) -> Void) {
        run(.sync, completion) { () throws(DiskError) in try self.removeBlocking(payload) }
    }

    package func removeData(_ payload: Payload) async throws(DiskError) -> Removal {
        try await answer { done in removeData(payload, completion: done) }.get()
    }

    private func removeBlocking(_ payload: Payload) throws(DiskError) -> Removal {
        let folder = try PayloadFolder(payload, calls: calls)
        release(payload.infoHash)
        var names = NameCursor(payload, calls)
        var removal = Removal()
        var directories: Set<[FileName]> = []
        for file in payload.layout.files.indices.lazy.filter({ payload.placement[$0] == .file }).map({ PayloadFile.entry($0) }) + [.parts] {
            let path = payload.components(of: file)
            var directory = path.dropLast()
            while !directory.isEmpty, directories.insert(directory.map(FileName.init)).inserted { directory = directory.dropLast() }
            do {
                switch try names.status(of: path, in: folder).kind {
                case .regular:
                    try names.removeFile(path, in: folder)
                    removal.removedFiles += 1
                case .directory: removal.failures.append(DiskError(.isADirectory, .remove, payload.path(path), errno: .isDirectory))
                case .symbolicLink: removal.failures.append(DiskError(.tooManySymbolicLinkLevels, .remove, payload.path(path)))
                case .other: removal.failures.append(DiskError(.notRegular, .remove, payload.path(path)))
                }
            } catch  where error.code != .notFound {
                removal.failures.append(error)
            } catch {
                continue
            }
        }
        // The deepest first, so that a directory is empty when its turn comes.
        for directory in directories.map({ $0.map(\.text) }).sorted(by: { ($0.count, $1.joined()) > ($1.count, $0.joined()) }) {
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
        error.code == .notFound || error.code == .symbolicLink || error.errno == .directoryNotEmpty || error.errno == .fileExists
    }
}
