import Foundation
import Glibc
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Verifications that take long enough to be held half-way: all that is read is a hole.
extension Pieces {
    /// Puts a torrent of one file of zeros into the database as if it had been downloaded long ago.
    func claimHole(_ torrent: SampleTorrent) throws -> TorrentID {
        let path = torrent.path(0, in: output)
        let size = torrent.geometry.totalBytes
        try Files.write([], to: path)
        try Files.truncate(path, to: size)
        let status = try Files.status(path)
        let connection = try Connection.open(database, mode: .readWriteCreate, now: .now())
        return try connection.transaction { () throws(StoreError) in
            let id = try connection.torrents.insert(
                NewTorrent(metainfo: torrent.metainfo, output: output.string), now: .now())
            var record = ProgressRecord(torrent: id, verifiedAt: Timestamp(1_000_000_000))
            record.newPieces = Array(torrent.geometry.pieces)
            record.completedBytes = size
            record.completedAt = Timestamp(1_000_000_000)
            record.files = [
                FingerprintRow(
                    index: 0,
                    FileFingerprint(
                        size: size,
                        mtimeNs: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
                        inode: UInt64(status.st_ino), device: UInt64(status.st_dev)))
            ]
            _ = try connection.pieces.record([record])
            try connection.torrents.setRootSeen(id)
            try connection.torrents.setState(id, .complete)
            return id
        }
    }
}

extension RunningProgram {
    /// Lets a verification read what is in the page cache, too: what is hashed there isn't counted.
    static let readingAll = ["PIECES_PAGE_CACHE": "copy"]

    /// Stops the process, started with ``readingAll``, with SIGSTOP once it has read so much, as the kernel counts it
    /// (proc_pid_io(5)).
    ///
    /// A thread of its own looks: tasks of other tests may keep the pool's threads busy for longer than the process
    /// runs.
    func hold(afterReading bytes: Int) async throws {
        let isHeld = await withCheckedContinuation { continuation in
            let thread = Thread {
                while let text = try? String(contentsOfFile: "/proc/\(self.pid)/io", encoding: .utf8), self.isRunning {
                    if let read = text.firstMatch(of: /rchar: (\d+)/).flatMap({ Int($0.output.1) }), read > bytes {
                        self.send(SIGSTOP)
                        return continuation.resume(returning: true)
                    }
                    usleep(2000)
                }
                continuation.resume(returning: false)
            }
            thread.start()
        }
        try #require(isHeld, "it ended before it could be held: \(output)")
    }
}
