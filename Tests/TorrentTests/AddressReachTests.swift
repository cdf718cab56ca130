import Testing
import Torrent

@Suite struct AddressReachTests {
    /// Both ends of every range, and the addresses beside it.
    @Test(
        arguments: [
            ("0.0.0.0", .loopback), ("0.255.255.255", .loopback), ("1.0.0.0", .everywhere),
            ("126.255.255.255", .everywhere),
            ("127.0.0.0", .loopback), ("127.255.255.255", .loopback), ("128.0.0.0", .everywhere),
            ("9.255.255.255", .everywhere), ("10.0.0.0", .network), ("10.255.255.255", .network),
            ("11.0.0.0", .everywhere),
            ("100.63.255.255", .everywhere), ("100.64.0.0", .network), ("100.127.255.255", .network),
            ("100.128.0.0", .everywhere),
            ("169.253.255.255", .everywhere), ("169.254.0.0", .link), ("169.254.169.254", .link),
            ("169.255.0.0", .everywhere),
            ("172.15.255.255", .everywhere), ("172.16.0.0", .network), ("172.31.255.255", .network),
            ("172.32.0.0", .everywhere),
            ("192.167.255.255", .everywhere), ("192.168.0.0", .network), ("192.168.255.255", .network),
            ("192.169.0.0", .everywhere),
            ("192.0.0.8", .special), ("192.0.1.0", .everywhere), ("192.0.2.1", .special), ("198.18.0.1", .special),
            ("198.20.0.0", .everywhere),
            ("198.51.100.1", .special), ("203.0.113.1", .special), ("223.255.255.255", .everywhere),
            ("224.0.0.0", .special),
            ("239.255.255.255", .special), ("240.0.0.0", .special), ("255.255.255.255", .special),
            ("8.8.8.8", .everywhere),
            ("::", .loopback), ("::1", .loopback), ("::2", .loopback), ("2600::1", .everywhere),
            ("2a00:1450::1", .everywhere),
            ("fbff::1", .everywhere), ("fc00::", .network), ("fdff:ffff::1", .network), ("fe00::1", .everywhere),
            ("fe7f::1", .everywhere),
            ("fe80::1", .link), ("febf:ffff::1", .link), ("fec0::1", .network), ("feff::1", .network),
            ("ff00::1", .special), ("ff02::1", .special),
            ("2001:db8::1", .special), ("3fff::1", .special), ("3fff:1000::1", .everywhere), ("100::1", .special),
            ("64:ff9b:1::1", .network),
            // IPv4 addresses within IPv6 ones: mapped, compatible, translated, 6to4, Teredo.
            ("::ffff:127.0.0.1", .loopback), ("::ffff:10.1.2.3", .network), ("::ffff:8.8.8.8", .everywhere),
            ("::ffff:0:192.168.1.1", .network),
            ("::127.0.0.1", .loopback), ("::8.8.8.8", .everywhere), ("64:ff9b::169.254.169.254", .link),
            ("64:ff9b::8.8.8.8", .everywhere),
            ("2002:7f00:1::1", .loopback), ("2002:808:808::1", .everywhere), ("2001:0:1:2:3:4:80ff:fffe", .loopback),
        ] as [(String, AddressReach)])
    func everyAddressRangeHasItsReach(_ text: String, _ reach: AddressReach) throws {
        #expect(try #require(PeerAddress.Host(text)).reach == reach)
    }
}
