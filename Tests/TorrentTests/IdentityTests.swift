import Testing

@testable import Torrent

struct InfoHashTests {
    @Test func bytesAndDigitsComeBack() throws {
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

    @Test func digitsAreThoseOfTheBytes() throws {
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
    func badDigitsAreRefused(hex: String) {
        #expect(InfoHash(hex: hex) == nil)
    }

    @Test func orderIsThatOfTheBytes() throws {
        var generator = SeededGenerator(seed: 7)
        let hashes = try (0..<100).map { _ in
            try #require(InfoHash((0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) }))
        }
        #expect(hashes.sorted().map(\.bytes) == hashes.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) })
        #expect(InfoHash([1, 2, 3]) == nil)
    }

    @Test func sha1OfAKnownMessage() {
        #expect(Hex.encode(SHA1.hash(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    }
}

struct PeerIDTests {
    @Test func freshOnesDifferAndNameTheClient() {
        var generator = SeededGenerator(seed: 1)
        let ids = (0..<100).map { _ in PeerID(using: &generator) }
        #expect(Set(ids).count == 100)
        #expect(ids.allSatisfy { $0.bytes.count == 20 && $0.description.hasPrefix(PeerID.prefix) })
    }

    @Test func onlyTwentyBytes() {
        #expect(PeerID(Array(repeating: 0, count: 19)) == nil)
        #expect(PeerID(Array(repeating: 0, count: 20))?.description == "....................")
    }
}
