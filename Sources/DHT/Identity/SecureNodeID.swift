package import Torrent

/// Node ids that depend on the external address (BEP 42), so that one host can't choose a position near a torrent.
package enum SecureNodeID {
    /// The first 21 bits of an id are the checksum's.
    private static let mask: UInt32 = 0xffff_f800
    private static let masksV4: [UInt8] = [0x03, 0x0f, 0x3f, 0xff]
    private static let masksV6: [UInt8] = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff]

    /// An id that is valid for the host.
    package static func make(for host: PeerAddress.Host, using random: inout some RandomNumberGenerator) -> NodeID {
        let base = NodeID.random(using: &random)
        let number = base.lastByte
        return base.with(prefix: checksum(host, number) & mask | base.prefix & ~mask, lastByte: number)
    }

    /// Whether a node at this host may have the id. Hosts of local networks may have any.
    package static func isValid(_ id: NodeID, for host: PeerAddress.Host) -> Bool {
        isExempt(host) || (checksum(host, id.lastByte) ^ id.prefix) & mask == 0
    }

    /// Whether the host is in a local network, where an address doesn't identify a host.
    package static func isExempt(_ host: PeerAddress.Host) -> Bool { host.reach != .everywhere }

    /// The text of the BEP calls the input a 64-bit integer, but its vectors hash 4 bytes of an IPv4 address, and the
    /// first 8 of an IPv6 address.
    private static func checksum(_ host: PeerAddress.Host, _ number: UInt8) -> UInt32 {
        var bytes = Array(PeerAddress(host, port: 0).compact.prefix(AddressFamily(of: host) == .v4 ? 4 : 8))
        for (n, mask) in (bytes.count == 4 ? masksV4 : masksV6).enumerated() { bytes[n] &= mask }
        bytes[0] |= (number & 7) << 5
        return CRC32C.checksum(bytes)
    }
}
