import DHT
import Testing
import Torrent

struct NodeIDTests {
    @Test func bytesRoundTrip() throws {
        let bytes = (1...20).map { UInt8($0) }
        let id = try #require(NodeID(bytes))
        #expect(id.bytes == bytes)
        #expect(id.description == "0102030405060708090a0b0c0d0e0f1011121314")
        #expect(NodeID(bytes.dropLast()) == nil && NodeID(bytes + [0]) == nil)
        #expect(NodeID(try #require(InfoHash(bytes))) == id)
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func distanceIsOrderedAsItsBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (a, b, target) = (
            NodeID.random(using: &random), NodeID.random(using: &random), NodeID.random(using: &random)
        )
        func distance(_ id: NodeID) -> [UInt8] { zip(id.bytes, target.bytes).map { $0 ^ $1 } }
        #expect((a ^ target).bytes == distance(a))
        #expect(a.isCloser(than: b, to: target) == distance(a).lexicographicallyPrecedes(distance(b)))
        let bits = a.bytes.flatMap { byte in (0..<8).map { byte >> UInt8(7 - $0) & 1 } }
        let others = b.bytes.flatMap { byte in (0..<8).map { byte >> UInt8(7 - $0) & 1 } }
        #expect(a.sharedPrefix(with: b) == zip(bits, others).prefix { $0 == $1 }.count)
        #expect(a.sharedPrefix(with: a) == 160)
        #expect(a.bits(after: 61, count: 7) == bits[61..<68].reduce(0) { $0 << 1 | Int($1) })
    }

    @Test(arguments: [0, 1, 5, 63, 64, 65, 100, 127, 128, 129, 158, 159])
    func randomIDSharesTheBitsThatItShould(count: Int) {
        var random = SeededGenerator(seed: UInt64(count))
        for _ in 0..<50 {
            let id = NodeID.random(using: &random)
            #expect(id.random(sharing: count, using: &random).sharedPrefix(with: id) == count)
        }
    }

    // MARK: BEP 42

    @Test func checksumIsCastagnoli() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
        // RFC 3720 B.4.
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    }

    /// The vectors of BEP 42.
    @Test(arguments: [
        ("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
        ("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
        ("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
        ("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
        ("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
    ])
    func vectorsAreValid(host: String, hex: String) throws {
        let id = NodeID(try #require(InfoHash(hex: hex)))
        let host = try #require(PeerAddress.Host(host))
        #expect(SecureNodeID.isValid(id, for: host))
        #expect(
            !SecureNodeID.isValid(id ^ (try #require(NodeID([0x80] + [UInt8](repeating: 0, count: 19)))), for: host))
        #expect(!SecureNodeID.isValid(id, for: try #require(PeerAddress.Host("8.8.8.8"))))
    }

    @Test(arguments: ["8.8.8.8", "203.1.2.3", "2600:1901::1", "2a02:2e02:1:2:3:4:5:6"])
    func madeIDsAreValid(host: String) throws {
        let host = try #require(PeerAddress.Host(host))
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20 {
            #expect(SecureNodeID.isValid(SecureNodeID.make(for: host, using: &random), for: host))
            #expect(!SecureNodeID.isValid(.random(using: &random), for: host))
        }
    }

    @Test(arguments: [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "127.0.0.1", "100.64.0.1", "fd00::1", "fe80::1",
    ])
    func localAddressesAreExempt(host: String) throws {
        var random = SeededGenerator(seed: 1)
        #expect(SecureNodeID.isValid(.random(using: &random), for: try #require(PeerAddress.Host(host))))
    }

    // MARK: Votes

    @Test func addressNeedsVotesOfDifferentNetworks() throws {
        var votes = ExternalAddressVotes(stored: nil)
        let mine = PeerAddress.Host.v4(0x0808_0808)
        // One network can't decide.
        for n in 0..<20 as Range<UInt32> { #expect(votes.vote(mine, by: .v4(0x0909_0900 + n)) == nil) }
        for n in 0..<4 as Range<UInt32> { #expect(votes.vote(mine, by: .v4(0x0c0b_0000 + n << 16)) == nil) }
        #expect(votes.vote(mine, by: .v4(0x0d0b_0000)) == mine)
        #expect(votes.winner == mine)
        // It is reported once.
        #expect(votes.vote(mine, by: .v4(0x0e0b_0000)) == nil)
    }

    @Test func minorityOfLiarsDoesNotWin() {
        var votes = ExternalAddressVotes(stored: nil)
        let (mine, wrong) = (PeerAddress.Host.v4(0x0808_0808), PeerAddress.Host.v4(0x0707_0707))
        for n in 0..<100 as Range<UInt32> {
            let changed = votes.vote(n % 5 < 2 ? wrong : mine, by: .v4(0x2000_0000 + n << 8))
            #expect(changed == nil || changed == mine)
        }
        #expect(votes.winner == mine)
    }

    @Test func localAndPublicNodesDoNotVoteForEachOther() {
        var votes = ExternalAddressVotes(stored: nil)
        for n in 0..<40 as Range<UInt32> {
            #expect(votes.vote(.v4(0x7f00_0001), by: .v4(0x2000_0000 + n << 8)) == nil)
            #expect(votes.vote(.v4(0x0808_0808), by: .v4(0x0a00_0000 + n)) == nil)
            #expect(votes.vote(.v4(0), by: .v4(0x7f00_0002 + n)) == nil)
        }
        #expect(votes.winner == nil)
    }

    // MARK: Randomness

    @Test func secretNumbersDependOnTheKey() {
        var (a, b, c) = (SecretGenerator(seed: 1), SecretGenerator(seed: 1), SecretGenerator(seed: 2))
        let numbers = (0..<100).map { _ in a.next() }
        #expect(numbers == (0..<100).map { _ in b.next() })
        #expect(Set(numbers).count == 100)
        #expect(numbers != (0..<100).map { _ in c.next() })
    }
}
