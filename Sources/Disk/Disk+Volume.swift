import Glibc
import System
package import SystemPackage
import Torrent

/// Whether a torrent's output folder can be reached.
package enum Presence: Sendable, Hashable {
    case present(device: UInt64)
    /// The folder is unreachable: the torrent is offline, and nothing is known of its files.
    case absent(DiskError)
}

extension Disk {
    /// Looks for the output folder without changing anything.
    package func presence(of payload: Payload, completion: @escaping @Sendable (Presence) -> Void) {
        workers.submit(.read) {
            Automounter.ask(payload.root)
            do throws(DiskError) {
                let folder = try PayloadFolder(payload, calls: self.calls)
                completion(.present(device: try folder.device()))
            } catch {
                completion(.absent(error))
            }
        }
    }

    package func presence(of payload: Payload) async -> Presence {
        await answer { done in presence(of: payload, completion: done) }
    }

    /// The identity of the file at the path; `nil` when there is no regular file. A link in the last component is not
    /// followed.
    package func identity(at path: FilePath) async -> FileIdentity? {
        await answer { (done: @escaping @Sendable (FileIdentity?) -> Void) in
            workers.submit(.read) { done(self.identityBlocking(path)) }
        }
    }

    private func identityBlocking(_ path: FilePath) -> FileIdentity? {
        do {
            let raw = try calls.open(path, flags: Linux.openPath | O_NOFOLLOW)
            defer { calls.closeUnwritten(raw) }
            let status = try calls.status(raw)
            return status.kind == .regular ? status.identity : nil
        } catch {
            // Two torrents can't both write to a file that can't be inspected now.
            return nil
        }
    }

    /// The fingerprints of the wanted files and the part file; missing files are left out. Throws when the folder can't
    /// be reached or searched.
    package func fingerprints(
        _ payload: Payload, completion: @escaping @Sendable (Result<[FoundFile], DiskError>) -> Void
    ) {
        run(.read, completion) { () throws(DiskError) in try self.fingerprintsBlocking(payload) }
    }

    package func fingerprints(_ payload: Payload) async throws(DiskError) -> [FoundFile] {
        try await answer { done in fingerprints(payload, completion: done) }.get()
    }

    /// Free bytes on the file system of `path`, or, if the path doesn't exist yet, of its nearest existing parent.
    package func freeSpace(at path: FilePath) async throws(DiskError) -> Int64 {
        try await answer { (done: @escaping @Sendable (Result<Int64, DiskError>) -> Void) in
            run(.read, done) { () throws(DiskError) in try self.freeSpaceBlocking(path) }
        }.get()
    }

    private func freeSpaceBlocking(_ path: FilePath) throws(DiskError) -> Int64 {
        var path = path
        while true {
            do {
                let raw = try calls.open(path, flags: Linux.openPath)
                defer { calls.closeUnwritten(raw) }
                return try calls.freeBytes(raw)
            } catch .noSuchFileOrDirectory where !path.isEmpty && path != "." && path != "/" {
                path = path.parent
            } catch {
                throw DiskError(error, .inspect, path.text)
            }
        }
    }

    func fingerprintsBlocking(_ payload: Payload) throws(DiskError) -> [FoundFile] {
        let folder = try PayloadFolder(payload, calls: calls)
        var names = NameCursor(payload, calls)
        var fingerprints: [FoundFile] = []
        var files = payload.layout.files.indices.filter { payload.isInPlace($0) }.map { PayloadFile.entry($0) }
        if payload.placement.contains(.part) { files.append(.parts) }
        for file in files {
            do {
                let status = try names.status(of: payload.components(of: file), in: folder)
                if status.kind == .regular {
                    fingerprints.append(
                        FoundFile(file, status, bornNs: try names.birth(of: payload.components(of: file), in: folder)))
                }
            } catch  where error.code == .notFound {
                continue
            }
        }
        return fingerprints
    }
}

extension FilePath {
    /// The folder that holds the path; the current one for a single relative component.
    var parent: FilePath {
        let parent = removingLastComponent()
        return parent.isEmpty ? "." : parent
    }
}
