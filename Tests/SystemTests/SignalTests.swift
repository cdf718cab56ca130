import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What signals do, and what the program says at its end.
@Suite(.crowded) struct SignalTests {
    /// A clean stop: the next start hashes nothing and asks for no block twice.
    @Test(arguments: [SIGTERM, SIGINT]) func theFirstStopsCleanly(signal: Int32) async throws {
        let torrent = try SampleTorrent(length: 4 << 20, pieceLength: 1 << 18, seed: 131)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.stopping(after: 0)]) { peers in
                for blocks in [70, 170] {
                    peers[0].behave(.stopping(after: blocks))
                    let running = try pieces.start(try pieces.download(torrent, from: [peers[0].address]))
                    let served = await Result { try await running.untilDownloaded(blocks * Geometry.blockLength) }
                    running.send(signal)
                    let end = await Result { try await running.end() }
                    await running.kill()
                    try served.get()
                    let last = try end.get()
                    #expect(last.exitCode == 130, "\(last)")
                    #expect(try torrent.unfounded(try await pieces.claimed(torrent), in: pieces.output) == [])
                }
                peers[0].behave(.good)
                let end = try await pieces.run(try pieces.download(torrent, from: [peers[0].address]))
                #expect(end.exitCode == 0, "\(end)")
                #expect(peers[0].servedBytes == torrent.content.count)
            }
            #expect(try pieces.events(.verified) == [])
            #expect(torrent.faults(in: pieces.output) == [])
        }
    }

    /// A tracker that doesn't hear goodbye holds the first up for some seconds; the second ends the program at once.
    @Test func theSecondEndsItAtOnce() async throws {
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 1 << 20, seed: 132, trackers: [[tracker.url]])
            try await withTemporaryFolder { folder in
                let pieces = try Pieces(in: folder)
                try await pieces.beside(try pieces.download(torrent)) { running in
                    try await eventually("the first announce") { tracker.events == ["started"] }
                    let connection = try Connection.open(pieces.database, mode: .readOnly, now: .now())
                    let id = try #require(try connection.torrents().first?.id)
                    try await eventually("the answer to be written down") { try connection.trackers(of: id).first?.lastSuccessAt != nil }
                    tracker.answer { $0.isDeaf = true }
                    running.send(SIGINT)
                    try await eventually("goodbye") { tracker.events == ["started", "stopped"] }
                    running.send(SIGINT)
                    let end = try await running.end()
                    #expect(end.exitCode == 130, "\(end)")
                    // It didn't come to its own end.
                    #expect(try connection.lastRun()?.stoppedAt == nil)
                }
            }
        }
    }

    /// The engine is told to stop through the database before all is there.
    @Test func stoppedByACommandItIsIncomplete() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 133)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent, [.stopping(after: 10)]) { peers in
                try await pieces.beside(try pieces.download(torrent, from: [peers[0].address])) { running in
                    try await eventually("some blocks") { peers[0].served.count == 10 }
                    try pieces.tellToStop()
                    let end = try await running.end()
                    #expect(end.exitCode == 2, "\(end)")
                }
            }
        }
    }

    /// A running engine's last words: 0 for `run` after SIGTERM.
    @Test func runEndsWell() async throws {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await pieces.beside(["run", "--json"] + Pieces.network) { running in
                _ = try await running.address()
                running.send(SIGTERM)
                #expect(try await running.end().exitCode == 0)
            }
        }
    }
}
