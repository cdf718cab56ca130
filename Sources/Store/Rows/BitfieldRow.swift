import Torrent

/// One row of the table `bitfield`.
struct BitfieldRow: Row {
    static let columns = "page, have, opened, verified_at, checksum"

    let number: Int
    let have: [UInt8]
    let opened: [UInt8]?
    let verifiedAt: Timestamp?
    /// `nil` in a row from before checksums were introduced.
    let checksum: Int64?

    init(_ row: Statement) throws(StoreError) {
        number = try row.next()
        have = try row.next()
        opened = try row.next()
        verifiedAt = try row.next()
        checksum = try row.next()
    }

    /// The checksum that the row of this torrent should have.
    func expectedChecksum(_ id: TorrentID) -> Int64 { Self.checksum(id, number, have, opened, verifiedAt) }

    /// The FNV-1a 64 hash of all values of a row. It detects bits that flip on the disk, which SQLite's own checks
    /// don't.
    static func checksum(_ id: TorrentID, _ number: Int, _ have: [UInt8], _ opened: [UInt8]?, _ verifiedAt: Timestamp?)
        -> Int64
    {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ bytes: some Sequence<UInt8>) {
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        func add(_ number: Int64) {
            for shift in stride(from: 0, to: 64, by: 8) {
                add(CollectionOfOne(UInt8(truncatingIfNeeded: number >> shift)))
            }
        }
        add(id.rawValue)
        add(Int64(number))
        add(Int64(have.count))
        add(have)
        add(Int64(opened?.count ?? -1))
        add(opened ?? [])
        // `.min` can't be the time of a verification.
        add(verifiedAt?.rawValue ?? .min)
        return Int64(bitPattern: hash)
    }
}
