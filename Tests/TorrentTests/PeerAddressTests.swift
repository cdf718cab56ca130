import Testing
import Torrent

struct PeerAddressTests {
    @Test(
        arguments: [
            ("1.2.3.4:6881", [1, 2, 3, 4, 0x1a, 0xe1]),
            ("255.255.255.255:65535", [255, 255, 255, 255, 255, 255]),
            ("[::]:0", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("[::1]:80", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]),
            (
                "[2001:db8::8a2e:370:7334]:1",
                [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0x8a, 0x2e, 3, 0x70, 0x73, 0x34, 0, 1]
            ),
            ("[1:2:3:4:5:6:7:8]:1", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 1]),
            ("[1::]:1", [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("[1:0:0:2::3]:1", [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1]),
        ] as [(String, [UInt8])])
    func textAndCompactFormRoundTrip(text: String, compact: [UInt8]) throws {
        let address = try #require(PeerAddress(text))
        #expect(address.compact == compact)
        #expect(address.description == text)
        #expect(PeerAddress(compact: compact) == address)
    }

    @Test(arguments: [
        "", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+80", "1.2.3:80", "1.2.3.4.5:80",
        "256.1.1.1:80", "1.2.3.+4:80",
        "01.2.3.4:80",
        "::1:80", "[::1]", "[1.2.3.4]:80", "[::1%eth0]:80", "[1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:8:9]:80",
        "[1::2::3]:80", "[:::]:80",
        "[12345::]:80",
        "[-0::]:80", "[+1::]:80", "[g::]:80", "[1.2.3.4::]:80", "[1:2:3:4:5:6:7:8::]:80", "example.org:80", "[]:80",
    ])
    func invalidAddressIsRejected(text: String) {
        #expect(PeerAddress(text) == nil)
    }

    @Test func gapMayStandForOneGroup() {
        #expect(PeerAddress("[1:2:3:4:5:6:7::]:1")?.description == "[1:2:3:4:5:6:7:0]:1")
        #expect(PeerAddress("[::ffff:1.2.3.4]:9")?.unmapped == PeerAddress("1.2.3.4:9"))
        #expect(PeerAddress("[::1]:9")?.unmapped == PeerAddress("[::1]:9"))
    }

    @Test(
        arguments: [
            ("1.2.3.4:1", true), ("127.0.0.1:1", true), ("1.2.3.4:0", false), ("0.0.0.0:1", false),
            ("224.0.0.1:1", false),
            ("255.255.255.255:1", false),
            ("[::1]:1", true), ("[::]:1", false), ("[ff02::1]:1", false),
        ] as [(String, Bool)])
    func dialableAddressesAreRecognized(text: String, isDialable: Bool) throws {
        #expect(try #require(PeerAddress(text)).isDialable == isDialable)
    }

    @Test(arguments: [0, 5, 7, 17, 19])
    func compactFormHasSixOrEighteenBytes(count: Int) {
        #expect(PeerAddress(compact: Array(repeating: 1, count: count)) == nil)
    }
}
