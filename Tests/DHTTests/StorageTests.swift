import DHT
import Testing
import Torrent

struct StorageTests {
    private static let start = Instant.origin + .seconds(100)
    private static func hash(_ n: UInt64) -> InfoHash {
        var random = SeededGenerator(seed: n)
        return InfoHash(NodeID.random(using: &random).bytes)!
    }
    private static func peer(_ n: Int, port: UInt16 = 6881) -> PeerAddress {
        PeerAddress(.v4(0x2000_0000 + UInt32(n)), port: port)
    }

    // MARK: Tokens

    @Test func tokenBelongsToHostAndTorrent() {
        var random = SecretGenerator(seed: 1)
        let box = TokenBox(using: &random, now: Self.start)
        let (host, hash) = (Self.peer(1).host, Self.hash(1))
        let token = box.token(for: host, hash)
        #expect(token.count == 8)
        #expect(box.accepts(token, from: host, hash))
        #expect(!box.accepts(token, from: Self.peer(2).host, hash))
        #expect(!box.accepts(token, from: host, Self.hash(2)))
        #expect(!box.accepts([], from: host, hash))
        #expect(!box.accepts(Array(token.dropLast()), from: host, hash))
    }

    @Test func tokenLivesForFiveToTenMinutes() {
        var random = SecretGenerator(seed: 1)
        var box = TokenBox(using: &random, now: Self.start)
        let (host, hash) = (Self.peer(1).host, Self.hash(1))
        let token = box.token(for: host, hash)
        box.turn(using: &random, now: Self.start + .seconds(299))
        #expect(box.token(for: host, hash) == token)
        box.turn(using: &random, now: Self.start + .seconds(301))
        #expect(box.token(for: host, hash) != token)
        #expect(box.accepts(token, from: host, hash))
        box.turn(using: &random, now: Self.start + .seconds(602))
        #expect(!box.accepts(token, from: host, hash))
    }

    @Test func suspensionEndsOldTokens() {
        var random = SecretGenerator(seed: 1)
        var box = TokenBox(using: &random, now: Self.start)
        let token = box.token(for: Self.peer(1).host, Self.hash(1))
        box.turn(using: &random, now: Self.start + .seconds(7200))
        #expect(!box.accepts(token, from: Self.peer(1).host, Self.hash(1)))
    }

    // MARK: Peers

