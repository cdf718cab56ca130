import PeerWire
import Testing
import Torrent

@Suite struct AllowedFastTests {
    /// The example results at the end of BEP 6.
    @Test(arguments: [
        (7, [1059, 431, 808, 1217, 287, 376, 1188]), (9, [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]),
    ])
    func allowedFastSetMatchesTheExampleInBEP6(count: Int, expected: [Int]) throws {
        #expect(try Self.set("80.4.4.200", pieceCount: 1313, count: count) == expected)
    }

    @Test func setIsEqualForANetworkAndMappedAddresses() throws {
        let set = try Self.set("80.4.4.200", pieceCount: 1313)
        #expect(set.count == AllowedFast.defaultCount)
        #expect(try Self.set("80.4.4.1", pieceCount: 1313) == set)
        #expect(try Self.set("::ffff:80.4.4.1", pieceCount: 1313) == set)
        #expect(try Self.set("80.4.5.1", pieceCount: 1313) != set)
        #expect(try Self.set("2001:db8::1", pieceCount: 1313).isEmpty)
    }

    @Test(arguments: [0, 1, 2, 9, 10, 11, 12, 64, 65, 100]) func setIsCompleteForAnyNumberOfPieces(pieceCount: Int)
        throws
    {
        for count in [-1, 0, 1, 10, 64, .max] {
            let set = try Self.set("10.0.0.1", pieceCount: pieceCount, count: count)
            #expect(set.count == min(max(0, count), AllowedFast.maximumCount, pieceCount))
            #expect(Set(set).count == set.count)
            #expect(set.allSatisfy { (0..<pieceCount).contains($0) })
        }
    }

    private static func set(_ host: String, pieceCount: Int, count: Int = AllowedFast.defaultCount) throws -> [Int] {
        let infoHash = try #require(InfoHash(Array(repeating: 0xaa, count: 20)))
        let host = try #require(PeerAddress.Host(host))
        return AllowedFast.set(for: host, infoHash: infoHash, pieceCount: pieceCount, count: count).map(\.value)
    }
}
