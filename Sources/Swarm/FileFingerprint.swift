/// Identifies the state of a payload file, as recorded in the database or as found on disk.
package struct FileFingerprint: Hashable, Sendable {
    /// The size in bytes.
    package let size: Int64
    /// The time of last modification, in nanoseconds since 1970.
    package let mtimeNs: Int64
    package let inode: UInt64

    package init(size: Int64, mtimeNs: Int64, inode: UInt64) {
        self.size = size
        self.mtimeNs = mtimeNs
        self.inode = inode
    }
}
