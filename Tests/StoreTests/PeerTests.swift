import DatabaseLab
import Store
import Testing
import Torrent

@Suite struct PeerTests {
    private func address(_ n: Int) -> PeerAddress { PeerAddress(.v4(0x0a00_0000 + UInt32(n)), port: 6881) }

    @Test func schemaAllowsExactlyTheSourcesOfPeers() throws {
        let connection = try TemporaryFolder().connection()
        let schema: String = try #require(
            try connection.value("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'peer'"))
        let list = try #require(schema.split(separator: "CHECK (source IN (").last?.split(separator: ")").first)
        let allowed = list.split { !$0.isLetter }.map(String.init)
        #expect(
            Set(allowed) == Set(PeerSource.allCases.map(\.rawValue)),
            "Torrent/PeerSource.swift and the CHECK of peer.source, which the newest migration sets, differ")
    }

    @Test func peerUpdatesAccumulate() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        var update = PeerUpdate(address: try #require(PeerAddress("[2001:db8::1]:1")), source: .pex)
        (update.lastTried, update.failures, update.downloadedDelta, update.client) = (
            noon, 2, 100, String(repeating: "x", count: 1000)
        )
        try connection.peers.save(id, [update], now: noon)
        var later = PeerUpdate(address: update.address, source: .tracker)
        (later.lastConnected, later.failures, later.downloadedDelta, later.rate) = (noon + .seconds(5), 0, 11, 9)
        try connection.peers.save(id, [later], now: noon + .seconds(6))
        let peer = try #require(try connection.peers.rows(of: id).first)
        #expect(peer.source == .pex && peer.firstSeen == noon && peer.lastSeen == noon + .seconds(6))
        #expect(peer.lastTried == noon && peer.lastConnected == noon + .seconds(5) && peer.failures == 0)
        #expect(peer.downloadedBytes == 111 && peer.rate == 9)
        // By source, as an operator sees it.
        #expect(
            try connection.number("SELECT downloaded_bytes FROM v1_peer_source WHERE source = 'pex' AND reached = 1")
                == 111)
        #expect(try #require(peer.client).count == 64)
    }

    @Test func helpfulPeersComeFirstAndBannedPeersNever() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        var updates = (0..<6).map { PeerUpdate(address: address($0), source: .tracker) }
        updates[0].failures = 3
        (updates[2].downloadedDelta, updates[2].rate) = (1, 10)
        (updates[3].downloadedDelta, updates[3].rate) = (1, 20)
        updates[4].lastConnected = noon
        try connection.peers.save(id, updates, now: noon)
        try connection.peers.ban(id, address(3), until: noon + .seconds(100), reason: "bad pieces", now: noon)
        #expect(try connection.peers.toTry(of: id, limit: 9, now: noon).map(\.address) == [2, 4, 1, 5, 0].map(address))
        #expect(
            try connection.peers.toTry(of: id, limit: 2, now: noon + .seconds(100)).map(\.address)
                == [3, 2].map(address))
        #expect(try connection.peers.banned(of: id, now: noon).map(\.address) == [address(3)])
        #expect(try connection.peers.banned(of: id, now: noon + .seconds(100)).isEmpty)
        // Under a clock that was set back, or that ran ahead when the ban was spoken.
        #expect(try connection.peers.banned(of: id, now: noon + (.zero - PeerRow.banTime)).isEmpty)
        #expect(
            try connection.peers.toTry(of: id, limit: 2, now: noon + (.zero - PeerRow.banTime)).map(\.address)
                == [3, 2].map(address))
    }

    @Test func worstPeersAreForgottenBeyondTheLimit() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let id = try connection.add()
        var good = PeerUpdate(address: address(0), source: .manual)
        good.downloadedDelta = 1
        try connection.peers.save(id, [good], now: noon)
        try connection.peers.ban(id, address(1), until: noon + .seconds(100), reason: "bad pieces", now: noon)
        for start in stride(from: 2, to: 2000, by: 500) {
            try connection.peers.save(
                id, (start..<start + 500).map { PeerUpdate(address: address($0), source: .pex) },
                now: noon + .seconds(start))
        }
        let peers = try connection.peers.rows(of: id)
        #expect(peers.count == PeerTable.limit)
        #expect(peers.prefix(2).map(\.address) == [address(0), address(1)])
        #expect(peers.dropFirst(2).allSatisfy { $0.firstSeen.rawValue >= noon.rawValue + 1002 })
    }

    @Test func updatesForARemovedTorrentAreIgnored() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        try connection.peers.save(TorrentID(9), [PeerUpdate(address: address(1), source: .pex)], now: noon)
        try connection.peers.ban(TorrentID(9), address(1), until: noon, reason: "x", now: noon)
        #expect(try connection.number("SELECT count(*) FROM peer") == 0)
    }
}
