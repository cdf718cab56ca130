import System
package import SystemPackage
import Torrent

/// The place where a folder is, or would be made.
package struct SpaceAt: Sendable {
    /// The device number of the folder, or of its nearest parent that exists.
    package let device: UInt64
    package let volume: Volume?
    package let freeBytes: Int64
}

extension Disk {
    /// The free space for a folder that may not exist yet.
    package func space(at folder: FilePath) async throws(DiskError) -> SpaceAt {
        try await answer { (done: @escaping @Sendable (Result<SpaceAt, DiskError>) -> Void) in
            look {
                done(
                    Result { () throws(DiskError) in
                        let nearest = try self.nearestFolder(folder)
                        return SpaceAt(
                            device: nearest.status.identity.device, volume: Volume.holding(nearest.path),
                            freeBytes: nearest.freeBytes)
                    })
            }
        }.get()
    }

    /// The bytes of wanted files that have no blocks on the disk.
    package func unallocated(_ payload: Payload) async throws(DiskError) -> Int64 {
        try await answer { (done: @escaping @Sendable (Result<Int64, DiskError>) -> Void) in
            run(.read, done) { () throws(DiskError) in try self.unallocatedBlocking(payload) }
        }.get()
    }

    private func unallocatedBlocking(_ payload: Payload) throws(DiskError) -> Int64 {
        let wanted = payload.layout.files.filter { payload.placement[$0.index] == .file }
        let all = wanted.reduce(Int64(0)) { $0 + $1.length }
        do {
            let folder = try PayloadFolder(payload, calls: calls)
            var names = NameCursor(payload, calls)
            var missing: Int64 = 0
            for file in wanted {
                do {
                    let status = try names.status(of: file.path, in: folder)
                    missing += status.kind == .regular ? max(0, file.length - max(0, status.allocated)) : file.length
                } catch  where error.code == .notFound { missing += file.length }
            }
            return missing
        } catch  where error.code == .rootMissing {
            return all
        }
    }

    /// Where a volume is now; see ``VolumeState/look(for:at:)``.
    package func state(of volume: VolumeIdentity, at mountPath: String) async -> (VolumeState, VolumeSpace?) {
        await answer { (done: @escaping @Sendable ((VolumeState, VolumeSpace?)) -> Void) in
            look {
                let state = VolumeState.look(for: volume, at: mountPath)
                var place: String? = state.isOnline ? mountPath : nil
                if case .elsewhere(let path) = state { place = path }
                done((state, place.flatMap { VolumeSpace(at: FilePath(text: $0)) }))
            }
        }
    }

    /// Looks at a file system on a thread of its own, so that one that never answers holds up no other. The caller
    /// doesn't look a second time before it has the answer.
    private func look(_ body: @escaping @Sendable () -> Void) {
        do { try SystemThread.start(name: "look", body) } catch { workers.submit(.read, body) }
    }
}
