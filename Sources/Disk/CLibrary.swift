import Glibc
import SystemPackage
import Torrent

/// What the C library has and Swift doesn't import: functions and names that its headers show under `_GNU_SOURCE`
/// alone, and variadic functions.
///
/// They are looked up by name when first used. In a program without a dynamic C library they aren't found, and each
/// caller does without.
enum CLibrary {
    /// Opens a path to look at it or below it, without the right to read it (open(2)).
    static let openPath: Int32 = 0o10_000_000

    /// Transfers go past the page cache (open(2)).
    static var direct: Int32 {
        #if arch(arm64) || arch(arm)
            0o200_000
        #else
            0o40_000
        #endif
    }

    /// Finds data behind holes (lseek(2), SEEK_DATA).
    static let seekData: Int32 = 3

    /// An empty path stands for the descriptor itself (statx(2), AT_EMPTY_PATH).
    static let emptyPath: Int32 = 0x1000

    private typealias SystemCall = @convention(c) (Int, Int, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
    private typealias SyncFileRange = @convention(c) (Int32, off_t, off_t, UInt32) -> Int32
    private typealias SetThreadName = @convention(c) (pthread_t, UnsafePointer<CChar>) -> Int32

    /// `syscall(2)` is variadic. On Linux such a function takes integers and pointers like any other,
    /// so that it can be called as one of fixed arguments.
    private static let systemCall = dlsym(nil, "syscall").map { unsafeBitCast($0, to: SystemCall.self) }
    private static let syncFileRange = dlsym(nil, "sync_file_range").map { unsafeBitCast($0, to: SyncFileRange.self) }
    private static let setThreadName = dlsym(nil, "pthread_setname_np").map {
        unsafeBitCast($0, to: SetThreadName.self)
    }

    private typealias ReadVector = @convention(c) (Int32, UnsafePointer<iovec>, Int32, off_t, Int32) -> Int
    private static let readVector = dlsym(nil, "preadv2").map { unsafeBitCast($0, to: ReadVector.self) }
    /// Only what takes no wait (readv(2), RWF_NOWAIT).
    private static let withoutWaiting: Int32 = 8

    /// `preadv2(2)` of what is in the page cache.
    static func readCached(_ descriptor: Int32, into buffers: [UnsafeMutableRawBufferPointer], at offset: Int64)
        throws(Errno) -> Int
    {
        guard let readVector else { throw .noFunction }
        let vectors = buffers.map { iovec(iov_base: $0.baseAddress, iov_len: $0.count) }
        return try retrying { readVector(descriptor, vectors, Int32(vectors.count), off_t(offset), withoutWaiting) }
    }

    private typealias FileSystemStatus = @convention(c) (Int32, UnsafeMutableRawPointer) -> Int32
    private static let fileSystemStatus = dlsym(nil, "fstatfs").map { unsafeBitCast($0, to: FileSystemStatus.self) }
    /// Bytes that hold a `struct statfs` on every architecture.
    private static let fileSystemStatusRoom = 256

    /// The number of the kind of file system (`f_type`, fstatfs(2)): the first word of what is answered.
    static func fileSystemKind(_ descriptor: Int32) throws(Errno) -> Int {
        guard let fileSystemStatus else { throw .noFunction }
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: fileSystemStatusRoom, alignment: 16)
        defer { room.deallocate() }
        _ = try retrying { fileSystemStatus(descriptor, room.baseAddress!) }
        return room.load(as: Int.self)
    }

    /// `struct open_how` of `linux/openat2.h`.
    private struct OpenHow {
        var flags: UInt64
        var mode: UInt64 = 0
        var resolve: UInt64
    }

    /// `openat2(2)`, for which the C library has no function at all: beneath `root`, without following any link.
    static func openBeneath(_ root: Int32, _ path: String, flags: Int32) throws(Errno) -> Int32 {
        // The same number on every architecture (the kernel's unistd.h).
        let callNumber = 437
        // RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
        let resolve: UInt64 = 0x08 | 0x04 | 0x02
        guard let systemCall else { throw .noFunction }
        var how = OpenHow(flags: UInt64(UInt32(bitPattern: flags)), resolve: resolve)
        let result = try retrying {
            withUnsafeMutableBytes(of: &how) { how in
                PathText.withCString(path) { systemCall(callNumber, Int(root), $0, how.baseAddress!, how.count) }
            }
        }
        return Int32(truncatingIfNeeded: result)
    }

    /// `sync_file_range(2)` with `SYNC_FILE_RANGE_WRITE`: only a hint, so that its answer says nothing that a sync
    /// wouldn't.
    static func startWriteback(_ descriptor: Int32, at offset: Int64, length: Int64) {
        _ = syncFileRange?(descriptor, off_t(offset), off_t(length), 2)
    }

    private typealias ExtendedStatus =
        @convention(c) (Int32, UnsafePointer<CChar>, Int32, UInt32, UnsafeMutableRawPointer) -> Int32
    private static let extendedStatus = dlsym(nil, "statx").map { unsafeBitCast($0, to: ExtendedStatus.self) }
    /// `STATX_BTIME`, and where `struct statx` has its mask and the time of birth: the same on every architecture
    /// (statx(2)).
    private static let birthMask: UInt32 = 0x800
    private static let extendedStatusRoom = 256
    private static let birthOffset = 80

    /// The time of birth by `statx(2)`, nanoseconds since 1970.
    static func birth(_ directory: Int32, _ path: String, flags: Int32) -> Int64? {
        guard let extendedStatus else { return nil }
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: extendedStatusRoom, alignment: 16)
        defer { room.deallocate() }
        guard let base = room.baseAddress,
            PathText.withCString(path, { extendedStatus(directory, $0, flags, birthMask, base) }) == 0,
            room.load(as: UInt32.self) & birthMask != 0
        else { return nil }
        let seconds = room.load(fromByteOffset: birthOffset, as: Int64.self)
        return seconds &* 1_000_000_000 &+ Int64(room.load(fromByteOffset: birthOffset + 8, as: UInt32.self))
    }

    private typealias SyncVolume = @convention(c) (Int32) -> Int32
    private static let syncVolume = dlsym(nil, "syncfs").map { unsafeBitCast($0, to: SyncVolume.self) }

    /// `syncfs(2)`.
    static func syncVolume(_ descriptor: Int32) throws(Errno) {
        guard let syncVolume else { throw .noFunction }
        _ = try retrying { syncVolume(descriptor) }
    }

    /// Whether `syncfs` answers that a page could not be written: since Linux 5.8 (syncfs(2)).
    static let tellsVolumeErrors: Bool = {
        var names = utsname()
        // It fails only for an address that isn't the process's (uname(2)).
        guard uname(&names) == 0 else { return false }
        let release = withUnsafeBytes(of: names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split(maxSplits: 2) { !$0.isASCII || !$0.isWholeNumber }.prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 8)
    }()

    /// `pthread_setname_np(3)`: at most 15 characters, which `top -H` and debuggers show.
    static func name(_ thread: pthread_t, _ name: String) {
        _ = setThreadName?(thread, name)
    }
}

/// Calls until it isn't interrupted by a signal.
func retrying<Count: SignedInteger>(_ call: () -> Count) throws(Errno) -> Count {
    while true {
        let result = call()
        if result != -1 { return result }
        let error = Errno(rawValue: errno)
        if error != .interrupted { throw error }
    }
}
