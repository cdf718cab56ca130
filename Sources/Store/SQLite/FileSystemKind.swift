import System
package import SystemPackage
import Torrent

/// The kind of file system that holds a database. SQLite's WAL mode needs memory that all readers and writers share,
/// which only local file systems provide (sqlite.org/wal.html, section 1).
package struct FileSystemKind: Hashable, Sendable {
    /// The magic number in `f_type` of statfs(2).
    package let number: UInt32

    package init(number: UInt32) { self.number = number }

    /// A local file system (ext4).
    package static let local = FileSystemKind(number: 0xef53)

    /// Asks the kernel about the file, or about its folder if the file doesn't exist. If neither can be queried, the
    /// file system counts as local, and opening the database reports the reason.
    package init(holding path: FilePath) {
        let known = FileSystemNumber(at: path) ?? FileSystemNumber(at: Folder.folder(of: path))
        number = known?.rawValue ?? 0
    }

    /// Whether other machines may have the file system mounted, or a program stands between us and the disk. The
    /// database then uses a rollback journal. (FUSE may be either; the safe mode costs it only speed.)
    package var isShared: Bool { Self.shared[number] != nil }

    /// One sentence for the log of a run; `nil` when there is nothing to warn about.
    package func warning(_ database: FilePath) -> String? {
        guard let name = Self.shared[number] else { return nil }
        return
            "\(database.text) is on a shared file system (\(name)), where SQLite's write-ahead log is not safe, so pieces uses a rollback journal: commits are "
            + "slower and commands may wait for them; keep the database on a local disk with --database"
    }

    /// From statfs(2) and linux/magic.h; Ceph, Lustre, GFS2 and VirtualBox from their own headers.
    private static let shared: [UInt32: String] = [
        0x6969: "NFS", 0x517b: "SMB", 0xff53_4d42: "CIFS", 0xfe53_4d42: "SMB2", 0x0102_1997: "9P", 0x6573_5546: "FUSE",
        0x5346_414f: "AFS",
        0x6b41_4653: "AFS", 0x7375_7245: "Coda", 0x564c: "NCP", 0x00c3_6400: "Ceph", 0x0bd0_0bd0: "Lustre",
        0x7461_636f: "OCFS2",
        0x0116_1970: "GFS2", 0x786f_4256: "VirtualBox", 0xbacb_acbc: "VMware",
    ]
}
