/// How far away a host can be and still reach an address.
package enum AddressReach: Hashable, Sendable {
    /// The address can be reached from the whole internet.
    case everywhere
    /// The address can be reached from this machine only.
    case loopback
    /// The address can be reached from the same link only.
    case link
    /// The address is private or shared, and can be reached from the same network only.
    case network
    /// The address doesn't belong to one host: it is a multicast, reserved or documentation address.
    case special

    /// A noun phrase for messages, such as `a loopback address`.
    package var name: String {
        switch self {
        case .everywhere: "a public address"
        case .loopback: "a loopback address"
        case .link: "a link-local address"
        case .network: "a private address"
        case .special: "a multicast or reserved address"
        }
    }
}

extension PeerAddress.Host {
    /// The reach of the address according to the registries of special-purpose addresses (RFC 6890). An IPv6 address
    /// that embeds an IPv4 address has the reach of the IPv4 address.
    package var reach: AddressReach {
        switch self {
        case .v4(let word): Self.reach(of: word)
        case .v6(let high, let low): Self.reach(high, low)
        }
    }

    private static func reach(of word: UInt32) -> AddressReach {
        for (network, bits, reach) in networks where word >> UInt32(32 - bits) == network >> UInt32(32 - bits) {
            return reach
        }
        return .everywhere
    }

    private static let networks: [(UInt32, bits: Int, AddressReach)] = [
        // Connections to 0.0.0.0 arrive at this machine.
        (0x0000_0000, 8, .loopback), (0x7f00_0000, 8, .loopback), (0xa9fe_0000, 16, .link),
        (0x0a00_0000, 8, .network), (0xac10_0000, 12, .network), (0xc0a8_0000, 16, .network),
        (0x6440_0000, 10, .network),
        (0xc000_0000, 24, .special), (0xc000_0200, 24, .special), (0xc612_0000, 15, .special),
        (0xc633_6400, 24, .special),
        (0xcb00_7100, 24, .special), (0xe000_0000, 3, .special),
    ]

    private static func reach(_ high: UInt64, _ low: UInt64) -> AddressReach {
        if let word = embedded(high, low) { return reach(of: word) }
        switch (high, low) {
        case (0, 0), (0, 1): return .loopback
        case _ where high >> 54 == 0xfe80 >> 6: return .link
        // Unique local (RFC 4193), site-local (RFC 3879), and addresses of a local translator (RFC 8215).
        case _ where high >> 57 == 0xfc >> 1, _ where high >> 54 == 0xfec0 >> 6, _ where high >> 16 == 0x64_ff9b_0001:
            return .network
        // Multicast, the discard prefix (RFC 6666) and documentation (RFC 3849, RFC 9637).
        case _ where high >> 56 == 0xff, (0x0100_0000_0000_0000, _): return .special
        case _ where high >> 32 == 0x2001_0db8, _ where high >> 44 == 0x3fff_0: return .special
        default: return .everywhere
        }
    }

    /// The IPv4 address that an IPv6 address embeds: mapped, compatible, translated (RFC 6052, RFC 2765), 6to4 or
    /// Teredo.
    private static func embedded(_ high: UInt64, _ low: UInt64) -> UInt32? {
        let last = UInt32(truncatingIfNeeded: low)
        switch (high, low >> 32) {
        case (0, 0xffff), (0, 0xffff_0000), (0x0064_ff9b_0000_0000, 0): return last
        case (0, 0) where last > 1: return last
        case _ where high >> 48 == 0x2002: return UInt32(truncatingIfNeeded: high >> 16)
        case _ where high >> 32 == 0x2001_0000: return ~last
        default: return nil
        }
    }
}
