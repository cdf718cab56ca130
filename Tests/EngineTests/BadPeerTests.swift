import Engine
import Net
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Peers that do wrong: none of them stops a download, and none is believed.
@Suite(.crowded) struct BadPeerTests {
    static let manners: [FakePeer.Manner] = [
        .lying, .silent, .closing, .haves, .slow(20), .noise, .lateNoise, .hugeFrame, .wrongTorrent, .wrongBitfield,
        .choking(every: 8), .asking,
        .rejecting, .stopping(after: 9), .dropping(after: 5),
    ]

    @Test(arguments: manners, [true, false]) func downloadCompletesBesideAMisbehavingPeer(
        manner: FakePeer.Manner, isFast: Bool
    ) async throws {
        let torrent = try SampleTorrent(length: 2 << 20, seed: 11)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [manner, .slow(400)], isFast: isFast) { peers in
                try await site.download(id, from: peers)
                try await eventually("the connection to be seen") { peers[0].connections > 0 }
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.claimed(id, torrent).isFull)
        }
    }

    /// Peers that serve badly and yet serve: each alone is enough.
    @Test(arguments: [FakePeer.Manner.haves, .slow(200), .choking(every: 4), .dropping(after: 40)])
    func downloadCompletesFromOnePoorPeer(
        manner: FakePeer.Manner
    ) async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 12)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [manner], isFast: false) { peers in try await site.download(id, from: peers) }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// Spare bits, extension messages that can't be read and unknown messages are no reason to leave a peer that
    /// serves: it does so over one connection.
    @Test func sloppyPeerKeepsItsConnection() async throws {
        let torrent = try SampleTorrent(length: 1_300_000, seed: 18)
        #expect(torrent.geometry.pieceCount % 8 != 0)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.sloppy]) { peers in
                try await site.download(id, from: peers)
                #expect(peers[0].connections == 1)
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.events(.banned, of: id) == [])
        }
    }

    @Test func lyingPeerIsBannedAndAnotherCompletes() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 13)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.lying]) { liars in
                try await site.run(peers: [liars[0].address]) { _ in
                    try await eventually("the liar to be banned") { try site.events(.banned, of: id).count == 1 }
                    try await eventually("its connection to be closed") { liars[0].openConnections == 0 }
                    #expect(try site.claimed(id, torrent).isEmpty)
                    let wasted = liars[0].servedBytes
                    try await withPeers(torrent) { good in
                        try site.tell(.connect, id, argument: "\(good[0].address)")
                        try await site.untilComplete(id)
                    }
                    #expect(liars[0].connections == 1)
                    // What one liar may cost: the pieces that it was trusted with before the first of them failed.
                    #expect(wasted <= torrent.content.count)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
            let banned = try site.read { db throws(StoreError) in try db.peers.banned(of: id, now: .now()) }
            #expect(banned.count == 1)
        }
    }

    /// A ban holds in the next life, though a tracker names the peer.
    @Test func bannedPeerIsNotDialledAgain() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 14)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.lying, .silent]) { peers in
                let (liar, other) = (peers[0], peers[1])
                try await site.run(peers: [liar.address]) { _ in
                    try await eventually("the liar to be banned") { try site.events(.banned, of: id).count == 1 }
                }
                liar.forget()
                var answer = FakeTracker.Answer()
                answer.peers = [liar.address, other.address]
                try await withTracker(answer) { tracker in
                    try site.write { db throws(StoreError) in
                        try db.trackers.add(id, tiers: [[tracker.url]], now: .now())
                    }
                    try await site.run { _ in
                        try await eventually("the other peer to be asked") { !other.requests.isEmpty }
                    }
                }
                #expect(liar.connections == 0)
            }
        }
    }

    /// A tracker names the liar again: it is dialled when its ban is over, or ends where only a clock that was wrong
    /// can have put its end.
    @Test(arguments: [(Duration.seconds(3600), false), (.seconds(-1), true), (.seconds(10 * 365 * 86400), true)])
    func banLastsAcrossRunsUntilItExpires(rest: Duration, isOver: Bool) async throws {
        var answer = FakeTracker.Answer()
        try await withTracker { tracker in
            let torrent = try SampleTorrent(length: 1 << 20, seed: 17, trackers: [[tracker.url]])
            try await withSite { site in
                let id = try site.add(torrent)
                try await withPeers(torrent, [.lying, .silent]) { peers in
                    let other = peers[1]
                    let liar = peers[0].address
                    answer.peers = [liar]
                    tracker.answer { [answer] in $0 = answer }
                    try await site.run { _ in
                        try await eventually("the liar to be banned") { try site.events(.banned, of: id).count == 1 }
                    }
                    try site.write { db throws(StoreError) in
                        try db.peers.ban(id, liar, until: .now() + rest, reason: "it lied", now: .now())
                    }
                    peers[0].forget()
                    answer.peers = [liar, other.address]
                    tracker.answer { [answer] in $0 = answer }
                    try await site.run { _ in
                        try await eventually("the other peer to be asked") { !other.requests.isEmpty }
                        if isOver {
                            try await eventually("the peer to be dialled") { peers[0].connections > 0 }
                        } else {
                            #expect(peers[0].connections == 0)
                        }
                    }
                }
            }
        }
    }

    /// Several peers have a part in each piece; only who sent the bad block is banned.
    @Test func onlyTheLyingPeerOfSeveralIsBanned() async throws {
        let torrent = try SampleTorrent(length: 4 << 20, pieceLength: 1 << 20, seed: 15)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.slow(150), .slow(150), .slow(150)]) { peers in
                try await site.run(peers: peers.map(\.address)) { _ in
                    try await eventually("all to be proven or at work") { peers.allSatisfy { $0.servedBytes > 0 } }
                    peers[1].behave(.lying)
                    try await site.untilComplete(id)
                    let banned = try site.read { db throws(StoreError) in try db.peers.banned(of: id, now: .now()) }
                    // It may have been too late to lie.
                    #expect(banned.allSatisfy { $0.address == peers[1].address }, "\(banned)")
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }

    /// Whoever dials in with noise, too much, or another torrent's name hears nothing of it; the others are served on.
    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n\r\n".utf8), SamplePayload(seed: 3).bytes(at: 0, count: 5000),
        [19] + Array("BitTorrent protocol".utf8) + Array(repeating: 0, count: 48),
        Array(repeating: 0xff, count: 100_000),
    ]) func invalidHandshakesAreDisconnected(greeting: [UInt8]) async throws {
        let torrent = try SampleTorrent(length: 200_000, seed: 16)
        try await withSite { site in
            let id = try site.add(torrent)
            try await withPeers(torrent, [.slow(40)]) { peers in
                try await site.run(peers: [peers[0].address]) { session in
                    let rawPeer = try await RawPeer.dial(session.address)
                    try await rawPeer.say(greeting)
                    try await eventually("the raw peer to be shown out") { rawPeer.isClosed }
                    #expect(rawPeer.heard < 1000)
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
        }
    }
}
