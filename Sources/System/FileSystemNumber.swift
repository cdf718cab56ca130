import CLinux
package import SystemPackage

/// The number of a kind of file system: `f_type` of statfs(2).
package struct FileSystemNumber: Hashable, Sendable {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// The file system of an open file.
    package init(of descriptor: Int32) throws(Errno) {
        self.init(UInt32(truncatingIfNeeded: try retrying { clinux_file_system(descriptor) }))
    }

    /// The file system of a path; `nil` where the system doesn't tell.
    package init?(at path: FilePath) {
        let number = path.withPlatformString { clinux_file_system_at($0) }
        guard number != -1 else { return nil }
        self.init(UInt32(truncatingIfNeeded: number))
    }

    package static let ext4 = FileSystemNumber(0xef53)
    package static let xfs = FileSystemNumber(0x5846_5342)
    package static let f2fs = FileSystemNumber(0xf2f5_2010)
    package static let tmpfs = FileSystemNumber(0x0102_1994)
    /// A place where an automounter mounts a file system when it is first used.
    package static let automount = FileSystemNumber(0x0187)
}
