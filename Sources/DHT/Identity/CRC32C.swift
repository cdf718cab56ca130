/// The cyclic redundancy check with Castagnoli's polynomial (RFC 3720), by which BEP 42 ties node ids to addresses.
package enum CRC32C {
    /// The polynomial 0x1edc6f41 with its bits reversed.
    private static let polynomial: UInt32 = 0x82f6_3b78

    private static let table: [UInt32] = (0..<256 as Range<UInt32>).map { byte in
        var rest = byte
        for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ polynomial : rest >> 1 }
        return rest
    }

    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { rest, byte in
            rest >> 8 ^ table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)]
        }
    }
}
