import Disk
import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A download that ends by itself ends too when this machine lets it do nothing more.
@Suite(.crowded) struct GivingUpTests {
    private func download(
        _ site: Site, _ patience: Duration, peers: [PeerAddress] = [], _ body: (Session) async throws -> Void
    ) async throws {
        try await site.run(peers: peers) {
            $0.endsWhenComplete = true
            $0.seedGoal = .none
            $0.giveUpAfter = patience
        } _: { session in
            try await body(session)
        }
    }

    /// An incomplete torrent whose folder is away.
    private func addAway(_ torrent: SampleTorrent, at site: Site) async throws -> TorrentID {
        let id = try site.add(torrent)
        try await withPeers(torrent, [.stopping(after: 8)]) { peers in
            try await site.run(peers: peers.map(\.address)) { _ in
                try await eventually("a piece") { try site.claimed(id, torrent).population >= 1 }
            }
        }
        try Files.rename(site.output, to: site.folder.appending("away"))
        return id
    }

    @Test func engineGivesUpWhenTheFolderStaysMissing() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 411)
        try await withSite { site in
            let id = try await addAway(torrent, at: site)
            try await download(site, .milliseconds(100)) { session in
                await session.waitUntilEnd()
                #expect(await session.givenUp[id]?.contains(site.output.string) == true)
            }
            let row = try site.row(id)
            #expect(row.state == .offline && row.error?.contains(site.output.string) == true)
            #expect(row.piecesHave >= 1)
        }
    }

    @Test func engineGivesUpWhenTheDiskStaysFull() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 412)
        try await withSite { site in
            let id = try site.add(torrent)
            let calls = FaultyDisk()
            calls.fill()
            try await withPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address), disk: try Disk(calls: calls)) {
                    $0.endsWhenComplete = true
                    $0.seedGoal = .none
                    $0.giveUpAfter = .milliseconds(100)
                } _: { session in
                    await session.waitUntilEnd()
                    #expect(await session.givenUp[id] != nil)
                }
            }
            #expect(try site.row(id).state == .noSpace)
        }
    }

    /// What waits for peers is no fault of this machine.
    @Test func downloadWithoutPeersIsNotGivenUp() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 413)
        try await withSite { site in
            let id = try site.add(torrent)
            try await download(site, .zero) { session in
                try await eventually("it to wait for peers") { await session.snapshot(id)?.state == .downloading }
                await session.tick()
                #expect(await session.givenUp.isEmpty)
                #expect(await session.snapshot(id) != nil)
            }
        }
    }

    /// One torrent is stuck and another one is not: the other is downloaded first.
    @Test func otherTorrentsCompleteBeforeTheEngineGivesUp() async throws {
        let (stuck, other) = (
            try SampleTorrent("stuck", length: 1 << 20, seed: 414),
            try SampleTorrent("other", length: 1 << 20, seed: 415)
        )
        try await withSite { site in
            let away = try await addAway(stuck, at: site)
            let place = site.folder.appending("place")
            try Files.makeFolders(place)
            let id = try site.write { db throws(StoreError) in
                try db.torrents.insert(NewTorrent(metainfo: other.metainfo, output: place.string), now: .now())
            }
            try await withPeers(other, [.slow(20)]) { peers in
                try await download(site, .zero, peers: peers.map(\.address)) { session in
                    try await eventually("the one to be offline") { try site.row(away).state == .offline }
                    await session.tick()
                    #expect(await session.givenUp.isEmpty)
                    peers[0].behave(.good)
                    await session.waitUntilEnd()
                    #expect(await Array(session.givenUp.keys) == [away])
                }
            }
            #expect(try site.row(id).isComplete)
        }
    }

    /// A complete torrent in trouble is looked at before an engine that ends by itself says how it is.
    @Test func faultyCompleteTorrentIsCheckedBeforeTheEngineEnds() async throws {
        let torrent = try SampleTorrent(length: 100_000, seed: 416)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent) { peers in try await site.download(id, from: peers) }
            for state in [TorrentState.offline, .error] {
                try site.write { db throws(StoreError) in try db.torrents.setState(id, state, error: "it was so") }
                try await download(site, .zero) { session in await session.waitUntilEnd() }
                #expect(try site.row(id).error == nil && !site.row(id).isFaulty)
            }
            try Files.rename(site.output, to: site.folder.appending("away"))
            try site.write { db throws(StoreError) in try db.torrents.setState(id, .offline, error: "it was so") }
            try await download(site, .zero) { session in await session.waitUntilEnd() }
            #expect(try site.row(id).state == .offline)
        }
    }
}
