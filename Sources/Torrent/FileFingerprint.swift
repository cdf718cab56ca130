/// Identifies the state of a payload file: as recorded after its last sync, or as found on the disk.
package struct FileFingerprint: Hashable, Sendable {
    /// The size in bytes.
    package let size: Int64
    /// The time of last modification, in nanoseconds since 1970.
    package let mtimeNs: Int64
    package let inode: UInt64
    /// The number of the file system. It may change at each start of the machine.
    package let device: UInt64
    /// When the file was created, in nanoseconds since 1970; `nil` when unknown. It distinguishes two files with the
    /// same inode, and doesn't show whether a file changed.
    package let bornNs: Int64?

    package init(size: Int64, mtimeNs: Int64, inode: UInt64, device: UInt64, bornNs: Int64? = nil) {
        self.size = size
        self.mtimeNs = mtimeNs
        self.inode = inode
        self.device = device
        self.bornNs = bornNs
    }

    /// Whether all but the creation time is the same.
    package static func == (a: Self, b: Self) -> Bool { a.isUnchanged(since: b) && a.device == b.device }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(mtimeNs)
        hasher.combine(inode)
    }

    /// Whether both are of one file that was not changed in between, wherever its disk is attached.
    package func isUnchanged(since other: Self) -> Bool {
        size == other.size && mtimeNs == other.mtimeNs && inode == other.inode
    }

    /// Whether both are fingerprints of the same file, changed or not.
    package func isSameFile(as other: Self) -> Bool {
        guard inode == other.inode else { return false }
        guard let bornNs, let otherBirth = other.bornNs else { return true }
        return bornNs == otherBirth
    }
}
