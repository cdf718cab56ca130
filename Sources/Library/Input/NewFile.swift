import Glibc
import Limits
import SystemPackage
import Torrent

/// Files and folders that commands make; a file appears whole under its name, or not at all.
package enum NewFile {
    /// Bytes of a file's name that are in the name under which it is written.
    private static let stemBytes = 200

    /// Writes and syncs a file. One that is there already is refused, unless it is to be replaced.
    package static func write(_ bytes: [UInt8], to path: FilePath, replacing: Bool) throws {
        guard replacing || !exists(path) else { throw isThere(path) }
        guard let name = path.lastComponent else {
            throw Failure.usage("“\(path.text.printable)” is not a file name: give one")
        }
        let folder = path.removingLastComponent()
        // Cut by bytes: a name may have 255 of them, and this one has more behind it.
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
            // What is left of it harms nobody, and the error that counts is the first. A file of that name that
            // somebody else made stays.
            if isMade { _ = unfinished.withPlatformString { unlink($0) } }
            if error == .fileExists { throw isThere(path) }
            let advice =
                ProcessLimit(errno: error.rawValue)?.advice
                ?? "check that the folder exists, has free space and is writable"
            throw Failure("cannot write \(path.text.printable): \(error): \(advice)")
        }
    }

    /// Makes the folder with those above it that are missing, for this user alone, so that a power cut doesn't take
    /// them with what is in them.
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
        // Nothing was written through it.
        defer { if descriptor >= 0 { close(descriptor) } }
        // Where there is no fsync for folders (EINVAL, fsync(2)) the file system keeps names its own way.
        guard descriptor >= 0, fsync(descriptor) == 0 || errno == EINVAL else {
            throw Failure(
                "cannot sync the folder \(folder.text.printable): \(Errno(rawValue: errno)): check its disk")
        }
    }

    /// The path from the root, without `.` and `..`. A link keeps its name, unless a `..` follows: the system goes up
    /// from the folder that the link leads to.
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
                // Where nothing is yet, there is no link either.
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
            // A link fails where the name is taken; some file systems have none.
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
