/// The state of a file right after its last sync.
package struct FingerprintRow: Row, Sendable, Hashable {
    /// The ``index`` of the part file, which holds the bytes of skipped files in boundary pieces.
    package static let partFile = -1

    /// The file's index in the metainfo, from 0, or ``partFile``.
    package let index: Int
    package let size: Int64
    package let mtimeNs: Int64
    /// The bit pattern of the system's unsigned number.
    package let inode: Int64
    /// The bit pattern of the system's unsigned number.
    package let device: Int64
    /// When the file was created, in nanoseconds since 1970; `nil` when unknown. It distinguishes two files with the
    /// same inode, and doesn't show whether a file changed.
    package let bornNs: Int64?

    package init(index: Int, size: Int64, mtimeNs: Int64, inode: Int64, device: Int64, bornNs: Int64? = nil) {
        self.bornNs = bornNs
        self.index = index
        self.size = size
        self.mtimeNs = mtimeNs
        self.inode = inode
        self.device = device
    }

    package static let columns = "idx, size, mtime_ns, inode, device, born_ns"

    package init(_ row: Statement) throws(StoreError) {
        index = try row.next()
        size = try row.next()
        mtimeNs = try row.next()
        inode = try row.next()
        device = try row.next()
        bornNs = try row.next()
    }

    /// Whether the file is unchanged: the creation time is not compared.
    package static func == (a: Self, b: Self) -> Bool {
        (a.index, a.size, a.mtimeNs, a.inode, a.device) == (b.index, b.size, b.mtimeNs, b.inode, b.device)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(index)
        hasher.combine(mtimeNs)
        hasher.combine(inode)
    }

    /// Whether both are fingerprints of the same file, changed or not.
    package func isSameFile(as other: Self) -> Bool {
        guard inode == other.inode else { return false }
        guard let bornNs, let otherBirth = other.bornNs else { return true }
        return bornNs == otherBirth
    }
}
