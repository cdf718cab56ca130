import Discovery
import Testing
import Torrent

/// Datagrams of local discovery are written as other clients read them, and read leniently.
struct LocalAnnouncementTests {
    private static let hash = InfoHash(hex: String(repeating: "ab", count: 20))!
    private static let other = InfoHash(hex: String(repeating: "01", count: 20))!

    @Test func datagramIsAsInTheSpecification() throws {
        let announcement = LocalAnnouncement(port: 6881, infoHashes: [Self.hash, Self.other], cookie: "1f2e")
        #expect(
            announcement.text(for: .v4) == """
                BT-SEARCH * HTTP/1.1\r
                Host: 239.192.152.143:6771\r
                Port: 6881\r
                Infohash: \(String(repeating: "ab", count: 20))\r
                Infohash: \(String(repeating: "01", count: 20))\r
                cookie: 1f2e\r
                \r
                \r

                """)
        #expect(announcement.text(for: .v6).contains("Host: [ff15::efc0:988f]:6771\r\n"))
        for family in AddressFamily.allCases {
            #expect(LocalAnnouncement(datagram: Array(announcement.text(for: family).utf8)) == announcement)
        }
        #expect("\(PeerAddress(LocalAnnouncement.group(.v4).host, port: 1))" == "239.192.152.143:1")
        #expect("\(PeerAddress(LocalAnnouncement.group(.v6).host, port: 1))" == "[ff15::efc0:988f]:1")
    }

    @Test func fullestDatagramIsWithinItsLimit() throws {
        let many = (0..<UInt8(40)).map { InfoHash([UInt8](repeating: $0, count: 20))! }
        let full = LocalAnnouncement(port: 65535, infoHashes: many, cookie: String(repeating: "f", count: 16))
        let bytes = Array(full.text(for: .v6).utf8)
        #expect(bytes.count <= LocalAnnouncement.maximumBytes)
        #expect(LocalAnnouncement(datagram: bytes)?.infoHashes.count == LocalAnnouncement.mostHashes)
    }

    @Test(arguments: [
        "BT-SEARCH * HTTP/1.1\nport:6881\nINFOHASH: AB\n", "BT-SEARCH * HTTP/1.1\r\nPort: 6881\r\n\r\n",
        "BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: H\r\n", "BT-SEARCH * HTTP/1.1\r\nPort: +1\r\nInfohash: H\r\n",
        "BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\nInfohash: H\r\n", "M-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: H\r\n",
        "", "\r\n\r\n", "BT-SEARCH * HTTP/1.1\r\nInfohash: H\r\n",
    ])
    func otherTextIsIgnored(_ text: String) {
        let text = text.replacing("H", with: String(repeating: "ab", count: 20))
        #expect(LocalAnnouncement(datagram: Array(text.utf8)) == nil)
    }

    @Test func headersAreReadInAnyCaseAndOrder() throws {
        let text =
            "BT-SEARCH * HTTP/1.1\nINFOHASH:\(String(repeating: "AB", count: 20))\nX: y\nCookie:  q\nPORT :\nport: 7\n"
        let read = try #require(LocalAnnouncement(datagram: Array(text.utf8)))
        #expect(read == LocalAnnouncement(port: 7, infoHashes: [Self.hash], cookie: "q"))
    }

    /// Nothing that arrives traps; what is read is within the limits.
    @Test(arguments: 0..<8 as Range<UInt64>) func noiseIsHarmless(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let whole = Array(
            LocalAnnouncement(port: 6881, infoHashes: [Self.hash, Self.other], cookie: "1f2e").text(for: .v4).utf8)
        for _ in 0..<2000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: bytes.count / 2)
                default: bytes.removeLast(Int.random(in: 0..<max(1, min(20, bytes.count)), using: &random))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            guard let read = LocalAnnouncement(datagram: bytes) else { continue }
            #expect(read.port > 0 && (1...LocalAnnouncement.mostHashes).contains(read.infoHashes.count))
        }
        #expect(LocalAnnouncement(datagram: [UInt8](repeating: 65, count: 5000)) == nil)
    }
}
