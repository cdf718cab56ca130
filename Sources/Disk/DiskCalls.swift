package import System
package import SystemPackage

/// Every system call of this room. Tests replace it with a faulty disk, or record the order of operations.
///
/// Each call retries `EINTR` itself. Reads and writes may be short; the callers loop. Names and paths given as strings
/// are ``PathText``.
package protocol DiskCalls: Sendable {
    /// Opens a path that the user gave; links in it are followed.
    func open(_ path: FilePath, flags: Int32) throws(Errno) -> Int32
    /// Opens `path` without leaving `root` and without following a link: `openat2` with
    /// `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS`.
    func open(_ path: String, beneath root: Int32, flags: Int32) throws(Errno) -> Int32
    /// Opens a single name in a directory.
    func open(_ name: String, in directory: Int32, flags: Int32) throws(Errno) -> Int32
    func close(_ descriptor: Int32) throws(Errno)

    func makeDirectory(_ path: FilePath) throws(Errno)
    func makeDirectory(_ name: String, in directory: Int32) throws(Errno)
    func removeFile(_ name: String, in directory: Int32) throws(Errno)
    func removeDirectory(_ name: String, in directory: Int32) throws(Errno)

    /// Gives a file a second name: `linkat`. Fails if the new name exists.
    func link(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno)
    /// Moves a file to a name that doesn't exist yet: `renameat2(RENAME_NOREPLACE)`.
    func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno)
    /// Lets the empty file `to` share all blocks of `from`: `ioctl(FICLONE)`.
    func clone(_ from: Int32, to: Int32) throws(Errno)
    /// Copies bytes within the kernel, to the offset where they were: `copy_file_range`.
    func copyRange(_ from: Int32, to: Int32, at offset: Int64, length: Int) throws(Errno) -> Int
    /// The end of the data that contains `offset`: `lseek(SEEK_HOLE)`.
    func nextHole(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64
    /// Gives `to` the permission bits and the times of `from`.
    func copyAttributes(_ from: Int32, to: Int32) throws(Errno)

    /// `pread`; 0 at the end of the file.
    func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int
    /// Fills the buffers in order from the page cache: `preadv2(RWF_NOWAIT)`. Throws if the cache doesn't hold all of
    /// the bytes, or the file system can't tell.
    func readCached(_ descriptor: Int32, into buffers: [UnsafeMutableRawBufferPointer], at offset: Int64) throws(Errno)
        -> Int
    /// The bytes where the page cache has them; `nil` if it doesn't hold all of them, or can't tell.
    func mapCached(_ descriptor: Int32, at offset: Int64, length: Int) -> CachedRange?
    /// `pwrite`.
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Errno) -> Int
    func truncate(_ descriptor: Int32, to length: Int64) throws(Errno)
    /// Reserves the blocks of the first `length` bytes.
    func allocate(_ descriptor: Int32, length: Int64) throws(Errno)
    /// Starts to write dirty pages without waiting for them: `sync_file_range(SYNC_FILE_RANGE_WRITE)`. A hint without
    /// guarantees.
    func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64)
    /// Starts to read ahead: `posix_fadvise(POSIX_FADV_WILLNEED)`. A hint without guarantees.
    func readAhead(_ descriptor: Int32, at offset: Int64, length: Int64)
    /// Drops the clean cached pages of the whole file: `posix_fadvise(POSIX_FADV_DONTNEED)`. A hint without guarantees.
    func dropCache(_ descriptor: Int32)
    /// Opens the file of a writable descriptor a second time, for aligned writes with direct I/O (`O_DIRECT`, open(2)).
    /// Throws `ENOTSUP` where direct I/O gains nothing or can't be trusted.
    func openDirect(_ descriptor: Int32) throws(Errno) -> Int32
    /// Opens the file of a descriptor a second time, for aligned reads with direct I/O (`O_DIRECT`, open(2)).
    func openDirectToRead(_ descriptor: Int32) throws(Errno) -> Int32
    /// Reads without leaving anything in the page cache that wasn't there: `preadv2(RWF_DONTCACHE)`. Throws `ENOTSUP`
    /// where that doesn't exist.
    func readUncached(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno)
        -> Int
    /// Which pages of the range are in the page cache; `nil` if the system doesn't tell. The range begins with a page.
    func resident(_ descriptor: Int32, at offset: Int64, length: Int) -> [Bool]?
    /// Drops the clean cached pages of the range: `posix_fadvise(POSIX_FADV_DONTNEED)`. A hint without guarantees.
    func dropCache(_ descriptor: Int32, at offset: Int64, length: Int64)
    /// `fdatasync`.
    func syncData(_ descriptor: Int32) throws(Errno)
    /// Makes everything durable that was written to the descriptor's file system, in whichever file: `syncfs`. Throws
    /// if any such write failed since the descriptor was opened, whoever made it, and throws `ENOTSUP` where the system
    /// wouldn't report that.
    func syncVolume(_ descriptor: Int32) throws(Errno)
    /// `fsync`: for directories, and for files whose times have to be durable, too.
    func syncDirectory(_ descriptor: Int32) throws(Errno)

    /// The offset of the first data at or after `offset`, `nil` where only a hole follows: `lseek(SEEK_DATA)`. It moves
    /// the descriptor's position, which nothing here uses.
    func nextData(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64?

    func status(_ descriptor: Int32) throws(Errno) -> FileStatus
    /// The status of one name of a directory; a link is not followed.
    func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus
    /// When the file was created, in nanoseconds since 1970: `statx(STATX_BTIME)`. `nil` if the file system doesn't
    /// record it.
    func birth(_ descriptor: Int32) -> Int64?
    func birth(of name: String, in directory: Int32) -> Int64?
    /// Whether the process may create, rename and remove names in the folder: `faccessat(W_OK | X_OK, AT_EACCESS)`.
    func mayWrite(_ folder: FilePath) throws(Errno) -> Bool
    /// Bytes that an unprivileged user may still write to the descriptor's file system.
    func freeBytes(_ descriptor: Int32) throws(Errno) -> Int64
    /// Whether the descriptor's file system is mounted read-only: `fstatvfs`, `ST_RDONLY`.
    func isReadOnly(_ descriptor: Int32) throws(Errno) -> Bool
}

