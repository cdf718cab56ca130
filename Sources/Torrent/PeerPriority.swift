/// The canonical priority of a connection between two peers (BEP 40). Both ends compute the same number, so peers that
/// choose by it agree on whom to connect to, and every peer has some that prefer it.
package enum PeerPriority {
    /// The priority; higher is better. `nil` for addresses of different families.
    package static func of(_ one: PeerAddress, _ other: PeerAddress) -> UInt32? {
        guard AddressFamily(of: one.host) == AddressFamily(of: other.host) else { return nil }
        if one.host == other.host {
            let ports = [one.port, other.port].sorted()
            return crc32c(ports.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] })
        }
        let (a, b) = (Array(one.compact.dropLast(2)), Array(other.compact.dropLast(2)))
        let equal = zip(a, b).prefix { $0 == $1 }.count
        // The bytes that count in full: two of IPv4 and six of IPv6, and one more than those that are equal if these
        // are at least as many.
        let least = a.count == 4 ? 2 : 6
        let whole = equal < least ? least : equal + 1
        func masked(_ bytes: [UInt8]) -> [UInt8] { bytes.enumerated().map { $0 < whole ? $1 : $1 & 0x55 } }
        let pair = [masked(a), masked(b)].sorted { $0.lexicographicallyPrecedes($1) }
        return crc32c(pair[0] + pair[1])
    }

    /// The CRC-32C (Castagnoli) of the bytes, as in RFC 3720.
    static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return ~crc
    }
}
