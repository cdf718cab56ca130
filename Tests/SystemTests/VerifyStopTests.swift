import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A verification that is interrupted: what it checked is written down, and the next one goes on from there.
@Suite(.alone) struct VerifyStopTests {
    private static let pieceLength = 1 << 18
    /// Large enough to be interrupted, and all of it is a hole.
    private static let size = 3 << 30

    /// Puts the torrent into the database as if it had been downloaded.
    private func claim(_ torrent: SampleTorrent, in pieces: Pieces) throws -> TorrentID {
        try Files.write([], to: torrent.path(0, in: pieces.output))
        try Files.truncate(torrent.path(0, in: pieces.output), to: Int64(Self.size))
        let status = try Files.status(torrent.path(0, in: pieces.output))
        let connection = try Connection.open(pieces.database, mode: .readWriteCreate, now: .now())
        return try connection.transaction { () throws(StoreError) in
            let id = try connection.insertTorrent(NewTorrent(metainfo: torrent.metainfo, output: pieces.output.string), now: .now())
            var record = ProgressRecord(torrent: id, verifiedAt: Timestamp(1_000_000_000))
            record.newPieces = Array(torrent.geometry.pieces)
            record.completedBytes = Int64(Self.size)
            record.completedAt = Timestamp(1_000_000_000)
            record.files = [
                FingerprintRow(
                    index: 0, size: Int64(Self.size), mtimeNs: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
                    inode: Int64(status.st_ino), device: Int64(status.st_dev))
            ]
            _ = try connection.record([record])
            try connection.setRootSeen(id)
            try connection.setState(id, .complete)
            return id
        }
    }

    @Test func theNextGoesOn() async throws {
        // One piece at the start isn't what the database claims.
        let torrent = try SampleTorrent(zeros: "huge.bin", [.init("", Self.size)], window: 0..<Self.pieceLength, pieceLength: Self.pieceLength)
        let count = torrent.geometry.pieceCount
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let id = try claim(torrent, in: pieces)
            let verify = ["verify", "--json"]
            let end = try await pieces.beside(verify) { running in
                try await Self.hold(running, afterReading: Self.size / 3)
                // Verifications are remembered by the second: it is held until the next but one.
                try await Task.sleep(for: .milliseconds(2100))
                running.send(SIGINT)
                running.send(SIGCONT)
                return try await running.end()
            }
            #expect(end.exitCode == 130, "\(end)")
            let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
            // What was found is written down, and what wasn't looked at is claimed as before.
            let claimed = try connection.have(of: id, count: count)
            #expect(claimed.population == count - 1 && !claimed[PieceIndex(0)])
            let fresh = try connection.oldestPages(of: id, limit: .max).filter { $0.verifiedAt > Timestamp(1_000_000_000) }
            #expect(!fresh.isEmpty && fresh.count < count / 1024)
            #expect(try pieces.events(.verified).count == 1)

            let next = try await pieces.run(verify)
            #expect(next.exitCode == 0, "\(next)")
            let line = try #require(next.output.split(separator: "\n").first)
            let result = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let before = try #require(result["pieces_confirmed_before"] as? Int)
            #expect(before > 0)
            #expect(result["pieces_checked"] as? Int == count - 1 - before)
            #expect(try connection.have(of: id, count: count) == claimed)
        }
    }

    /// Stops the process with SIGSTOP once it has read so much, as the kernel counts it (proc_pid_io(5)).
    ///
    /// A thread of its own looks: tasks of other tests may keep the pool's threads busy for longer than the process runs.
    private static func hold(_ program: RunningProgram, afterReading bytes: Int) async throws {
        let isHeld = await withCheckedContinuation { continuation in
            let thread = Thread {
                while let text = try? String(contentsOfFile: "/proc/\(program.pid)/io", encoding: .utf8), program.isRunning {
                    if let read = text.firstMatch(of: /rchar: (\d+)/).flatMap({ Int($0.output.1) }), read > bytes {
                        kill(program.pid, SIGSTOP)
                        return continuation.resume(returning: true)
                    }
                    usleep(2000)
                }
                continuation.resume(returning: false)
            }
            thread.start()
        }
        try #require(isHeld, "it ended before it could be interrupted: \(program.output)")
    }
}
