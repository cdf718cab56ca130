/// What is remembered of one file's ownership.
package struct OwnershipRow: Row, Sendable, Hashable {
    /// The file's index in the metainfo, from 0, or ``FingerprintRow/partFile``.
    package let index: Int
    /// The torrent was about to create the file, or was allowed to overwrite it.
    package let isMade: Bool
    /// The torrent only reads the file, which another torrent writes.
    package let isShared: Bool

    package static let columns = "idx, made, shared"

    package init(_ row: Statement) throws(StoreError) {
        index = try row.next()
        isMade = try row.next()
        isShared = try row.next()
    }
}
