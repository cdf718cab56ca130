package import Torrent

/// The state of a file right after its last sync.
package struct FingerprintRow: Row, Sendable, Hashable {
    /// The ``index`` of the part file, which holds the bytes of skipped files in boundary pieces.
    package static let partFile = -1

    /// The file's index in the metainfo, from 0, or ``partFile``.
    package let index: Int
    package let print: FileFingerprint

    package init(index: Int, _ print: FileFingerprint) {
        self.index = index
        self.print = print
    }

    package static let columns = "idx, size, mtime_ns, inode, device, born_ns"

    package init(_ row: Statement) throws(StoreError) {
        index = try row.next()
        print = FileFingerprint(
            size: try row.next(), mtimeNs: try row.next(), inode: try row.next(), device: try row.next(),
            bornNs: try row.next())
    }
}
