import Engine
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Magnet links in an engine, with scripted peers.
@Suite(.crowded) struct MagnetTests {
    private func sample(_ seed: UInt64 = 1, pieces: Int = 40) throws -> SampleTorrent {
        try SampleTorrent(length: pieces * 16384 + 5, pieceLength: 16384, seed: seed)
    }

    /// A torrent whose info dictionary has exactly this length.
    private func sample(infoBytes: Int) throws -> SampleTorrent {
        // The hashes of one-byte pieces fill most of it, and the name the rest.
        for length in 1...200 {
            let name = String(repeating: "n", count: length)
            let torrent = try SampleTorrent(name, length: (infoBytes - 200) / 20, pieceLength: 1)
            if torrent.metainfo.infoRange.count == infoBytes { return torrent }
        }
        throw TestFault("no name gives \(infoBytes) bytes of metadata")
    }

    @Test func torrentIsDownloadedOverTheConnectionOfItsMetadata() async throws {
        let torrent = try sample()
        try await withSite { site in
            let id = try site.add(magnet: torrent)
            #expect(try site.row(id).state == .metadata)
            try await withMetadataPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in try await site.untilComplete(id) }
                #expect(peers[0].connections == 1)
                // From now on it can have the metadata from us.
                #expect(peers[0].statedBytes == [nil, torrent.metainfo.infoRange.count])
            }
            #expect(torrent.faults(in: site.output) == [])
            let row = try site.row(id)
            #expect(row.hasMetadata && row.name == torrent.metainfo.name)
            #expect(try site.read { db throws(StoreError) in try db.magnets.isListed(id) } == false)
            #expect(try site.read { db throws(StoreError) in try db.magnets.blocks(of: id) } == [])
            let file = try #require(try site.read { db throws(StoreError) in try db.metainfos.file(of: id) })
            #expect(try Metainfo(torrentFile: file).infoHash == torrent.infoHash)
        }
    }

    /// Two whole blocks; 5 MiB from three peers.
    @Test(arguments: [32768, 5 << 20]) func metadataOfAnySizeIsFetched(bytes: Int) async throws {
        // The hashes of tiny pieces make it long, and not a payload of gigabytes.
        let torrent =
            try bytes == 32768
            ? sample(infoBytes: bytes) : SampleTorrent(length: bytes / 20 * 16, pieceLength: 16, seed: 3)
        try await withSite { site in
            let id = try site.add(magnet: torrent, pausesAfter: true)
            try await withMetadataPeers(torrent, [.good, .good, .good]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in try await site.untilPaused(id) }
                let requests = peers.flatMap(\.requests)
                #expect(requests.count == Set(requests).count)
            }
            #expect(try site.row(id).pieceCount == torrent.geometry.pieceCount)
        }
    }

    @Test(arguments: [
        FakeMetadataPeer.Manner.lying, .lyingSize(100), .lyingSize(160 << 20), .silent, .rejecting, .empty, .hasNone,
        .noise,
    ]) func badPeerDoesNotHinderAGoodOne(manner: FakeMetadataPeer.Manner) async throws {
        let torrent = try sample(5, pieces: 3000)
        try await withSite { site in
            let id = try site.add(magnet: torrent, pausesAfter: true)
            try await withMetadataPeers(torrent, [manner, .good]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in try await site.untilPaused(id) }
                if manner == .lying {
                    let bans = try site.events(.banned, of: id)
                    #expect(bans.allSatisfy { $0.hasPrefix("\(peers[0].address)") }, "\(bans)")
                }
            }
        }
    }

    @Test func wholeMetadataInOneFrameIsAccepted() async throws {
        let torrent = try sample(6, pieces: 3000)
        try await withSite { site in
            let id = try site.add(magnet: torrent, pausesAfter: true)
            try await withMetadataPeers(torrent, [.whole]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in try await site.untilPaused(id) }
            }
        }
    }

    /// What has arrived before a stop isn't requested again.
    @Test func blocksSurviveARestart() async throws {
        let torrent = try sample(7, pieces: 5000)
        let count = (torrent.metainfo.infoRange.count + 16383) / 16384
        try await withSite { site in
            let id = try site.add(magnet: torrent, pausesAfter: true)
            try await withMetadataPeers(torrent, [.stopping(after: 3)]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("three blocks to be stored") {
                        try site.read { db throws(StoreError) in try db.magnets.blocks(of: id).count } == 3
                    }
                }
            }
            try await withMetadataPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in try await site.untilPaused(id) }
                #expect(peers[0].requests.sorted() == Array(3..<count))
            }
        }
    }

    @Test func pausedFetchStopsAndResumes() async throws {
        let torrent = try sample(8)
        try await withSite { site in
            let id = try site.add(magnet: torrent)
            try site.write { db throws(StoreError) in
                try db.torrents.setPaused(id, true)
                try db.torrents.setState(id, .paused)
            }
            try await withMetadataPeers(torrent) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await site.untilSettled()
                    #expect(peers[0].connections == 0)
                    try site.write { db throws(StoreError) in try db.torrents.setPaused(id, false) }
                    try site.tell(.changed, id)
                    try await site.untilComplete(id)
                }
            }
        }
    }

    @Test func torrentWithoutMetadataIsRemoved() async throws {
        let torrent = try sample(9)
        try await withSite { site in
            let id = try site.add(magnet: torrent)
            try await site.run { _ in
                try site.tell(.removeData, id)
                try await eventually("the torrent to be gone") {
                    try site.read { db throws(StoreError) in try db.torrents.row(id) } == nil
                }
            }
        }
    }

    /// The user finds the .torrent while the fetch goes on in vain.
    @Test func torrentFileEndsTheFetch() async throws {
        let torrent = try sample(10)
        try await withSite { site in
            let id = try site.add(magnet: torrent)
            try await withMetadataPeers(torrent, [.hasNone]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("the peer to be connected") { peers[0].openConnections == 1 }
                    try site.write { db throws(StoreError) in
                        _ = try db.magnets.arrived(id, torrent.metainfo, now: .now())
                        try db.intents.append(.changed, torrent: id, now: .now())
                    }
                    try await site.untilComplete(id)
                }
                #expect(peers[0].connections == 1)
            }
        }
    }

    /// Authentic metadata of which no torrent can be made is fetched once. Neither a start nor the user's `resume`
    /// fetches it again.
    @Test func unusableMetadataIsNotFetchedAgain() async throws {
        let torrent = try sample(13)
        let info = Array("d6:lengthi5e4:name1:a12:piece lengthi0e6:pieces0:e".utf8)
        let infoHash = InfoHash(SHA1.hash(info))
        try await withSite { site in
            let id = try site.add(magnet: infoHash)
            try await withMetadataPeers(torrent, [.good], info: info) { peers in
                let peer = peers[0]
                try await site.run(peers: [peer.address]) { _ in
                    try await eventually("the verdict") { try site.row(id).state == .error }
                }
                #expect(peer.requests == [0])
                let sentence = try #require(try site.read { db throws(StoreError) in try db.magnets.unusable(id) })
                #expect(try site.row(id).error == sentence && sentence.contains("piece length"), "\(sentence)")
                #expect(try site.read { db throws(StoreError) in try db.magnets.blocks(of: id) } == [])
                let connections = peer.connections
                try await site.run(peers: [peer.address]) { _ in
                    try await site.untilSettled()
                    try site.write { db throws(StoreError) in
                        try db.torrents.setPaused(id, true)
                        try db.intents.append(.changed, torrent: id, now: .now())
                    }
                    try await eventually("the torrent to be paused") { try site.row(id).state == .paused }
                    try site.write { db throws(StoreError) in
                        try db.torrents.setPaused(id, false)
                        try db.intents.append(.changed, torrent: id, now: .now())
                    }
                    try await eventually("the verdict") { try site.row(id).state == .error }
                }
                #expect(peer.connections == connections)
                #expect(try site.row(id).error == sentence)
            }
        }
    }

    /// A private flag that only the metadata shows: what was learned in public is forgotten at once (law 8).
    @Test func privateMetadataEndsAllPublicDiscovery() async throws {
        let torrent = try SampleTorrent(length: 300_000, pieceLength: 16384, seed: 12, isPrivate: true)
        try await withSite { site in
            let id = try site.add(magnet: torrent, pausesAfter: true)
            try await withMetadataPeers(torrent, [.hasNone, .good]) { peers in
                let (told, asked) = (peers[0].address, peers[1].address)
                try site.write { db throws(StoreError) in
                    try db.peers.save(
                        id,
                        [PeerUpdate(address: told, source: .pex), PeerUpdate(address: asked, source: .manual)],
                        now: .now())
                }
                try await site.run { _ in try await site.untilPaused(id) }
                #expect(try site.row(id).isPrivate)
                let left = try site.read { db throws(StoreError) in try db.peers.rows(of: id) }
                #expect(left.map(\.address) == [asked])
            }
            #expect(try site.events(.metadata, of: id).allSatisfy { $0.contains("private") })
        }
    }

    /// Another engine has only our magnet link, and we have the whole torrent.
    @Test func metadataIsServedToAnotherEngine() async throws {
        let torrent = try sample(11, pieces: 3000)
        try await withSite { seeder in
            _ = try seeder.addComplete([torrent])
            try await seeder.run { session in
                let address = PeerAddress(.v4(0x7f00_0001), port: await session.listenPort)
                try await withSite { leecher in
                    let id = try leecher.add(magnet: torrent)
                    try await leecher.run(peers: [address]) { _ in try await leecher.untilComplete(id) }
                    #expect(torrent.faults(in: leecher.output) == [])
                }
            }
        }
    }
}

extension Site {
    /// Adds the torrent by its magnet link.
    func add(
        magnet torrent: SampleTorrent, pausesAfter: Bool = false, patterns: [String]? = nil,
        _ change: (inout TorrentSettings) -> Void = { _ in }
    ) throws -> TorrentID {
        try add(magnet: torrent.infoHash, pausesAfter: pausesAfter, patterns: patterns, change)
    }

    func add(
        magnet infoHash: InfoHash, pausesAfter: Bool = false, patterns: [String]? = nil,
        _ change: (inout TorrentSettings) -> Void = { _ in }
    ) throws -> TorrentID {
        var new = NewMagnet(link: MagnetLink(infoHash: infoHash, name: "link"), output: output.string)
        new.pausesAfter = pausesAfter
        new.patterns = patterns
        change(&new.settings)
        return try write { [new] db throws(StoreError) in try db.magnets.insert(new, now: .now()) }
    }

    /// Waits until the metadata of a torrent has arrived that is paused then.
    func untilPaused(_ id: TorrentID) async throws {
        try await eventually("the metadata to arrive: \(try events(.failed, of: id))") {
            let row = try row(id)
            return row.hasMetadata && row.state == .paused
        }
    }
}
