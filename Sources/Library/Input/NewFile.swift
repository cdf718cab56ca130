import Glibc
import System
package import SystemPackage
import Torrent

/// Creates files and folders for commands. A file appears under its name only when it is complete.
package enum NewFile {
    /// The maximum number of bytes of the file's name in its temporary name.
    private static let stemBytes = 200

    /// Writes and syncs a file. Throws if the file exists, unless it is to be replaced.
    package static func write(_ bytes: [UInt8], to path: FilePath, replacing: Bool) throws {
        guard replacing || !exists(path) else { throw isThere(path) }
        guard let name = path.lastComponent else {
            throw Failure.usage("“\(path.text.printable)” is not a file name: give one")
        }
        let folder = path.removingLastComponent()
        // The name is cut to a number of bytes, because a name may have 255 bytes and the temporary name is longer.
        let stem = PathText.text(PathText.bytes(name.text).prefix(Self.stemBytes))
        let unfinished = folder.appending(name: ".\(stem).\(getpid()).unfinished")
        var isMade = false
        do {
            let file = try FileDescriptor.open(
                unfinished, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            isMade = true
            try file.closeAfter {
                _ = try file.writeAll(bytes)
                guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
            }
            try rename(unfinished, to: path, replacing: replacing)
        } catch let error as Errno {
            // The temporary file is removed only if this call created it. An error of `unlink` is ignored: the leftover
            // is harmless, and the first error is the one to report.
            if isMade { _ = unfinished.withPlatformString { unlink($0) } }
            if error == .fileExists { throw isThere(path) }
            let advice =
                ProcessLimit(errno: error.rawValue)?.advice
                ?? "check that the folder exists, has free space and is writable"
            throw Failure("cannot write \(path.text.printable): \(error): \(advice)")
        }
    }

    /// Creates the folder and its missing parents for this user only. Each new folder is synced into its parent, so
    /// that a power failure doesn't remove it with its contents.
    package static func makeFolder(_ path: FilePath) throws {
        var made = FilePath(root: path.root, [])
        for component in path.components {
            let parent = made
            made.append(component)
            if made.withPlatformString({ mkdir($0, 0o700) }) == 0 {
                try sync(parent.isEmpty ? FilePath(".") : parent)
            } else if errno != EEXIST, !exists(made) {
                throw Failure(
                    "cannot create the folder \(made.text.printable): \(Errno(rawValue: errno)): check that its parent folder is writable"
                )
            }
        }
    }

    private static func sync(_ folder: FilePath) throws {
        let descriptor = folder.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        // The result of `close` doesn't matter, because nothing was written.
        defer { if descriptor >= 0 { close(descriptor) } }
        // A file system without fsync for folders (EINVAL, fsync(2)) persists names in its own way.
        guard descriptor >= 0, fsync(descriptor) == 0 || errno == EINVAL else {
            throw Failure(
                "cannot sync the folder \(folder.text.printable): \(Errno(rawValue: errno)): check its disk")
        }
    }

    /// The absolute path without `.` and `..`. A symbolic link keeps its name unless `..` follows it, because the
    /// system then goes up from the link's target.
    package static func absolute(_ path: String) throws -> FilePath {
        guard !path.isEmpty else {
            throw Failure.usage("the path of a folder is empty: give one, or `.` for the current folder")
        }
        let given = FilePath(text: path)
        guard given.isRelative else { return withoutDots(given) }
        guard let current = getcwd(nil, 0) else {
            throw Failure("the current folder no longer exists (\(Errno(rawValue: errno))): change to another one")
        }
        defer { free(current) }
        return withoutDots(FilePath(platformString: current).pushing(given))
    }

    private static func withoutDots(_ path: FilePath) -> FilePath {
        var result = FilePath(root: path.root, [])
        for component in path.components {
            switch component.kind {
            case .regular: result.append(component)
            case .currentDirectory: continue
            case .parentDirectory:
                // A path that doesn't exist yet contains no link.
                if let real = result.withPlatformString({ realpath($0, nil) }) {
                    result = FilePath(platformString: real)
                    free(real)
                }
                result.removeLastComponent()
            }
        }
        return result
    }

    private static func rename(_ old: FilePath, to new: FilePath, replacing: Bool) throws {
        if !replacing {
            // `link` fails if the name is taken, but some file systems don't support it.
            if old.withPlatformString({ old in new.withPlatformString { link(old, $0) } }) == 0 {
                _ = old.withPlatformString { unlink($0) }
                return
            }
            guard errno == EPERM || errno == EOPNOTSUPP else { throw Errno(rawValue: errno) }
        }
        guard old.withPlatformString({ old in new.withPlatformString { Glibc.rename(old, $0) } }) == 0 else {
            throw Errno(rawValue: errno)
        }
    }

    package static func isFolder(_ path: FilePath) -> Bool {
        var status = stat()
        return path.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package static func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }

    package static func isThere(_ path: FilePath) -> Failure {
        Failure("\(path.text.printable) already exists; choose another name, or use --force to overwrite")
    }
}
