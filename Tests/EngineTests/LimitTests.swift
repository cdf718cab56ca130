import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Limits hold over time: it isn't faster than they allow, and not so much slower that a machine of a fifth of the
/// speed would explain it.
@Suite(.alone) struct LimitTests {
    private static let limit = 500_000
    private static let time = 2.0
    private static var length: Int { Int(Double(limit) * time) }

    private func expectPace(_ elapsed: Duration) {
        let seconds = elapsed / .seconds(1)
        #expect(
            seconds / Self.time > 0.75 && seconds / Self.time < 5,
            "\(Self.length) bytes at \(Self.limit) a second took \(seconds) s")
    }

    @Test(arguments: [true, false]) func downloadRateStaysWithinTheLimit(isGlobal: Bool) async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 51)
        try await withSite { site in
            let id = try site.add(torrent) { if !isGlobal { $0.limits.download = Int64(Self.limit) } }
            try await withPeers(torrent, [.good, .good]) { peers in
                try await site.run(peers: peers.map(\.address)) {
                    if isGlobal { $0.downloadLimit = Self.limit }
                } _: { _ in
                    let start = try await eventually("the first request") { peers.flatMap(\.requests).map(\.at).min() }
                    try await eventually("all blocks to be served") {
                        peers.reduce(0) { $0 + $1.servedBytes } >= Self.length
                    }
                    expectPace(.now - start)
                    try await site.untilComplete(id)
                }
            }
        }
    }

    /// One torrent comes from a peer, and another from a web seed: the limit of all torrents holds for both together,
    /// and the limit of a torrent for its web seed.
    @Test(arguments: [true, false]) func limitsHoldForWebSeeds(isGlobal: Bool) async throws {
        let torrents = try [55, 56].map { try SampleTorrent("of\($0).bin", length: Self.length / 2, seed: $0) }
        try await withSite { site in
            try await withPeers(torrents[0]) { peers in
                try await withWebSeed(torrents[1]) { server in
                    let limit = Int64(Self.limit / 2)
                    let added = [torrents[0], try torrents[1].naming(webSeeds: [server.url])]
                    let ids = try added.map { try site.add($0) { if !isGlobal { $0.limits.download = limit } } }
                    try await site.run(peers: peers.map(\.address)) {
                        if isGlobal { $0.downloadLimit = Self.limit }
                    } _: { _ in
                        let start = ContinuousClock.now
                        for id in ids { try await site.untilComplete(id) }
                        expectPace(.now - start)
                    }
                }
            }
        }
    }

    @Test(arguments: [true, false]) func metadataRateStaysWithinTheLimit(isGlobal: Bool) async throws {
        // The hashes of pieces of one byte are almost all of the metadata.
        let torrent = try SampleTorrent(length: Self.length / 20, pieceLength: 1, seed: 55)
        try await withSite { site in
            let id = try site.add(magnet: torrent, pausesAfter: true) {
                if !isGlobal { $0.limits.download = Int64(Self.limit) }
            }
            try await withMetadataPeers(torrent, [.good, .good]) { peers in
                try await site.run(peers: peers.map(\.address)) {
                    if isGlobal { $0.downloadLimit = Self.limit }
                } _: { _ in
                    let start = try await eventually("the first request") {
                        peers.contains { !$0.requests.isEmpty } ? ContinuousClock.now : nil
                    }
                    try await site.untilPaused(id)
                    expectPace(.now - start)
                }
            }
        }
    }

    /// Hours that contain every time: the alternative limit holds instead of the usual one, and the database says so.
    @Test func alternativeLimitHoldsInItsHours() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 54)
        let hours = try #require(WeeklyHours("00:00-24:00"))
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.good, .good]) { peers in
                try await site.run(peers: peers.map(\.address)) {
                    $0.downloadLimit = 1
                    $0.alternativeLimits = AlternativeLimits(hours: hours, download: .rate(Self.limit), upload: .usual)
                } _: { _ in
                    let start = try await eventually("the first request") { peers.flatMap(\.requests).map(\.at).min() }
                    try await eventually("the engine to report its limits") {
                        let report = try site.read { db throws(StoreError) in try db.runs.lastLimits() }
                        return report?.download == Self.limit && report?.alternativeUntil != nil
                    }
                    try await site.untilComplete(id)
                    expectPace(.now - start)
                }
            }
        }
    }

    @Test func uploadRateStaysWithinTheLimit() async throws {
        let torrent = try SampleTorrent(length: Self.length, seed: 52)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            try await site.run {
                $0.uploadLimit = Self.limit
            } _: { seeder in
                let address = await seeder.address
                try await withSite { leecher in
                    let other = try leecher.add(torrent)
                    let start = ContinuousClock.now
                    try await leecher.run(peers: [address]) { session in
                        try await eventually("the last block") {
                            await session.snapshot(other).map { $0.downloadedBytes >= Int64(Self.length) } ?? false
                        }
                        expectPace(.now - start)
                    }
                }
            }
        }
    }

    /// A limit that is set while the engine runs, and taken back.
    @Test func changedLimitAppliesWhileRunning() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, seed: 53)
        try await withSite { site in
            // All of it takes 84 seconds.
            let limit = 50_000
            let id = try site.add(torrent) { $0.limits.download = Int64(limit) }
            try await withPeers(torrent) { peers in
                let start = ContinuousClock.now
                try await site.run(peers: peers.map(\.address)) { session in
                    try await eventually("the download to begin") { peers[0].servedBytes > 0 }
                    try await Task.sleep(for: .seconds(1))
                    let served = peers[0].servedBytes
                    let seconds = (ContinuousClock.now - start) / .seconds(1)
                    // The bucket is full at the beginning.
                    #expect(Double(served) < 300_000 + Double(limit) * seconds)
                    try site.write { db throws(StoreError) in try db.torrents.setLimits(id, TorrentLimits()) }
                    try site.tell(.changed, id)
                    try await site.untilComplete(id)
                }
            }
        }
    }
}
