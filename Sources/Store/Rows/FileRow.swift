/// What is remembered of a file. A file with nothing to remember has no row.
package struct FileRow: Row, Sendable, Hashable {
    /// The file's index in the metainfo, from 0, or ``FingerprintRow/partFile``.
    package let index: Int
    package let isWanted: Bool
    package let completedBytes: Int64

    package static let columns = "idx, wanted, completed_bytes"

    package init(_ row: Statement) throws(StoreError) {
        index = try row.next()
        isWanted = try row.next()
        completedBytes = try row.nextBytes()
    }
}