extension DiskCalls {
    // The defaults, for implementations without a page cache.
    package func readCached(_ descriptor: Int32, into buffers: [UnsafeMutableRawBufferPointer], at offset: Int64)
        throws(Errno) -> Int
    {
        throw .notSupported
    }

    package func mapCached(_ descriptor: Int32, at offset: Int64, length: Int) -> CachedRange? { nil }

    package func isReadOnly(_ descriptor: Int32) throws(Errno) -> Bool { false }

    package func birth(_ descriptor: Int32) -> Int64? { nil }
    package func birth(of name: String, in directory: Int32) -> Int64? { nil }

    // The defaults of what only a scrub needs: without them, it reads through the page cache.
    package func openDirectToRead(_ descriptor: Int32) throws(Errno) -> Int32 { throw .notSupported }

    package func readUncached(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64)
        throws(Errno) -> Int
    {
        throw .notSupported
    }

    package func resident(_ descriptor: Int32, at offset: Int64, length: Int) -> [Bool]? { nil }
    package func dropCache(_ descriptor: Int32, at offset: Int64, length: Int64) {}

    // The defaults of what only a move needs: without them, a move reads and writes.
    package func link(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
        throw .notSupported
    }

    package func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
        throw .notSupported
    }

    package func clone(_ from: Int32, to: Int32) throws(Errno) { throw .notSupported }

    package func copyRange(_ from: Int32, to: Int32, at offset: Int64, length: Int) throws(Errno) -> Int {
        throw .notSupported
    }

    package func nextHole(_ descriptor: Int32, from offset: Int64) throws(Errno) -> Int64 { throw .notSupported }
    package func copyAttributes(_ from: Int32, to: Int32) throws(Errno) {}

    /// The default: each file has to be synced by itself.
    package func syncVolume(_ descriptor: Int32) throws(Errno) { throw .notSupported }

    /// Closes a descriptor that nothing was written through, so that the result can't report lost data.
    package func closeUnwritten(_ descriptor: Int32) {
        do {
            try close(descriptor)
        } catch {
            assert(error != .badFileDescriptor, "a descriptor was closed twice")
        }
    }
}

/// The fields of `fstat` that this room needs.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Sendable { case regular, directory, symbolicLink, other }

    package let kind: Kind
    package let size: Int64
    /// Bytes that have blocks on the disk.
    package let allocated: Int64
    /// Nanoseconds since 1970.
    package let modified: Int64
    /// When the file's content or metadata last changed, in nanoseconds since 1970. Unlike ``modified``, no program can
    /// set it back.
    package let changed: Int64
    package let identity: FileIdentity

    /// `changed` defaults to `modified`.
    package init(
        kind: Kind, size: Int64, allocated: Int64, modified: Int64, changed: Int64? = nil, identity: FileIdentity
    ) {
        self.kind = kind
        self.size = size
        self.allocated = allocated
        self.modified = modified
        self.changed = changed ?? modified
        self.identity = identity
    }
}

/// Identifies one file among all files of a running machine.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}
