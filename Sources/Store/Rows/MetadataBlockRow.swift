package import Torrent

/// A stored block of metadata, without its bytes.
package struct MetadataBlockRow: Row, Sendable, Hashable {
    /// The size in bytes of the whole metadata, as the sender claimed it.
    package let size: Int
    /// The block's index, in blocks of 16 KiB.
    package let index: Int
    package let sender: PeerAddress

    package static let columns = "size, idx, sender"

    package init(_ row: Statement) throws(StoreError) {
        size = try row.nextCount()
        index = try row.nextCount()
        sender = try row.next()
    }
}
