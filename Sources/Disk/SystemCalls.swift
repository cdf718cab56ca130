import Glibc
package import System
package import SystemPackage
import Torrent

/// The system calls of Linux.
package struct SystemCalls: DiskCalls {
    /// Permission bits of new files and folders, before the umask.
    private static let fileMode: mode_t = 0o666
    private static let directoryMode: mode_t = 0o777

    package init() {}

    package func open(_ path: FilePath, flags: Int32) throws(Errno) -> Int32 {
        try retrying { path.withPlatformString { Glibc.open($0, flags | O_CLOEXEC) } }
    }

    package func open(_ path: String, beneath root: Int32, flags: Int32) throws(Errno) -> Int32 {
        try retrying { PathText.withCString(path) { Linux.openBeneath(root, $0, flags: flags | O_CLOEXEC) } }
    }

    package func open(_ name: String, in directory: Int32, flags: Int32) throws(Errno) -> Int32 {
        try retrying { PathText.withCString(name) { openat(directory, $0, flags | O_CLOEXEC, Self.fileMode) } }
    }

    package func close(_ descriptor: Int32) throws(Errno) {
        // Linux frees the descriptor before close can be interrupted, so a second close could hit another file
        // (close(2)).
        if Glibc.close(descriptor) != 0, errno != EINTR { throw Errno(rawValue: errno) }
    }

    package func makeDirectory(_ path: FilePath) throws(Errno) {
        _ = try retrying { path.withPlatformString { mkdir($0, Self.directoryMode) } }
    }

    package func makeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        _ = try retrying { PathText.withCString(name) { mkdirat(directory, $0, Self.directoryMode) } }
    }

    package func removeFile(_ name: String, in directory: Int32) throws(Errno) {
        _ = try retrying { PathText.withCString(name) { unlinkat(directory, $0, 0) } }
    }

    package func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
        _ = try retrying { PathText.withCString(name) { unlinkat(directory, $0, AT_REMOVEDIR) } }
    }

    package func link(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
        _ = try retrying {
            PathText.withCString(name) { name in
                PathText.withCString(newName) { linkat(directory, name, newDirectory, $0, 0) }
            }
        }
    }

    package func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
        do throws(Errno) {
            _ = try retrying {
                PathText.withCString(name) { name in
                    PathText.withCString(newName) { Linux.renameNew(name, in: directory, to: $0, in: newDirectory) }
                }
            }
        } catch  where error == .invalidArgument || error == .noFunction {
            // The file system has no such flag (renameat2(2)).
            do throws(Errno) {
                _ = try status(of: newName, in: newDirectory)
                throw Errno.fileExists
            } catch .noSuchFileOrDirectory {
                _ = try retrying {
                    PathText.withCString(name) { name in
                        PathText.withCString(newName) { renameat(directory, name, newDirectory, $0) }
                    }
                }
            }
        }
    }

    package func clone(_ from: Int32, to: Int32) throws(Errno) { try Linux.clone(from, to: to) }

    package func copyRange(_ from: Int32, to: Int32, at offset: Int64, length: Int) throws(Errno) -> Int {
        try Linux.copyRange(from, to: to, at: offset, length: length)
    }

    package func nextHole(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64 {
        Int64(try retrying { lseek(descriptor, off_t(offset), Linux.seekHole) })
    }

    package func copyAttributes(_ from: Int32, to: Int32) throws(Errno) {
        var status = stat()
        _ = try retrying { fstat(from, &status) }
        // A file system without permission bits refuses to change them, which changes nothing about the bytes.
        if fchmod(to, status.st_mode & 0o777) != 0, errno == EIO { throw Errno(rawValue: errno) }
        let times = [status.st_atim, status.st_mtim]
        _ = try retrying { futimens(to, times) }
    }

    package func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno)
        -> Int
    {
        try retrying { pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    package func readCached(_ descriptor: Int32, into buffers: [UnsafeMutableRawBufferPointer], at offset: Int64)
        throws(Errno) -> Int
    {
        try Linux.readCached(descriptor, into: buffers, at: offset)
    }

    package func mapCached(_ descriptor: Int32, at offset: Int64, length: Int) -> CachedRange? {
        CachedRange(descriptor, at: offset, length: length)
    }

    package func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        try retrying { pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset)) }
    }

    package func truncate(_ descriptor: Int32, to length: Int64) throws(Errno) {
        _ = try retrying { ftruncate(descriptor, off_t(length)) }
    }

    package func allocate(_ descriptor: Int32, length: Int64) throws(Errno) {
        // Where the file system can't reserve blocks, this writes to every block.
        try Linux.allocate(descriptor, length: length)
    }

    package func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64) {
        Linux.startWriteback(descriptor, at: offset, length: length)
    }

    package func readAhead(_ descriptor: Int32, at offset: Int64, length: Int64) {
        _ = posix_fadvise(descriptor, off_t(offset), off_t(length), POSIX_FADV_WILLNEED)
    }

    package func dropCache(_ descriptor: Int32) {
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    }

    /// Local file systems that write aligned blocks straight to the device, by their magic numbers in statfs(2).
    private static let directKinds: Set<FileSystemNumber> = [.ext4, .xfs, .f2fs]

    package func openDirect(_ descriptor: Int32) throws(Errno) -> Int32 {
        guard Self.directKinds.contains(try FileSystemNumber(of: descriptor)) else { throw .notSupported }
        // Opened through the descriptor and not by a path, where another file may be by now (proc_pid_fd(5)).
        return try retrying {
            Glibc.open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_CLOEXEC | Linux.direct)
        }
    }

    package func openDirectToRead(_ descriptor: Int32) throws(Errno) -> Int32 {
        try retrying {
            Glibc.open("/proc/self/fd/\(descriptor)", O_RDONLY | O_NONBLOCK | O_CLOEXEC | Linux.direct)
        }
    }

    package func readUncached(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64)
        throws(Errno) -> Int
    {
        try Linux.readUncached(descriptor, into: buffer, at: offset)
    }

    package func resident(_ descriptor: Int32, at offset: Int64, length: Int) -> [Bool]? {
        do { return try Linux.resident(descriptor, at: offset, length: length) } catch { return nil }
    }

    package func dropCache(_ descriptor: Int32, at offset: Int64, length: Int64) {
        _ = posix_fadvise(descriptor, off_t(offset), off_t(length), POSIX_FADV_DONTNEED)
    }

    package func syncData(_ descriptor: Int32) throws(Errno) {
        _ = try retrying { fdatasync(descriptor) }
    }

    /// File systems whose syncfs(2) gives the guarantee of fsync(2) for every file, by their magic numbers in
    /// statfs(2). F2FS isn't one of them: after an error has stopped it, it has nothing to sync and reports success
    /// (`f2fs_sync_fs`).
    private static let volumeKinds: Set<FileSystemNumber> = [.ext4, .xfs, .tmpfs]

    package func syncVolume(_ descriptor: Int32) throws(Errno) {
        guard Linux.reportsVolumeErrors, Self.volumeKinds.contains(try FileSystemNumber(of: descriptor)) else {
            throw .notSupported
        }
        try Linux.syncVolume(descriptor)
    }

    package func syncDirectory(_ descriptor: Int32) throws(Errno) {
        _ = try retrying { fsync(descriptor) }
    }

    package func nextData(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64? {
        do {
            return Int64(try retrying { lseek(descriptor, off_t(offset), Linux.seekData) })
        } catch Errno(rawValue: ENXIO) {
            return nil
        }
    }

    package func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
        var status = stat()
        _ = try retrying { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    package func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
        var status = stat()
        _ = try retrying { PathText.withCString(name) { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) } }
        return FileStatus(status)
    }

    package func birth(_ descriptor: Int32) -> Int64? { Linux.birth(descriptor, "", flags: Linux.emptyPath) }
    package func birth(of name: String, in directory: Int32) -> Int64? {
        PathText.withCString(name) { Linux.birth(directory, $0, flags: AT_SYMLINK_NOFOLLOW) }
    }

    package func mayWrite(_ folder: FilePath) throws(Errno) -> Bool {
        do {
            _ = try retrying { folder.withPlatformString { faccessat(AT_FDCWD, $0, W_OK | X_OK, AT_EACCESS) } }
            return true
        } catch .permissionDenied {
            return false
        } catch .readOnlyFileSystem {
            return false
        }
    }

    package func freeBytes(_ descriptor: Int32) throws(Errno) -> Int64 {
        var status = statvfs()
        _ = try retrying { fstatvfs(descriptor, &status) }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : Int64(clamping: bytes)
    }

    package func isReadOnly(_ descriptor: Int32) throws(Errno) -> Bool {
        var status = statvfs()
        _ = try retrying { fstatvfs(descriptor, &status) }
        return status.f_flag & UInt(ST_RDONLY) != 0
    }
}

extension FileStatus {
    init(_ status: stat) {
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        // st_blocks counts units of 512 bytes whatever the file system's block size is (stat(3type)). The product wraps
        // only for a file larger than any disk.
        self.init(
            kind: kind, size: Int64(status.st_size), allocated: Int64(status.st_blocks) &* 512,
            modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec),
            changed: Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec),
            identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
    }
}
