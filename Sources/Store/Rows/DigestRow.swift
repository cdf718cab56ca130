package import Torrent

/// The SHA-256 of a file of a torrent, as it was when all of the file was read and all of its pieces were good.
package struct DigestRow: Row, Sendable, Hashable {
    /// The file's index in the metainfo, from 0.
    package let file: Int
    package let sha256: SHA256Digest
    /// When the bytes were last read from end to end.
    package let readAt: Timestamp

    package static let columns = "idx, sha256, read_at"

    package init(_ row: Statement) throws(StoreError) {
        file = try row.next()
        sha256 = try row.next()
        readAt = try row.next()
    }
}
