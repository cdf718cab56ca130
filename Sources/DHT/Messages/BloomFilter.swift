import Glibc
package import Torrent

/// A set of hosts in 256 bytes, by which nodes report how many peers they store (BEP 33).
package struct BloomFilter: Hashable, Sendable {
    package static let byteCount = 256
    private static let bitCount = byteCount * 8

    package private(set) var bytes: [UInt8]

    package init() { bytes = Array(repeating: 0, count: Self.byteCount) }

    /// Returns `nil` unless there are exactly 256 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    package mutating func insert(_ host: PeerAddress.Host) {
        let digest = SHA1.hash(Array(PeerAddress(host, port: 0).compact.dropLast(2)))
        for n in [0, 2] {
            let index = (Int(digest[n]) | Int(digest[n + 1]) << 8) % Self.bitCount
            bytes[index / 8] |= 1 << UInt8(index % 8)
        }
    }

    package mutating func formUnion(_ other: BloomFilter) {
        for n in bytes.indices { bytes[n] |= other.bytes[n] }
    }

    /// The estimated number of hosts; it means nothing above about 6,000.
    package var estimate: Double {
        let zeros = bytes.reduce(0) { $0 + (~$1).nonzeroBitCount }
        // A full filter counts as one with a single zero.
        let share = Double(min(Self.bitCount - 1, max(zeros, 1))) / Double(Self.bitCount)
        return zeros == Self.bitCount ? 0 : log(share) / (2 * log(1 - 1 / Double(Self.bitCount)))
    }
}
