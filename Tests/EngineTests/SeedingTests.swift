import Engine
import Net
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// One engine downloads from another.
@Suite(.crowded) struct SeedingTests {
    @Test(arguments: DownloadTests.shapes) func torrentIsDownloadedFromAnotherEngine(shape: DownloadTests.Shape)
        async throws
    {
        let torrent = try shape.torrent()
        try await withSeeder(torrent) { seeder, _, _ in
            try await withSite { site in
                let id = try site.add(torrent)
                let address = await seeder.address
                try await site.run(peers: [address]) { _ in try await site.untilComplete(id) }
                #expect(torrent.faults(in: site.output) == [])
            }
        }
    }

    /// Both ends have something that the other lacks.
    @Test func twoEnginesExchangeTheirHalves() async throws {
        let torrent = try SampleTorrent(length: 64 * 16384, pieceLength: 16384, seed: 21)
        try await withSite { first in
            try await withSite { second in
                let ids = (try first.add(torrent), try second.add(torrent))
                let half = Bitfield(wire: [UInt8](repeating: 0xf0, count: 8), count: 64)
                let rest = Bitfield(wire: [UInt8](repeating: 0x0f, count: 8), count: 64)
                let peers = [
                    try await FakePeer.start(torrent, have: half), try await FakePeer.start(torrent, have: rest),
                ]
                let result = await Result {
                    try await first.run(peers: [peers[0].address]) { one in
                        try await second.run(peers: [peers[1].address, await one.address]) { _ in
                            try await first.untilComplete(ids.0)
                            try await second.untilComplete(ids.1)
                        }
                    }
                }
                for peer in peers { await peer.stop() }
                try result.get()
                for site in [first, second] { #expect(torrent.faults(in: site.output) == []) }
            }
        }
    }

    /// Each tells the other of pieces as they come: the second gets the torrent through the first alone.
    @Test func leecherPassesPiecesOnAsTheyArrive() async throws {
        let torrent = try SampleTorrent(length: 2 << 20, seed: 22)
        try await withSite { first in
            try await withSite { second in
                let ids = (try first.add(torrent), try second.add(torrent))
                try await withPeers(torrent, [.slow(15)]) { peers in
                    try await first.run(peers: [peers[0].address]) { one in
                        let address = await one.address
                        // Peer exchange would tell the second of the first one's peer.
                        try await second.run(
                            peers: [address],
                            { $0.usesPeerExchange = false }
                        ) { two in
                            try await eventually("the second to have something while the first lacks something") {
                                let (a, b) = (await one.snapshot(ids.0), await two.snapshot(ids.1))
                                return b.map { !$0.have.isEmpty } ?? false && a.map { !$0.have.isFull } ?? false
                            }
                            peers[0].behave(.good)
                            try await second.untilComplete(ids.1)
                        }
                    }
                }
                #expect(torrent.faults(in: second.output) == [])
                #expect(try second.row(ids.1).downloadedBytes >= Int64(torrent.content.count))
                #expect(try first.row(ids.0).uploadedBytes >= Int64(torrent.content.count))
            }
        }
    }

    /// A complete torrent that sleeps wakes when somebody asks for it.
    @Test func incomingPeerActivatesADormantTorrent() async throws {
        let torrent = try SampleTorrent(length: 300_000, seed: 23)
        try await withSeeder(torrent) { seeder, _, _ in
            #expect(await seeder.snapshots().isEmpty)
            try await withSite { site in
                let id = try site.add(torrent)
                let address = await seeder.address
                try await site.run(peers: [address]) { _ in
                    try await site.untilComplete(id)
                    #expect(await seeder.snapshots().count == 1)
                }
            }
        }
    }

    /// The goal of a ratio is kept: it rests, and says no more to those who ask.
    @Test func seedingEndsAtTheRatioGoal() async throws {
        let torrent = try SampleTorrent(length: 300_000, seed: 24)
        try await withSeeder(torrent) { seeder, site, id in
            try site.write { db throws(StoreError) in try db.torrents.setSeedGoal(id, .ratio(1)) }
            try site.tell(.changed, id)
            let address = await seeder.address
            try await withSite { leecher in
                let other = try leecher.add(torrent)
                try await leecher.run(peers: [address]) { _ in try await leecher.untilComplete(other) }
            }
            try await eventually("the seeder to rest") { try site.row(id).state == .complete }
        }
    }

    /// A file that went bad is not served: the leecher is told to ask elsewhere, and the damage is found out.
    @Test func unreadableFileIsNoLongerClaimed() async throws {
        let torrent = try SampleTorrent(length: 300_000, seed: 25)
        try await withSeeder(torrent) { seeder, site, id in
            let address = await seeder.address
            try await withSite { leecher in
                let other = try leecher.add(torrent) { $0.limits.download = 20_000 }
                try await leecher.run(peers: [address]) { session in
                    try await eventually("the download to begin") {
                        await session.snapshot(other).map { $0.downloadedBytes > 0 } ?? false
                    }
                    try Files.truncate(torrent.path(0, in: site.output), to: 1000)
                    try await eventually("the seeder to see it") {
                        try site.claimed(id, torrent).population < torrent.geometry.pieceCount
                    }
                    #expect(try leecher.claimed(other, torrent).population < torrent.geometry.pieceCount)
                    // Another program did that, so it is reported and kept.
                    try await eventually("the edit to be recorded") {
                        let damage = try site.damage(id)
                        return damage.count == torrent.geometry.pieceCount
                            && damage.allSatisfy { $0.kind == .edit && $0.state == .held }
                    }
                }
            }
        }
    }

    /// An engine that has the torrent whole: it was downloaded from a scripted peer, and then the engine started anew.
    private func withSeeder(_ torrent: SampleTorrent, _ body: (Session, Site, TorrentID) async throws -> Void)
        async throws
    {
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            try await site.run { session in try await body(session, site, id) }
        }
    }
}
