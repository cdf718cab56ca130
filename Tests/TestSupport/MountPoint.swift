import Foundation
import Glibc
package import SystemPackage
import Testing

/// An output folder that is a mount point, as far as a program can tell: a link that leads to a folder on another disk
/// while that is mounted, and else to the empty folder that it covers. So tests need no right to mount anything.
package struct MountPoint: Sendable {
    package let path: FilePath
    /// What is seen while the disk is mounted: a folder in memory (shm_overview(7)).
    package let disk: FilePath
    /// What is seen when it is not: a folder on the disk of the test.
    package let below: FilePath

    /// Runs `body` with a disk that is mounted.
    package static func with<Value>(
        at path: FilePath, isolation: isolated (any Actor)? = #isolation, _ body: (MountPoint) async throws -> Value
    ) async throws -> Value {
        try await withTemporaryFolder(inMemory: true) { disk in
            let point = MountPoint(path: path, disk: disk, below: path.removingLastComponent().appending("below"))
            try Files.makeFolders(point.below)
            try #require(
                try Files.status(disk).st_dev != Files.status(point.below).st_dev,
                "\(disk) and \(point.below) have to be on two disks: give TMPDIR a folder that is not in memory")
            try point.mount()
            return try await body(point)
        }
    }

    package func mount() throws { try lead(to: disk) }
    package func unmount() throws { try lead(to: below) }

    /// Has the path lead somewhere else, without a moment in which nothing is there.
    package func lead(to target: FilePath) throws {
        let next = path.removingLastComponent().appending("next-\(UUID().uuidString)")
        try Files.link(next, to: target)
        guard rename(next.string, path.string) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Everything that was written where the disk was not mounted.
    package var litter: [String] { get throws { try Files.names(in: below) } }
}

/// Mounts a file system in memory while `body` runs. Where the process may not mount, the test is cancelled, visibly;
/// where `CI` is set it fails.
package func withMountedMemory<Value>(
    at path: FilePath, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
) async throws -> Value {
    try Files.makeFolders(path)
    guard mount("tmpfs", path.string, "tmpfs", 0, "size=64m") == 0 else {
        let reason = Errno(rawValue: errno)
        let sentence = "no file system can be mounted here (\(reason)): run the test as root"
        guard ProcessInfo.processInfo.environment["CI"] == nil else {
            Issue.record("\(sentence)")
            throw reason
        }
        try Test.cancel("\(sentence)")
    }
    let result = await Result { try await body() }
    // The body may have unmounted it.
    if umount2(path.string, Int32(MNT_DETACH)) != 0, errno != EINVAL { throw Errno(rawValue: errno) }
    return try result.get()
}

/// Takes the file system away as `umount --lazy` does: open files of it stay open.
package func unmountLazily(_ path: FilePath) throws {
    guard umount2(path.string, Int32(MNT_DETACH)) == 0 else { throw Errno(rawValue: errno) }
}
