import Glibc
import System
package import SystemPackage
package import Torrent

/// The right to be the only engine of a database: a lock on the file `<database>.lock`, held until the process ends or
/// ``release()``.
///
/// It is an open file description lock (fcntl(2), F_OFD_SETLK), which the kernel drops when the process dies in any
/// way. The file is never removed, because a lock on a removed file locks nothing. Its text names the holder. Only the
/// owner may open the file, whoever may read the database, because every user who may read a file may lock it.
package final class DatabaseLock: Sendable {
    /// The process that holds a lock, as far as the lock file names it.
    package struct Holder: Hashable, Sendable {
        package let pid: Int32?
        package let since: Timestamp?

        package init(pid: Int32?, since: Timestamp?) {
            self.pid = pid
            self.since = since
        }
    }

    /// fcntl(2) commands that Glibc's module lacks. The numbers are the kernel's (asm-generic/fcntl.h), the same on
    /// every Linux.
    private static let ask: Int32 = 36  // F_OFD_GETLK
    private static let set: Int32 = 37  // F_OFD_SETLK
    /// Bytes of the lock file that are read: it contains two numbers.
    private static let textLimit = 64

    private let descriptor: FileDescriptor

    private init(_ descriptor: FileDescriptor) { self.descriptor = descriptor }

    deinit {
        // Closing releases the lock even when it reports an error (close(2)), and losing the text does no harm.
        Glibc.close(descriptor.rawValue)
    }

    /// Takes the lock, or throws an error that names its holder. The caller has made sure that the file at the path is
    /// a database of this program or no file at all, because the lock file is created beside it.
    package static func take(database: FilePath, now: Timestamp) throws(StoreError) -> DatabaseLock {
        let file = lockFile(of: database)
        let raw = file.withPlatformString {
            Glibc.open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, S_IRUSR | S_IWUSR)
        }
        guard raw >= 0 else { throw fault("open", file) }
        let lock = DatabaseLock(FileDescriptor(rawValue: raw))
        try requireRegular(raw, file)
        makePrivate(raw, database)
        var request = wholeFile()
        guard fcntl(raw, set, &request) == 0 else {
            guard errno == EAGAIN || errno == EACCES else { throw fault("lock", file) }
            let holder = read(raw)
            let who = holder.pid.map { "process \($0)" } ?? "another process"
            throw StoreError(
                .lockedByOther, path: database.text,
                "the engine of this database is already running (\(who)): stop it first, or give another database")
        }
        try lock.write("\(getpid())\n\(now)\n", file)
        return lock
    }

    /// The holder of the lock, without taking it; `nil` when the lock is free.
    package static func holder(database: FilePath) throws(StoreError) -> Holder? {
        let file = lockFile(of: database)
        let raw = file.withPlatformString { Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) }
        guard raw >= 0 else {
            if errno == ENOENT { return nil }
            throw fault("open", file)
        }
        // Nothing was written through the descriptor, and it holds no lock.
        defer { Glibc.close(raw) }
        try requireRegular(raw, file)
        var request = wholeFile()
        guard fcntl(raw, ask, &request) == 0 else { throw fault("ask for the lock of", file) }
        return request.l_type == Int16(F_UNLCK) ? nil : read(raw)
    }

    /// Whether an engine runs.
    package enum Occupancy: Hashable, Sendable {
        case free
        case held(Holder)
        /// This user may not query the lock, and the system doesn't tell either.
        case unknown
    }

    /// Whether the lock is held. It also works for users who may read the database but not open the lock. `last` is the
    /// newest run in the database.
    package static func occupancy(database: FilePath, last: RunRow?, now: Timestamp) throws(StoreError) -> Occupancy {
        do {
            return try holder(database: database).map { .held($0) } ?? .free
        } catch {
            guard error.code == .readOnly else { throw error }
        }
        let file = lockFile(of: database)
        var status = stat()
        let owner = file.withPlatformString { stat($0, &status) } == 0 ? status.st_uid : uid_t.max
        let isAlive = last.map { LockTable.isAlive($0, owner: owner, now: now) } ?? false
        return occupancy(
            isLocked: LockTable.isLocked(file), isAlive: isAlive, last: last, bootID: LockTable.bootID, now: now)
    }

    /// What a user who may not query the lock can conclude: `isLocked` comes from the kernel's list of locks, and
    /// `isAlive` from the process of the last run. A process is named only if it exists.
    package static func occupancy(isLocked: Bool?, isAlive: Bool, last: RunRow?, bootID: String?, now: Timestamp)
        -> Occupancy
    {
        let holder = Holder(pid: isAlive ? last?.pid : nil, since: isAlive ? last?.startedAt : nil)
        switch isLocked {
        case true: return .held(holder)
        case false:
            // Some layered file systems give a file two inode numbers, and the list has the other one.
            let isFresh = last.map { now - $0.heartbeatAt <= LiveRow.lifetime } ?? false
            return isAlive && isFresh ? .held(holder) : .free
        case nil:
            if isAlive { return .held(holder) }
            guard let last, last.stoppedAt == nil, bootID == nil || last.bootID == bootID else { return .free }
            // The engine was killed, or it runs in another process namespace, as in a container.
            return .unknown
        }
    }

    /// The same file for every name of the database, because symbolic links are resolved first.
    package static func lockFile(of database: FilePath) -> FilePath {
        DatabaseFile.resolved(database).extended(by: ".lock")
    }

    /// Removes permissions that an older version set. A file created by root is given to the owner of the database,
    /// whose engine has to open it.
    private static func makePrivate(_ descriptor: Int32, _ database: FilePath) {
        var (lock, owner) = (stat(), stat())
        guard fstat(descriptor, &lock) == 0 else { return }
        // If this fails, as on file systems without permissions, the lock is used as it is.
        if lock.st_mode & 0o077 != 0 { fchmod(descriptor, S_IRUSR | S_IWUSR) }
        if geteuid() == 0, database.withPlatformString({ stat($0, &owner) }) == 0, owner.st_uid != lock.st_uid {
            fchown(descriptor, owner.st_uid, gid_t.max)
        }
    }

    /// Reading a pipe in the lock file's place would block.
    private static func requireRegular(_ descriptor: Int32, _ file: FilePath) throws(StoreError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw fault("inspect", file) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw StoreError(
                .cantOpen, path: file.text, "the lock file is not a regular file: move what is there out of the way")
        }
    }

    private static func wholeFile() -> flock {
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        return request
    }

    private static func read(_ descriptor: Int32) -> Holder {
        var text = [UInt8](repeating: 0, count: textLimit)
        let count = pread(descriptor, &text, text.count, 0)
        // An engine that has not written its text yet, or could not, is still an engine; only its process is unknown.
        let lines = String(decoding: text.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
        let pid = lines.first.flatMap { Int32($0) }
        // The text is a dead process's; the process that now holds the lock hasn't written its own yet.
        if let pid, pid <= 0 || kill(pid, 0) != 0 && errno == ESRCH { return Holder(pid: nil, since: nil) }
        return Holder(pid: pid, since: lines.dropFirst().first.flatMap { Int64($0) }.map { Timestamp($0) })
    }

    private func write(_ text: String, _ file: FilePath) throws(StoreError) {
        let bytes = Array(text.utf8)
        guard ftruncate(descriptor.rawValue, 0) == 0, pwrite(descriptor.rawValue, bytes, bytes.count, 0) == bytes.count
        else {
            throw Self.fault("write", file)
        }
    }

    private static func fault(_ action: String, _ file: FilePath) -> StoreError {
        let reason = errno
        let code: StoreError.Code =
            reason == ENOSPC || reason == EDQUOT ? .full : reason == EROFS || reason == EACCES ? .readOnly : .cantOpen
        let owner = reason == EACCES ? DatabaseSharing.otherOwner(of: file) : nil
        return StoreError(
            code, path: file.text,
            "cannot \(action) the lock file: \(String(cString: strerror(reason))): "
                + (owner.map {
                    "run the command as \($0), the only user who can change this database and run its engine"
                }
                    ?? ProcessLimit(errno: reason)?.advice
                    ?? "check that the folder exists, has free space and is writable by this user"))
    }
}
