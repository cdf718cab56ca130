package import Glibc
package import SystemPackage
import Torrent

/// Which users besides the owner may read a database. Only the mode and the group of its file record that.
///
/// The log has the same mode and group. SQLite's index of the log (`-shm`), the lock, the reserve and the backups are
/// readable by the owner only, because any reader of a file may lock it (fcntl(2)), and a lock on one of the first two
/// would stop the engine. ``UnlockedRead`` describes how other users read.
package enum DatabaseSharing {
    package enum Readers: Hashable, Sendable {
        case ownerAlone
        case group(gid_t)
        case everyUser
    }

    /// A group of users of this machine.
    package struct Group: Hashable, Sendable {
        package let id: gid_t
        package let name: String

        package init(id: gid_t) {
            self.id = id
            name = getgrgid(id).map { String(cString: $0.pointee.gr_name) } ?? "\(id)"
        }

        /// The group of this name or, if no group has that name, of this number; `nil` if there is neither.
        package init?(_ text: String) {
            if let found = getgrnam(text) {
                self.init(id: found.pointee.gr_gid)
            } else if let id = gid_t(text), id != .max {
                self.init(id: id)
            } else {
                return nil
            }
        }

        /// Whether this process may give files to the group.
        fileprivate var isOurs: Bool {
            let count = getgroups(0, nil)
            var groups = [gid_t](repeating: 0, count: Int(max(count, 0)))
            let filled = getgroups(count, &groups)
            return geteuid() == 0 || getegid() == id || groups.prefix(Int(max(filled, 0))).contains(id)
        }
    }

    private static let privateMode: mode_t = S_IRUSR | S_IWUSR
    private static let groupMode: mode_t = privateMode | S_IRGRP
    /// The permission bits of group and others.
    private static let foreign: mode_t = 0o077

    package static func readers(of database: FilePath) -> Readers {
        guard let status = status(database) else { return .ownerAlone }
        if status.st_mode & S_IROTH != 0 { return .everyUser }
        return status.st_mode & S_IRGRP != 0 ? .group(status.st_gid) : .ownerAlone
    }

    /// The name of the user who owns the database.
    package static func owner(of database: FilePath) -> String? {
        status(database).map { status in
            getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) } ?? "user \(status.st_uid)"
        }
    }

    /// The owner's name, if the owner is not this user.
    static func otherOwner(of file: FilePath) -> String? {
        guard let status = status(file), status.st_uid != geteuid() else { return nil }
        return owner(of: file)
    }

    // MARK: The setting

    /// Lets a group, and no users besides it and the owner, read the database. Writes nothing into the database.
    package static func share(_ database: FilePath, with group: Group) throws(StoreError) {
        guard !FileSystemKind(holding: database).isShared else {
            throw StoreError(
                .readOnly, path: database.text,
                "the database is on a shared file system, where any reader can keep the engine from writing: move it to a local disk first"
            )
        }
        try set(database, groupMode, group)
    }

    /// Lets only the owner read the database.
    package static func unshare(_ database: FilePath) throws(StoreError) { try set(database, privateMode, nil) }

    /// Opens one of the program's own folders to the group, or to the owner alone.
    package static func open(folder: FilePath, to group: Group?) throws(StoreError) {
        guard let status = status(folder), status.st_uid == geteuid() || geteuid() == 0 else { return }
        if let group { try give(folder, to: group) }
        try change(folder, to: group == nil ? 0o700 : 0o750)
    }

    /// The first folder on the path to the database that the group's members may not traverse, judging by the modes;
    /// `nil` if they may traverse all of them.
    package static func obstacle(on database: FilePath, to group: Group) -> FilePath? {
        let path = DatabaseFile.resolved(database)
        var folder = FilePath(root: path.root, [])
        for component in [nil] + path.removingLastComponent().components.map(Optional.some) {
            if let component { folder.append(component) }
            guard let status = status(folder) else { continue }
            guard status.st_mode & (status.st_gid == group.id ? S_IXGRP : S_IXOTH) != 0 else { return folder }
        }
        return nil
    }

    private static func set(_ database: FilePath, _ mode: mode_t, _ group: Group?) throws(StoreError) {
        // This throws if the file isn't one of our databases.
        _ = try Connection(database, mode: .readOnly)
        let path = DatabaseFile.resolved(database)
        guard let before = status(path) else { throw Folder.fault("look at", path) }
        guard before.st_uid == geteuid() || geteuid() == 0 else {
            throw StoreError(
                .readOnly, path: database.text,
                "the database belongs to \(owner(of: path) ?? "another user"), the only user who can change its readers: run the command as that user"
            )
        }
        if let group { try give(path, to: group) }
        try change(path, to: mode)
        guard let after = status(path), after.st_mode & 0o777 == mode, group.map({ $0.id == after.st_gid }) ?? true
        else {
            throw StoreError(
                .readOnly, path: database.text,
                "its file system does not store owners and permissions of files: move the database to another one first"
            )
        }
        prepareCompanions(of: path)
        // The log of a database that is no longer shared.
        if mode == privateMode { _ = path.extended(by: "-wal").withPlatformString { chmod($0, mode) } }
    }

    private static func give(_ file: FilePath, to group: Group) throws(StoreError) {
        guard file.withPlatformString({ chown($0, uid_t.max, group.id) }) != 0 else { return }
        let reason = errno
        guard reason == EPERM, !group.isOurs else {
            throw Folder.fault("change the group of", file, Errno(rawValue: reason))
        }
        throw StoreError(
            .readOnly, path: file.text,
            "this user is not in the group \(group.name): have root add it (`usermod -aG \(group.name) USER`) and log in again, or run the command as root"
        )
    }

    private static func change(_ file: FilePath, to mode: mode_t) throws(StoreError) {
        guard file.withPlatformString({ chmod($0, mode) }) == 0 else {
            throw Folder.fault("change the permissions of", file)
        }
    }

    // MARK: The files beside it

    /// Creates the log and its index before SQLite does, for a database of ours that others may read, and corrects
    /// existing ones. SQLite would give the log to the process's group, and would let every reader of the database read
    /// the index.
    ///
    /// Call this before and after SQLite opens the database, because another process may remove both files in between.
    static func prepareCompanions(of database: FilePath) {
        let path = DatabaseFile.resolved(database)
        guard let status = status(path), status.st_mode & foreign != 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_uid == geteuid() || geteuid() == 0
        else { return }
        // A rollback journal has no index.
        guard !FileSystemKind(holding: path).isShared else { return }
        let owner = geteuid() == 0 ? status.st_uid : uid_t.max
        let (log, index) = (path.extended(by: "-wal"), path.extended(by: "-shm"))
        if let descriptor = create(log) {
            // If this fails, SQLite reports it when it opens the file.
            fchown(descriptor, owner, status.st_gid)
            fchmod(descriptor, status.st_mode & 0o666)
            close(descriptor)
        } else if let found = own(log), found.st_gid != status.st_gid || found.st_mode & 0o777 != status.st_mode & 0o666
        {
            // Only the owner may read the log until it belongs to the right group.
            _ = log.withPlatformString { chmod($0, privateMode) }
            if log.withPlatformString({ chown($0, owner, status.st_gid) }) == 0 {
                _ = log.withPlatformString { chmod($0, status.st_mode & 0o666) }
            }
        }
        if let descriptor = create(index) {
            fchown(descriptor, owner, gid_t.max)
            // SQLite would give an empty file the mode of the database. It treats a file with content as left over from
            // a killed process.
            var byte: UInt8 = 0
            pwrite(descriptor, &byte, 1, 0)
            close(descriptor)
        } else if let found = own(index), found.st_mode & foreign != 0 {
            // Changed by name, because closing a descriptor would drop this process's locks on the file.
            _ = index.withPlatformString { chmod($0, privateMode) }
        }
    }

    /// A descriptor of a new file that only its owner may read; `nil` when the file exists or can't be created.
    private static func create(_ file: FilePath) -> Int32? {
        let descriptor = file.withPlatformString {
            Glibc.open($0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, privateMode)
        }
        return descriptor >= 0 ? descriptor : nil
    }

    /// The status of a regular file that this user may change.
    private static func own(_ file: FilePath) -> stat? {
        var status = stat()
        guard file.withPlatformString({ lstat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return status.st_uid == geteuid() || geteuid() == 0 ? status : nil
    }

    /// Gives a database the readers of the one that it replaces. If that fails, only its owner may read it.
    package static func pass(from old: FilePath, to new: FilePath) {
        guard let status = status(old) else { return }
        let owner = geteuid() == 0 ? status.st_uid : uid_t.max
        let group = if case .group(let id) = readers(of: old) { id } else { gid_t.max }
        guard owner != .max || group != .max else { return }
        guard new.withPlatformString({ chown($0, owner, group) }) == 0, group != .max else { return }
        _ = new.withPlatformString { chmod($0, groupMode) }
    }

    private static func status(_ file: FilePath) -> stat? {
        var status = stat()
        return file.withPlatformString { stat($0, &status) } == 0 ? status : nil
    }
}
