import Testing
import Torrent

struct InfoHashTests {
    @Test func infoHashRoundTripsThroughBytesAndHex() throws {
        let hex = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"
        let hash = try #require(InfoHash(hex: hex))
        #expect(hash.description == hex)
        #expect(InfoHash(hex: hex.uppercased()) == hash)
        #expect(InfoHash(hash.bytes) == hash)
        #expect(hash.bytes.count == 20)
        #expect(hash.bytes.withUnsafeBytes { InfoHash(raw: $0) } == hash)
        // As a part of something larger it is at any address.
        #expect(
            ([0] + hash.bytes).withUnsafeBytes { InfoHash(raw: UnsafeRawBufferPointer(rebasing: $0[1...])) } == hash)
        #expect([UInt8](repeating: 0, count: 21).withUnsafeBytes { InfoHash(raw: $0) } == nil)
    }

    @Test func descriptionIsTheHexOfTheBytes() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<100 {
            let bytes = (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let hash = try #require(InfoHash(bytes))
            #expect(hash.bytes == bytes)
            #expect(hash.description == Hex.encode(bytes))
            #expect(Hex.decode(hash.description) == bytes)
        }
    }

    @Test(arguments: [
        "", "d2", "d2474e86c95b19b8bcfdb92bc12c9d44667cfa3", "d2474e86c95b19b8bcfdb92bc12c9d44667cfa3600",
        "g2474e86c95b19b8bcfdb92bc12c9d44667cfa36",
    ])
    func invalidHexIsRejected(hex: String) {
        #expect(InfoHash(hex: hex) == nil)
    }

    @Test func infoHashesAreOrderedByBytes() throws {
        var generator = SeededGenerator(seed: 7)
        let hashes = try (0..<100).map { _ in
            try #require(InfoHash((0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }))
        }
        #expect(hashes.sorted().map(\.bytes) == hashes.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) })
        #expect(InfoHash([1, 2, 3]) == nil)
    }

    @Test func sha1MatchesAKnownDigest() {
        #expect(Hex.encode(SHA1.hash(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    }
}

struct DigestTests {
    @Test func digestIsACollectionOfItsBytes() throws {
        let (short, long) = (Array<UInt8>(1...20), Array<UInt8>(1...32))
        let (sha1, sha256) = (try #require(SHA1Digest(short)), try #require(SHA256Digest(long)))
        #expect(Array(sha1) == short && Array(sha256) == long)
        #expect(sha1.prefix(4).elementsEqual(1...4) && sha256.suffix(9).elementsEqual(24...32))
        #expect(SHA1Digest(long) == nil && SHA256Digest(short) == nil)
        #expect(sha256 == SHA256Digest(long) && sha256 != SHA256Digest(long.reversed()))
    }

    @Test func sha256MatchesAKnownDigest() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(Hex.encode(SHA256.hash(Array("abc".utf8))) == digest)
    }

    @Test func pieceHashesMustBeWholeDigests() throws {
        #expect(PieceHashes(.sha1, Array<UInt8>(0..<39)[...]) == nil)
        #expect(PieceHashes(.sha256, Array<UInt8>(0..<40)[...]) == nil)
        // A slice keeps its own indices.
        let hashes = try #require(PieceHashes(.sha256, Array<UInt8>(0..<100)[4..<68]))
        #expect(hashes.count == 2 && hashes[PieceIndex(1)].elementsEqual(36..<68))
    }

    /// BEP 52: a v2 swarm goes by the first 20 bytes of its digest.
    @Test func hybridTorrentHasTwoSwarms() throws {
        let (v1, v2) = (try #require(InfoHash(1...20)), try #require(SHA256Digest(101...132)))
        #expect(TorrentIdentity.v1(v1).wireHashes == [v1])
        #expect(TorrentIdentity.v2(v2).wireHashes.map(\.bytes) == [Array(101...120)])
        #expect(TorrentIdentity.hybrid(v1, v2).wireHashes.map(\.bytes) == [Array(1...20), Array(101...120)])
    }
}

struct PeerIDTests {
    @Test func generatedPeerIDsDifferAndNameTheClient() {
        var generator = SeededGenerator(seed: 1)
        let ids = (0..<100).map { _ in PeerID(using: &generator) }
        #expect(Set(ids).count == 100)
        #expect(ids.allSatisfy { $0.bytes.count == 20 && $0.description.hasPrefix(PeerID.prefix) })
    }

    @Test func peerIDHasExactlyTwentyBytes() {
        #expect(PeerID(Array(repeating: 0, count: 19)) == nil)
        #expect(PeerID(Array(repeating: 0, count: 20))?.description == "....................")
    }
}
