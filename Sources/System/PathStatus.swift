import Glibc
package import SystemPackage

/// What stands at a path (stat(2)).
package struct PathStatus: Sendable {
    /// A link only where links weren't followed.
    package enum Kind: Sendable { case file, folder, link, other }

    /// What two paths to one file or folder have in common.
    package struct Identity: Hashable, Sendable {
        package let device: UInt64
        let inode: UInt64
    }

    package let kind: Kind
    package let identity: Identity
    package let size: Int64
    /// Whether the owner may run the file.
    package let isExecutable: Bool
    /// The last change of the content, in whole seconds since 1970.
    package let modified: Int64
    /// The same in nanoseconds.
    package let modifiedNs: Int64

    /// The status of an open file.
    package init(of file: FileDescriptor) throws(Errno) {
        var status = stat()
        _ = try retrying { fstat(file.rawValue, &status) }
        self.init(status)
    }

    init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .link
            default: .other
            }
        identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        size = Int64(status.st_size)
        isExecutable = status.st_mode & S_IXUSR != 0
        modified = Int64(status.st_mtim.tv_sec)
        modifiedNs = modified * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }
}

extension FileDescriptor {
    /// Makes the file's data, size and times durable (fsync(2)).
    package func sync() throws(Errno) { _ = try retrying { fsync(rawValue) } }
}
