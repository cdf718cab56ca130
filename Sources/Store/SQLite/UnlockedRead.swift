import Glibc
import SystemPackage
import Torrent

/// The state of a database's files as a reader without locks found them, and whether they have changed since.
///
/// SQLite's locks are in the file `-shm`, and any user who may read a file may also lock it (fcntl(2)): a lock held
/// there would stop every writer. So only the owner may read that file. Other users read without locks, with their own
/// index of the log, and check after each row whether a page may have been overwritten: a checkpoint changes the
/// database's time before it changes a byte, and a log that is restarted first gets another header
/// (sqlite.org/fileformat.html, section 4). Commits only append to the log, and disturb no reader.
final class UnlockedRead {
    /// Attempts to find the files at rest, and milliseconds between them.
    private static let attempts = 250
    private static let pause: UInt32 = 20
    /// Nanoseconds after a write in which another write may get the same time: some ticks of the slowest kernel clock.
    private static let clockTicks: Int64 = 50_000_000
    /// Bytes of the log's header.
    private static let headerBytes = 32

    /// Everything that a write changes, or that differs in a file that replaces another.
    private struct Stamp: Equatable {
        let device: dev_t
        let inode: ino_t
        let size: off_t
        let modified: Int64
        let changed: Int64

        init?(_ path: FilePath) {
            var status = stat()
            guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
            (device, inode, size) = (status.st_dev, status.st_ino, status.st_size)
            modified = Self.nanoseconds(status.st_mtim)
            changed = Self.nanoseconds(status.st_ctim)
        }

        /// Whether the next write gets a different time. A time in the future was set by a clock that has been set back
        /// since.
        var isPast: Bool {
            var now = timespec()
            // clock_gettime fails only for clocks that don't exist.
            clock_gettime(CLOCK_REALTIME, &now)
            let age = Self.nanoseconds(now) - max(modified, changed)
            return age > UnlockedRead.clockTicks || age < 0
        }

        private static func nanoseconds(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
    }

    private let path: FilePath
    private let logPath: FilePath
    private let stamp: Stamp
    /// -1 when there is no log.
    private let log: Int32
    private let header: [UInt8]

    /// Waits until the files are at rest for a moment.
    init(_ database: FilePath) throws(StoreError) {
        path = database
        logPath = DatabaseFile.resolved(database).extended(by: "-wal")
        for _ in 0..<Self.attempts {
            guard let stamp = Stamp(path) else { throw Self.unreadable(path, path) }
            if stamp.isPast {
                self.stamp = stamp
                // SQLite has no lock on this file, so closing it drops none.
                log = logPath.withPlatformString { open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) }
                guard log >= 0 || errno == ENOENT else { throw Self.unreadable(logPath, path) }
                header = log >= 0 ? Self.header(log) : []
                return
            }
            usleep(Self.pause * 1000)
        }
        throw StoreError(.rewritten, path: database.text, "the database is being written continuously: try again")
    }

    deinit {
        // Nothing was written through the descriptor.
        if log >= 0 { close(log) }
    }

    var hasLog: Bool { log >= 0 }

    /// Whether everything read so far belongs to the same state of the database.
    var isCurrent: Bool {
        guard Stamp(path) == stamp else { return false }
        guard log >= 0 else { return !DatabaseFile.exists(logPath) }
        return Self.header(log) == header
    }

    /// The error to throw when it isn't current.
    var rewritten: StoreError {
        StoreError(
            .rewritten, path: path.text,
            "the engine rewrote parts of the database while they were read: run the command again")
    }

    private static func header(_ log: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: headerBytes) { buffer, count in
            count = max(0, pread(log, buffer.baseAddress, headerBytes, 0))
        }
    }

    private static func unreadable(_ file: FilePath, _ database: FilePath) -> StoreError {
        StoreError(
            .cantOpen, path: database.text,
            "cannot read \(file.lastComponent?.text ?? file.text): \(String(cString: strerror(errno))): any command of the database's owner, such as "
                + "`pieces status`, lets its group read it again")
    }
}
