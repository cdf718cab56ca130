import CLinux
import Glibc
package import SystemPackage

/// System calls of Linux that Swift can't import.
package enum Linux {
    /// Opens a path to look at it or below it, without the right to read it (open(2), O_PATH).
    package static var openPath: Int32 { clinux_o_path }
    /// Transfers bypass the page cache (open(2), O_DIRECT).
    package static var direct: Int32 { clinux_o_direct }
    /// Finds data behind holes (lseek(2), SEEK_DATA).
    package static var seekData: Int32 { clinux_seek_data }
    /// Finds the end of data (lseek(2), SEEK_HOLE).
    package static var seekHole: Int32 { clinux_seek_hole }
    /// An empty path stands for the descriptor itself (statx(2), AT_EMPTY_PATH).
    package static var emptyPath: Int32 { clinux_at_empty_path }

    /// `preadv2(2)` of what is in the page cache, with `RWF_NOWAIT`.
    package static func readCached(
        _ descriptor: Int32, into buffers: [UnsafeMutableRawBufferPointer], at offset: Int64
    ) throws(Errno) -> Int {
        let vectors = buffers.map { iovec(iov_base: $0.baseAddress, iov_len: $0.count) }
        return try retrying { clinux_read_cached(descriptor, vectors, Int32(vectors.count), off_t(offset)) }
    }

    /// `preadv2(2)` past the page cache, with `RWF_DONTCACHE`. Throws `ENOTSUP` where that doesn't exist.
    package static func readUncached(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(Errno) -> Int {
        try retrying { clinux_read_uncached(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    /// Which pages of the range are in the page cache, by `mincore(2)`. The range begins and ends with a page.
    package static func resident(_ descriptor: Int32, at offset: Int64, length: Int) throws(Errno) -> [Bool] {
        let page = sysconf(Int32(_SC_PAGESIZE))
        var pages = [UInt8](repeating: 0, count: (length + page - 1) / page)
        _ = try retrying { clinux_resident(descriptor, off_t(offset), length, &pages) }
        return pages.map { $0 & 1 != 0 }
    }

    /// How urgent the calling thread's reads and writes are. Some schedulers of devices ignore it, so it is a hint.
    package enum Priority: Sendable {
        case standard
        /// After those of other threads, but not without end: best effort 7.
        case low
        /// Only while nothing else is read or written.
        case idle
    }

    /// `ioprio_set(2)` for the calling thread.
    package static func setPriority(_ priority: Priority) {
        switch priority {
        case .standard: _ = clinux_set_io_priority(0, 0)
        case .low: _ = clinux_set_io_priority(2, 7)
        case .idle: _ = clinux_set_io_priority(3, 0)
        }
    }

    /// `openat2(2)` beneath `root`, without following any link: -1 with `errno` on an error, as the call itself.
    package static func openBeneath(_ root: Int32, _ path: UnsafePointer<CChar>, flags: Int32) -> Int32 {
        clinux_open_beneath(root, path, UInt64(UInt32(bitPattern: flags)))
    }

    /// `sync_file_range(2)` with `SYNC_FILE_RANGE_WRITE`. It is only a hint: a sync reports what matters.
    package static func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64) {
        _ = clinux_start_writeback(descriptor, off_t(offset), off_t(length))
    }

    /// The time of birth by `statx(2)`, nanoseconds since 1970; `nil` where the file system doesn't record it.
    package static func birth(_ directory: Int32, _ path: UnsafePointer<CChar>, flags: Int32) -> Int64? {
        var time: Int64 = 0
        return clinux_birth(directory, path, flags, &time) == 0 ? time : nil
    }

    /// `renameat2(2)` with `RENAME_NOREPLACE`: -1 with `errno` on an error, as the call itself.
    package static func renameNew(
        _ name: UnsafePointer<CChar>, in directory: Int32, to newName: UnsafePointer<CChar>, in newDirectory: Int32
    ) -> Int32 {
        clinux_rename_new(directory, name, newDirectory, newName)
    }

    /// `ioctl_ficlone(2)`.
    package static func clone(_ from: Int32, to: Int32) throws(Errno) {
        _ = try retrying { clinux_clone(from, to) }
    }

    /// `copy_file_range(2)`, from and to the same offset.
    package static func copyRange(_ from: Int32, to: Int32, at offset: Int64, length: Int) throws(Errno) -> Int {
        try retrying { clinux_copy_range(from, to, off_t(offset), length) }
    }

    /// `syncfs(2)`.
    package static func syncVolume(_ descriptor: Int32) throws(Errno) {
        _ = try retrying { clinux_sync_volume(descriptor) }
    }

    /// The UUID of the descriptor's file system (linux/fs.h, `FS_IOC_GETFSUUID`, since Linux 6.9); `nil` if the kernel
    /// or the file system doesn't tell it.
    package static func fileSystemUUID(_ descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let length = Int(clinux_file_system_uuid(descriptor, &bytes))
        guard length > 0, length <= bytes.count, bytes.contains(where: { $0 != 0 }) else { return nil }
        return Array(bytes.prefix(length))
    }

    /// `posix_fallocate(3)` from the beginning of the file.
    package static func allocate(_ descriptor: Int32, length: Int64) throws(Errno) {
        try retryingNumbered { posix_fallocate(descriptor, 0, off_t(length)) }
    }

    /// The kernel's release, such as `6.1.0-18-amd64` (uname(2)).
    package static let release: String = {
        var names = utsname()
        // It fails only for an address that isn't the process's (uname(2)).
        guard uname(&names) == 0 else { return "of unknown version" }
        return withUnsafeBytes(of: names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }()

    /// Whether `syncfs` reports that a page could not be written: since Linux 5.8 (syncfs(2)).
    package static let reportsVolumeErrors: Bool = {
        let numbers = release.split(maxSplits: 2) { !$0.isASCII || !$0.isWholeNumber }.prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 8)
    }()

    /// Lets all threads allocate in one arena. Where an engine allocates much, only one of its threads does so at a
    /// time: no CPU time could be measured for waiting.
    package static func useOneArena() { clinux_use_one_arena() }
}
