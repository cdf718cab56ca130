import Glibc
import Synchronization
import System
package import SystemPackage
package import Torrent

/// The piece hashes of several files in sequence, as a new torrent needs them.
package struct HashedFiles: Sendable {
    /// The length of each file.
    package let lengths: [Int64]
    package let pieceHashes: PieceHashes
}

extension Disk {
    /// Hashes regular files that the user chose, on all cores. Throws if a file changes in the meantime.
    ///
    /// `progress` receives the bytes hashed since its last call. Several disk threads call it at once.
    package func hashFiles(
        _ paths: [FilePath], pieceLength: Int, cancel: CancelToken = CancelToken(),
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws(DiskError) -> HashedFiles {
        let before = try await statuses(paths)
        var total: Int64 = 0
        for status in before {
            let (sum, overflow) = total.addingReportingOverflow(status.size)
            guard !overflow else { throw DiskError(.tooLarge, .hash, paths[0].text) }
            total = sum
        }
        guard let geometry = Geometry(totalBytes: total, pieceLength: pieceLength) else {
            throw DiskError(.tooLarge, .hash, paths.first?.text ?? "no file")
        }
        let files = FileSequence(paths, lengths: before.map(\.size))
        let hashes = Box([UInt8](repeating: 0, count: geometry.pieceCount * SHA1Digest.byteCount))
        let failure = Box<DiskError?>(nil)
        let isCancelled = await answer { (done: @escaping @Sendable (Bool) -> Void) in
            let scan = PieceScan<FileSequenceReader>(
                workers, geometry, Bitfield(fullCount: geometry.pieceCount), cancel: cancel
            ) { hasher in
                if let error = hasher.failures.lazy.compactMap({ $0 }).first {
                    failure.value.withLock { $0 = error }
                    return false
                }
                hashes.value.withLock { hashes in
                    for (lane, piece) in hasher.pieces.enumerated() {
                        hashes.replaceSubrange(
                            piece.value * SHA1Digest.byteCount..<(piece.value + 1) * SHA1Digest.byteCount,
                            with: hasher.digest(lane))
                    }
                }
                progress(hasher.pieces.reduce(0) { $0 + geometry.length(of: $1) })
                return true
            } completion: {
                done(cancel.isCancelled)
            }
            scan.start(slots: cores) { { FileSequenceReader(files, self.calls) } }
        }
        if let error = failure.value.withLock(\.self) { throw error }
        guard !isCancelled else { throw DiskError(.cancelled, .hash, paths.first?.text ?? "no file") }
        for (n, status) in try await statuses(paths).enumerated() where status != before[n] {
            throw DiskError(.replaced, .hash, paths[n].text)
        }
        guard let pieceHashes = PieceHashes(.sha1, hashes.value.withLock(\.self)[...]) else {
            preconditionFailure("each piece has a whole digest")
        }
        return HashedFiles(lengths: before.map(\.size), pieceHashes: pieceHashes)
    }

    private func statuses(_ paths: [FilePath]) async throws(DiskError) -> [FileStatus] {
        try await answer { (done: @escaping @Sendable (Result<[FileStatus], DiskError>) -> Void) in
            run(.read, done) { () throws(DiskError) in
                var statuses: [FileStatus] = []
                for path in paths { statuses.append(try self.regularStatus(path)) }
                return statuses
            }
        }.get()
    }

    private func regularStatus(_ path: FilePath) throws(DiskError) -> FileStatus {
        let status: FileStatus
        do {
            let raw = try calls.open(path, flags: Linux.openPath)
            defer { calls.closeUnwritten(raw) }
            status = try calls.status(raw)
        } catch {
            throw DiskError(error, .inspect, path.text)
        }
        guard status.kind == .regular else { throw DiskError(.notRegular, .hash, path.text) }
        return status
    }
}
