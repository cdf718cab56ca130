import Glibc
package import SystemPackage

/// Calls about what stands at a path. They follow links, unless they say otherwise, and throw the system's error.
package enum PathCalls {
    /// What stands at the path (stat(2)), or with `followingLinks: false` the link that stands there (lstat(2)).
    package static func status(_ path: FilePath, followingLinks: Bool = true) throws(Errno) -> PathStatus {
        var status = stat()
        _ = try retrying { path.withPlatformString { followingLinks ? stat($0, &status) : lstat($0, &status) } }
        return PathStatus(status)
    }

    /// Whether something stands at the path, as far as this user may look.
    package static func exists(_ path: FilePath) -> Bool { accessError(path) == nil }

    /// Whether something stands at the path. What this user may not look at counts as existing.
    package static func mayExist(_ path: FilePath) -> Bool {
        let error = accessError(path)
        return error == nil || error == .permissionDenied
    }

    private static func accessError(_ path: FilePath) -> Errno? {
        do { _ = try retrying { path.withPlatformString { access($0, F_OK) } } } catch { return error }
        return nil
    }

    /// The names in a folder without `.` and `..`, in no order.
    package static func names(in folder: FilePath) throws(Errno) -> [[UInt8]] {
        guard let stream = folder.withPlatformString({ opendir($0) }) else { throw Errno(rawValue: errno) }
        // The result of `closedir` doesn't matter, because nothing was written.
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw Errno(rawValue: errno) }
                return names
            }
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
            names.append(bytes)
        }
    }

    /// Runs `body`, after which the file has the times that it had before (utimensat(2)).
    package static func keepingTimes(of path: FilePath, _ body: () throws -> Void) throws {
        var status = stat()
        _ = try retrying { path.withPlatformString { stat($0, &status) } }
        try body()
        let times = [status.st_atim, status.st_mtim]
        _ = try retrying { path.withPlatformString { utimensat(AT_FDCWD, $0, times, 0) } }
    }

    /// Creates a folder that only this user may use (mkdir(2)).
    package static func makePrivateFolder(_ path: FilePath) throws(Errno) {
        _ = try retrying { path.withPlatformString { mkdir($0, 0o700) } }
    }

    /// Creates a folder that all users may look into, as far as the umask lets them (mkdir(2)).
    package static func makeFolder(_ path: FilePath) throws(Errno) {
        _ = try retrying { path.withPlatformString { mkdir($0, 0o755) } }
    }

    /// Creates a folder whose name is `path` followed by six characters that make it new (mkdtemp(3)).
    package static func makeTemporaryFolder(_ path: FilePath) throws(Errno) -> FilePath {
        var template = path.withPlatformString { start in
            Array(UnsafeBufferPointer(start: start, count: strlen(start)))
        }
        template += [CChar](repeating: CChar(UInt8(ascii: "X")), count: 6) + [0]
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        return FilePath(platformString: template)
    }

    /// Makes the names in a folder durable (fsync(2)).
    package static func syncFolder(_ path: FilePath) throws(Errno) {
        let descriptor = try retrying {
            path.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        }
        // The result of `close` doesn't matter, because nothing was written.
        defer { close(descriptor) }
        do throws(Errno) {
            _ = try retrying { fsync(descriptor) }
        } catch {
            // A file system without fsync for folders (EINVAL, fsync(2)) persists names in its own way.
            guard error == .invalidArgument else { throw error }
        }
    }

    /// Replaces what stands at `new` (rename(2)).
    package static func rename(_ old: FilePath, to new: FilePath) throws(Errno) {
        _ = try retrying { old.withPlatformString { old in new.withPlatformString { Glibc.rename(old, $0) } } }
    }

    /// Gives a file a second name, which must be free (link(2)).
    package static func link(_ old: FilePath, to new: FilePath) throws(Errno) {
        _ = try retrying { old.withPlatformString { old in new.withPlatformString { Glibc.link(old, $0) } } }
    }

    /// Removes the name of a file, or a link, which is not followed (unlink(2)).
    package static func removeFile(_ path: FilePath) throws(Errno) {
        _ = try retrying { path.withPlatformString { unlink($0) } }
    }

    /// Removes an empty folder (rmdir(2)).
    package static func removeFolder(_ path: FilePath) throws(Errno) {
        _ = try retrying { path.withPlatformString { rmdir($0) } }
    }

    /// The absolute path without links (realpath(3)); `nil` if nothing that we can reach stands there.
    package static func resolved(_ path: FilePath) -> FilePath? {
        guard let real = path.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(real) }
        return FilePath(platformString: real)
    }

    /// The working directory of this process (getcwd(3)).
    package static func currentFolder() throws(Errno) -> FilePath {
        guard let current = getcwd(nil, 0) else { throw Errno(rawValue: errno) }
        defer { free(current) }
        return FilePath(platformString: current)
    }
}
