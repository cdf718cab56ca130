import System
package import SystemPackage
import Torrent

/// Creates files and folders for commands. A file appears under its name only when it is complete.
package enum NewFile {
    /// The maximum number of bytes of the file's name in its temporary name.
    private static let stemBytes = 200

    /// Writes and syncs a file. Throws if the file exists, unless it is to be replaced.
    package static func write(_ bytes: [UInt8], to path: FilePath, replacing: Bool, isExecutable: Bool = false) throws {
        guard replacing || !PathCalls.exists(path) else { throw isThere(path) }
        guard let name = path.lastComponent else {
            throw Failure.usage("“\(path.text.printable)” is not a file name: give one")
        }
        let folder = path.removingLastComponent()
        // The name is cut to a number of bytes, because a name may have 255 bytes and the temporary name is longer.
        let stem = PathText.text(PathText.bytes(name.text).prefix(Self.stemBytes))
        let unfinished = folder.appending(name: ".\(stem).\(ThisProcess.id).unfinished")
        var isMade = false
        do {
            let file = try FileDescriptor.open(
                unfinished, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: isExecutable
                    ? [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]
                    : [.ownerReadWrite, .groupRead, .otherRead])
            isMade = true
            try file.closeAfter {
                _ = try file.writeAll(bytes)
                try file.sync()
            }
            try rename(unfinished, to: path, replacing: replacing)
        } catch let error as Errno {
            // The temporary file is removed only if this call created it.
            if isMade { removeLeftover(unfinished) }
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
            do {
                try PathCalls.makePrivateFolder(made)
            } catch {
                guard error != .fileExists, !PathCalls.exists(made) else { continue }
                throw Failure(
                    "cannot create the folder \(made.text.printable): \(error): check that its parent folder is writable"
                )
            }
            try sync(parent.isEmpty ? FilePath(".") : parent)
        }
    }

    private static func sync(_ folder: FilePath) throws {
        do { try PathCalls.syncFolder(folder) } catch {
            throw Failure("cannot sync the folder \(folder.text.printable): \(error): check its disk")
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
        let current: FilePath
        do { current = try PathCalls.currentFolder() } catch {
            throw Failure("the current folder no longer exists (\(error)): change to another one")
        }
        return withoutDots(current.pushing(given))
    }

    private static func withoutDots(_ path: FilePath) -> FilePath {
        var result = FilePath(root: path.root, [])
        for component in path.components {
            switch component.kind {
            case .regular: result.append(component)
            case .currentDirectory: continue
            case .parentDirectory:
                // A path that doesn't exist yet contains no link.
                result = PathCalls.resolved(result) ?? result
                result.removeLastComponent()
            }
        }
        return result
    }

    private static func rename(_ old: FilePath, to new: FilePath, replacing: Bool) throws(Errno) {
        if !replacing {
            do throws(Errno) {
                // `link` fails if the name is taken, but some file systems don't support it.
                try PathCalls.link(old, to: new)
                removeLeftover(old)
                return
            } catch {
                guard error == .notPermitted || error == .notSupportedOnSocket else { throw error }
            }
        }
        try PathCalls.rename(old, to: new)
    }

    /// Removes a temporary file. An error is ignored: the leftover is harmless, and an earlier error is the one to
    /// report.
    private static func removeLeftover(_ path: FilePath) {
        do { try PathCalls.removeFile(path) } catch {}
    }

    package static func isFolder(_ path: FilePath) -> Bool {
        do { return try PathCalls.status(path).kind == .folder } catch { return false }
    }

    package static func isThere(_ path: FilePath) -> Failure {
        Failure("\(path.text.printable) already exists; choose another name, or use --force to overwrite")
    }
}
