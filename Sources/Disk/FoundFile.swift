package import Torrent

/// A payload file as it is on the disk.
package struct FoundFile: Hashable, Sendable {
    package let file: PayloadFile
    package let print: FileFingerprint
    /// When the file's content or metadata last changed, in nanoseconds since 1970.
    package let changedNs: Int64

    package init(_ file: PayloadFile, _ print: FileFingerprint, changedNs: Int64? = nil) {
        self.file = file
        self.print = print
        self.changedNs = changedNs ?? print.mtimeNs
    }

    init(_ file: PayloadFile, _ status: FileStatus, bornNs: Int64?) {
        self.init(
            file,
            FileFingerprint(
                size: status.size, mtimeNs: status.modified, inode: status.identity.inode,
                device: status.identity.device, bornNs: bornNs), changedNs: status.changed)
    }

    package var identity: FileIdentity { FileIdentity(device: print.device, inode: print.inode) }

    /// Whether the status is of the file as it was, wherever its disk is attached.
    func isOf(_ status: FileStatus) -> Bool {
        print.inode == status.identity.inode && print.size == status.size && print.mtimeNs == status.modified
    }
}
