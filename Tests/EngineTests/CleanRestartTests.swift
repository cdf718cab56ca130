import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// After a clean stop nothing is hashed, nothing comes again, and the first request goes out at once, to who was good
/// before.
@Suite(.alone) struct CleanRestartTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let length: Int
        let pieceLength: Int
        /// Blocks that come in the first life.
        let blocks: Int

        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "before the first piece is whole", length: 8 << 20, pieceLength: 1 << 20, blocks: 3),
        Case(name: "half of many small pieces", length: 4 << 20, pieceLength: 32768, blocks: 131),
        Case(name: "half of one piece of 16 MiB", length: 16 << 20, pieceLength: 16 << 20, blocks: 500),
        Case(name: "all but one block", length: 2 << 20, pieceLength: 1 << 18, blocks: 127),
    ]

    @Test(arguments: cases) func cleanRestartDownloadsNoBlockTwice(example: Case) async throws {
        // A tracker that takes the request and never answers, which is given up after half a minute, and one that isn't
        // there.
        var deaf = FakeTracker.Answer()
        deaf.isDeaf = true
        let patience = Duration.seconds(25)
        try await withTracker(deaf) { tracker in
            let torrent = try SampleTorrent(
                length: example.length, pieceLength: example.pieceLength, seed: 61,
                trackers: [[tracker.url], ["http://127.0.0.1:1/announce"]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await withPeers(torrent, [.stopping(after: example.blocks)]) { peers in
                    let received = Int64(example.blocks * Geometry.blockLength)
                    try await site.run(peers: [peers[0].address]) {
                        $0.goodbyeTime = .zero
                    } _: { session in
                        try await eventually("the blocks to come") {
                            await session.snapshot(id)?.downloadedBytes == received
                        }
                    }
                    let first = Set(peers[0].served)
                    let claimed = try site.claimed(id, torrent)
                    #expect(try torrent.unfounded(claimed, in: site.output) == [])
                    // Every block that came is claimed, with its piece or for itself.
                    let remembered = try site.partialBlocks(id)
                    #expect(first.filter { !claimed[$0.piece] && !remembered.contains($0) } == [])

                    peers[0].forget()
                    peers[0].behave(.good)
                    let start = ContinuousClock.now
                    try await site.run {
                        $0.goodbyeTime = .zero
                    } _: { _ in
                        try await site.untilComplete(id)
                    }
                    let request = try #require(peers[0].requests.first)
                    // It waited for no tracker.
                    #expect(request.at - start < patience, "the first request after \(request.at - start)")
                    #expect(first.isDisjoint(with: peers[0].served), "blocks came twice")
                    #expect(peers[0].servedBytes == torrent.content.count - Int(received))
                }
                #expect(try site.events(.verified, of: id) == [])
                #expect(torrent.faults(in: site.output) == [])
                let row = try site.row(id)
                #expect(row.downloadedBytes == row.totalBytes)
                #expect(row.wastedBytes == 0)
            }
        }
    }

    /// A complete torrent that is started again is served without a look at its files.
    @Test func completeTorrentIsNotHashedAtStart() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 62)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            for _ in 0..<2 {
                try await site.run {
                    $0.scope = .only([id])
                } _: { session in
                    try await eventually("the torrent to seed") { await session.snapshot(id)?.state == .seeding }
                    #expect(await session.snapshot(id)?.unverified == 0)
                }
            }
            #expect(try site.events(.verified, of: id) == [])
            #expect(try site.read { db throws(StoreError) in try db.runs.last() }?.isClean == true)
        }
    }

    /// Stopped again and again, at whatever moment: no block comes twice.
    @Test func repeatedStopsDownloadNoBlockTwice() async throws {
        let torrent = try SampleTorrent(length: 3 << 20, pieceLength: 1 << 18, seed: 63)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.stopping(after: 0)]) { peers in
                for blocks in [1, 17, 40, 41, 90, 150] {
                    peers[0].behave(.stopping(after: blocks))
                    try await site.run(peers: [peers[0].address]) { session in
                        try await eventually("\(blocks) blocks") {
                            await session.snapshot(id)?.downloadedBytes == Int64(blocks * Geometry.blockLength)
                        }
                    }
                    #expect(try torrent.unfounded(try site.claimed(id, torrent), in: site.output) == [])
                }
                peers[0].behave(.good)
                try await site.download(id, from: peers)
                #expect(peers[0].servedBytes == torrent.content.count)
            }
            #expect(try site.events(.verified, of: id) == [])
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// The database and the payload were moved to another place, as on a new machine.
    @Test func copiedDatabaseResumesTheDownload() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 64)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.stopping(after: 30)]) { peers in
                try await site.run(peers: [peers[0].address]) { session in
                    try await eventually("some blocks") { await session.snapshot(id)?.downloadedBytes == 30 * 16384 }
                }
                try await withSite { other in
                    try Files.write(try Files.read(site.database), to: other.database)
                    peers[0].behave(.good)
                    try await other.run { _ in try await other.untilComplete(id) }
                    #expect(peers[0].servedBytes == torrent.content.count)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// A signal may come while the engine still starts: then the start ends early, and nothing is wrong.
    @Test(arguments: 0..<12) func stopDuringStartIsClean(turns: Int) async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 66)
        try await withSite { site in
            _ = try site.add(torrent)
            _ = Quiet.bootstrap
            let session = try await Session.open(site.settings([]))
            let start = Task { try await session.start() }
            for _ in 0..<turns { await Task.yield() }
            await session.stop()
            let result = await start.result
            await session.release()
            #expect(throws: Never.self) { try result.get() }
            let run = try #require(try Connection.open(site.database, mode: .readOnly, now: .now()).runs.last())
            #expect(run.stoppedAt != nil && run.isClean)
        }
    }
}
