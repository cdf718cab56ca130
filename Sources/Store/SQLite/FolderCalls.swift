import Glibc
import System
package import SystemPackage
package import Torrent

/// The system calls that change names in the database's folder outside SQLite. Tests replace them with a recorded disk.
package protocol FolderCalls: Sendable {
    /// Renames the file and replaces an existing file of the new name (rename(2)).
    func rename(_ old: FilePath, to new: FilePath) throws(Errno)
    /// Removes the file's name (unlink(2)).
    func remove(_ file: FilePath) throws(Errno)
    /// Sets the file's modification time (utimensat(2)), which ``syncFile(_:)`` makes durable.
    func setTime(_ file: FilePath, to moment: Timestamp) throws(Errno)
    /// Makes the data, the size and the times of a file durable (fsync(2)).
    func syncFile(_ file: FilePath) throws(Errno)
    /// Makes the names in the folder durable (fsync(2)).
    func syncFolder(_ folder: FilePath) throws(Errno)
}

/// The machine's own system calls.
package struct SystemFolderCalls: FolderCalls {
    package init() {}

    package func rename(_ old: FilePath, to new: FilePath) throws(Errno) {
        try check(old.withPlatformString { old in new.withPlatformString { Glibc.rename(old, $0) } })
    }

    package func remove(_ file: FilePath) throws(Errno) { try check(file.withPlatformString { unlink($0) }) }

    package func setTime(_ file: FilePath, to moment: Timestamp) throws(Errno) {
        let times = [
            timespec(tv_sec: Int(moment.rawValue), tv_nsec: 0), timespec(tv_sec: Int(moment.rawValue), tv_nsec: 0),
        ]
        try check(file.withPlatformString { utimensat(AT_FDCWD, $0, times, 0) })
    }

    package func syncFile(_ file: FilePath) throws(Errno) { try sync(file, O_RDONLY) }
    package func syncFolder(_ folder: FilePath) throws(Errno) { try sync(folder, O_RDONLY | O_DIRECTORY) }

    private func sync(_ path: FilePath, _ flags: Int32) throws(Errno) {
        let descriptor = try retrying { path.withPlatformString { Glibc.open($0, flags | O_CLOEXEC) } }
        // Nothing was written through the descriptor.
        defer { Glibc.close(descriptor) }
        do throws(Errno) {
            _ = try retrying { fsync(descriptor) }
        } catch {
            // If the file system has no fsync for folders (EINVAL, fsync(2)), it keeps names in its own way.
            guard error == .invalidArgument else { throw error }
        }
    }

    private func check(_ result: Int32) throws(Errno) {
        guard result >= 0 else { throw Errno(rawValue: errno) }
    }
}
