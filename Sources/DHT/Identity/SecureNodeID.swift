package import Torrent

/// Node ids that depend on the external address (BEP 42), so that one host can't choose a position near a torrent.
package enum SecureNodeID {
    /// The first 21 bits of an id are the checksum's.
    private static let mask: UInt32 = 0xffff_f800
    private static let maskV4: UInt32 = 0x030f_3fff
    private static let maskV6: UInt64 = 0x0103_070f_1f3f_7fff

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
        switch host {
        case .v4(let word):
            withUnsafeBytes(of: (word & maskV4 | UInt32(number & 7) << 29).bigEndian) { CRC32C.checksum($0) }
        case .v6(let high, _):
            withUnsafeBytes(of: (high & maskV6 | UInt64(number & 7) << 61).bigEndian) { CRC32C.checksum($0) }
        }
    }
}