    @Test func publicHostIsOnePeer() {
        var shelf = PeerShelf(own: .zero)
        var random = SeededGenerator(seed: 1)
        let hash = Self.hash(1)
        let isStored1 = shelf.store(Self.peer(1), isSeed: false, for: hash, now: Self.start)
        #expect(isStored1)
        let isStored2 = shelf.store(Self.peer(1, port: 7000), isSeed: true, for: hash, now: Self.start)
        #expect(isStored2)
        #expect(
            shelf.peers(of: hash, most: 10, isSeedless: false, using: &random) == [Self.peer(1, port: 7000)])
        #expect(shelf.peers(of: hash, most: 10, isSeedless: true, using: &random) == [])
        // In a local network, many peers share a host.
        let local = PeerAddress("127.0.0.1:5000")!
        for port in 5000..<5200 as Range<UInt16> {
            let isStored3 = shelf.store(PeerAddress(local.host, port: port), isSeed: false, for: hash, now: Self.start)
            #expect(isStored3)
        }
        #expect(shelf.peerCount(of: hash) == 201)
    }

    @Test func peersExpire() {
        var shelf = PeerShelf(own: .zero)
        for n in 0..<10 {
            _ = shelf.store(
                Self.peer(n), isSeed: false, for: Self.hash(UInt64(n % 3)), now: Self.start + .seconds(n * 60))
        }
        shelf.expire(now: Self.start + .seconds(45 * 60 + 240))
        #expect(shelf.peerCount == 5)
        shelf.expire(now: Self.start + .seconds(45 * 60 + 540))
        #expect(shelf.peerCount == 0 && shelf.torrentCount == 0)
        // The count of the hosts went down too.
        for n in 0..<PeerShelf.mostTorrentsOfHost {
            let isStored4 = shelf.store(Self.peer(1), isSeed: false, for: Self.hash(UInt64(n)), now: Self.start)
            #expect(isStored4)
        }
        let isStored5 = shelf.store(Self.peer(1), isSeed: false, for: Self.hash(1000), now: Self.start)
        #expect(!isStored5)
    }

    @Test func boundsHoldAgainstAFlood() {
        var shelf = PeerShelf(own: .zero)
        var random = SeededGenerator(seed: 1)
        // One torrent.
        for n in 0..<PeerShelf.mostPeers + 100 {
            let isStored = shelf.store(Self.peer(n), isSeed: n % 2 == 0, for: Self.hash(1), now: Self.start)
            #expect(isStored == (n < PeerShelf.mostPeers))
        }
        // A full torrent gives no token, but to those that it knows.
        let isAccepted6 = shelf.accepts(Self.hash(1), from: Self.peer(10_000).host)
        #expect(!isAccepted6)
        let isAccepted7 = shelf.accepts(Self.hash(1), from: Self.peer(3).host)
        #expect(isAccepted7)
        #expect(shelf.peers(of: Self.hash(1), most: 50, isSeedless: false, using: &random).count == 50)
        // Many torrents of many hosts.
        for n in 0..<PeerShelf.mostTorrents * 2 {
            _ = shelf.store(Self.peer(100_000 + n), isSeed: false, for: Self.hash(UInt64(10 + n)), now: Self.start)
        }
        #expect(shelf.torrentCount == PeerShelf.mostTorrents)
        // Those near our id are kept.
        let kept = (0..<PeerShelf.mostTorrents * 2).filter { shelf.peerCount(of: Self.hash(UInt64(10 + $0))) > 0 }
        let best = (0..<PeerShelf.mostTorrents * 2).sorted {
            NodeID(Self.hash(UInt64(10 + $0))) < NodeID(Self.hash(UInt64(10 + $1)))
        }
        #expect(Set(best.prefix(PeerShelf.mostTorrents - 10)).isSubset(of: Set(kept)))
    }

    @Test func filtersCountSeedsAndPeers() throws {
        var shelf = PeerShelf(own: .zero)
        for n in 0..<60 { _ = shelf.store(Self.peer(n), isSeed: n < 20, for: Self.hash(1), now: Self.start) }
        let filters = try #require(shelf.filters(of: Self.hash(1)))
        #expect(abs(filters.seeds.estimate - 20) < 4 && abs(filters.peers.estimate - 40) < 6)
        #expect(shelf.filters(of: Self.hash(2)) == nil)
    }

    // MARK: Limits

    @Test func noisySourceIsSilenced() {
        var flood = FloodGuard()
        var now = Self.start
        let source = PeerAddress("8.8.8.8:1000")!
        var admitted = 0
        for n in 0..<200 as Range<UInt16> {
            if flood.admits(PeerAddress(source.host, port: 1000 + n), now: now) { admitted += 1 }
            now = now + .milliseconds(10)
        }
        #expect(admitted == FloodGuard.mostOfSource)
        let isAdmitted8 = flood.admits(PeerAddress("8.8.4.4:1000")!, now: now)
        #expect(isAdmitted8)
        let isAdmitted9 = flood.admits(source, now: now + .seconds(290))
        #expect(!isAdmitted9)
        let isAdmitted10 = flood.admits(source, now: now + .seconds(301))
        #expect(isAdmitted10)
    }

    @Test func politeSourceIsNeverSilenced() {
        var flood = FloodGuard()
        for n in 0..<500 {
            let isAdmitted11 = flood.admits(PeerAddress("8.8.8.8:1000")!, now: Self.start + .milliseconds(n * 210))
            #expect(isAdmitted11)
        }
    }

    @Test func sourcesAreBoundedAndSoAreAllTogether() {
        var flood = FloodGuard()
        var admitted = 0
        for n in 0..<20_000 {
            if flood.admits(Self.peer(n), now: Self.start + .microseconds(n * 100)) { admitted += 1 }
        }
        #expect(flood.sourceCount <= FloodGuard.mostSources)
        // Two seconds.
        #expect(Double(admitted) <= FloodGuard.burst + 2 * FloodGuard.rate + 1)
    }

    @Test func introducersOfWrongIDsLoseTrust() {
        var introducers = Introducers()
        let host = Self.peer(1).host
        for _ in 0..<Introducers.mostWrong - 1 { introducers.told(by: host, wasRight: false) }
        #expect(introducers.isBelieved(host))
        introducers.told(by: host, wasRight: false)
        #expect(!introducers.isBelieved(host))
        for _ in 0..<100 { introducers.told(by: host, wasRight: true) }
        #expect(introducers.isBelieved(host))
        for n in 0..<5000 { introducers.told(by: Self.peer(n).host, wasRight: n % 2 == 0) }
        #expect(introducers.isBelieved(Self.peer(10_000).host))
    }
}
