import Engine
import Net
import PeerWire
import Store
import Swarm
import TestSupport
import Testing
import Torrent

/// People who dial: what each may take, and who isn't taken at all.
@Suite(.crowded) struct UnidentifiedPeerTests {
    /// What a peer says first that has everything, and serves.
    private static func greeting(_ infoHash: InfoHash, number: Int) -> [UInt8] {
        [19] + Array("BitTorrent protocol".utf8) + [0, 0, 0, 0, 0, 0x10, 0, 0x04] + infoHash.bytes
            + Array("-XX0001-".utf8)
            + Array(String(repeating: "\(number % 10)", count: 12).utf8)
    }

    private static let haveAll: [UInt8] = [0, 0, 0, 1, 14]
    private static let choke: [UInt8] = [0, 0, 0, 1, 0]
    private static let unchoke: [UInt8] = [0, 0, 0, 1, 1]

    /// Connections that say nothing have few places; one that has something to say is heard beside any number of them.
    @Test func silentConnectionsMakeRoomForOthers() async throws {
        let torrent = try SampleTorrent(length: 200_000, seed: 31)
        try await withSite { site in
            _ = try site.addComplete([torrent])
            try await site.run { session in
                var silent: [RawPeer] = []
                for _ in 0..<100 { silent.append(try await RawPeer.dial(session.address)) }
                try await eventually("all but a few to be shown out") { [silent] in
                    silent.count { !$0.isClosed } <= UnidentifiedLimits<Int>.perHost
                }
                let peer = try await RawPeer.dial(session.address)
                try await peer.say(Self.greeting(torrent.infoHash, number: 1) + Self.haveAll)
                try await eventually("an answer") { peer.heard >= Handshake.byteCount }
                for rawPeer in silent { await rawPeer.hangUp() }
            }
        }
    }

    /// What is said before the torrent is active waits, and is heard then: however much it is.
    @Test func earlyMessagesAreHandledAfterActivation() async throws {
        let torrent = try SampleTorrent(length: 200_000, seed: 32)
        try await withSite { site in
            _ = try site.addComplete([torrent])
            try await site.run { session in
                let peer = try await RawPeer.dial(session.address)
                let keepAlives = [UInt8](repeating: 0, count: 4 << 20)
                let request: [UInt8] = [0, 0, 0, 1, 2, 0, 0, 0, 13, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0]
                try await peer.say(
                    Self.greeting(torrent.infoHash, number: 2) + [0, 0, 0, 1, 15] + keepAlives + request)
                // It is unchoked in its turn, and asks again then.
                try await eventually("to be unchoked") { peer.bytes.count > Handshake.byteCount + 5 }
                try await peer.say(request)
                try await eventually("the block") { peer.heard > 16_384 }
                await peer.hangUp()
            }
        }
    }

    /// A peer that dials in and lies is banned by its host, whatever port it says it has; in the next life, too. Others
    /// of the host can be dialled.
    @Test func lyingIncomingPeerIsBannedByHost() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 33)
        try await withSite { site in
            let id = try site.add(torrent)
            try await site.run { session in
                let liar = try await RawPeer.dial(session.address)
                try await liar.say(Self.greeting(torrent.infoHash, number: 3) + Self.haveAll + Self.unchoke)
                let lying = Task {
                    var answered: Set<[UInt8]> = []
                    while !liar.isClosed, !Task.isCancelled {
                        for request in Self.requests(in: liar.bytes) where answered.insert(request).inserted {
                            try await liar.say(Self.lie(to: request))
                        }
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
                try await eventually("the liar to be shown out") { liar.isClosed }
                lying.cancel()
                try await eventually("the ban to be remembered") { try bans(site) == 1 }
                try await Self.expectNoAnswer(session, torrent)
            }
            try await withPeers(torrent) { good in
                try await site.run(peers: [good[0].address]) { session in
                    try await Self.expectNoAnswer(session, torrent)
                    try await site.untilComplete(id)
                }
            }
            #expect(torrent.faults(in: site.output) == [])
            #expect(try site.events(.banned, of: id).count == 1, "one ban, one line of the log")
        }
    }

    /// Who only costs work is shown out, and after some times isn't taken any more.
    @Test func wastefulPeerIsBannedAfterRepeatedStrikes() async throws {
        let torrent = try SampleTorrent(length: 1 << 20, seed: 34)
        try await withSite { site in
            _ = try site.add(torrent)
            try await site.run { session in
                for n in 0..<HostBans.strikes {
                    let peer = try await RawPeer.dial(session.address)
                    try await peer.say(Self.greeting(torrent.infoHash, number: n) + Self.haveAll)
                    for _ in 0..<20 where !peer.isClosed {
                        try await peer.say(Array(repeating: Self.unchoke + Self.choke, count: 500).flatMap(\.self))
                    }
                    try await eventually("the peer to be shown out") { peer.isClosed }
                }
                try await eventually("the ban to be remembered") { try bans(site) == 1 }
                try await Self.expectNoAnswer(session, torrent)
            }
        }
    }

    /// Hosts that are banned.
    private func bans(_ site: Site) throws -> Int {
        try site.read { db throws(StoreError) in try db.hostBans.rows(now: .now()).count }
    }

    private static func expectNoAnswer(_ session: Session, _ torrent: SampleTorrent) async throws {
        let again = try await RawPeer.dial(session.address)
        try await again.say(greeting(torrent.infoHash, number: 9))
        try await eventually("the banned host to be shown out") { again.isClosed }
        #expect(again.heard == 0)
    }

    /// The requests in what a peer heard: 12 bytes each.
    private static func requests(in heard: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var at = Handshake.byteCount
        while at + 4 <= heard.count {
            let length = heard[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            guard at + 4 + length <= heard.count else { break }
            if length == 13, heard[at + 4] == 6 { found.append(Array(heard[at + 5..<at + 17])) }
            at += 4 + length
        }
        return found
    }

    /// A block of noughts.
    private static func lie(to request: [UInt8]) -> [UInt8] {
        let length = request[8...].reduce(0) { $0 << 8 | Int($1) }
        let total = UInt32(9 + length)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: total >> $0) } + [7] + request[..<8]
            + [UInt8](repeating: 0, count: length)
    }
}
