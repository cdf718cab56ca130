import Glibc
import SystemPackage

/// Where a benchmark works: a temporary folder of its own, and the program that it measures.
struct BenchmarkSetup {
    let folder: FilePath
    /// The `pieces` that stands beside this program.
    let program: FilePath

    init() throws {
        program = try FilePath(Self.resolved("/proc/self/exe")).removingLastComponent().appending("pieces")
        let parent = getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/tmp"
        guard let template = strdup(parent.appending("pieces-bench-XXXXXX").string) else { throw Errno.noMemory }
        defer { free(template) }
        guard let made = mkdtemp(template) else {
            throw BenchmarkError(
                "no folder can be made in \(parent): \(Errno(rawValue: errno)): name another one in TMPDIR")
        }
        folder = FilePath(platformString: made)
    }

    /// A folder in the setup, made where there is none.
    func makeFolder(_ name: String) throws -> FilePath {
        let path = folder.appending(name)
        try Self.makeFolder(path)
        return path
    }

    static func makeFolder(_ path: FilePath) throws {
        guard mkdir(path.string, 0o755) == 0 || errno == EEXIST else {
            throw BenchmarkError("\(path) cannot be made: \(Errno(rawValue: errno))")
        }
    }

    /// Removes the file or folder with everything in it.
    static func remove(_ path: FilePath) throws {
        // A link is removed, and not followed.
        if unlink(path.string) == 0 { return }
        guard errno == EISDIR || errno == EPERM else {
            throw BenchmarkError("\(path) cannot be removed: \(Errno(rawValue: errno))")
        }
        for name in try names(in: path) { try remove(path.appending(name)) }
        guard rmdir(path.string) == 0 else {
            throw BenchmarkError("\(path) cannot be removed: \(Errno(rawValue: errno))")
        }
    }

    /// What is in the folder, but for itself and its parent.
    static func names(in path: FilePath) throws -> [String] {
        guard let folder = opendir(path.string) else {
            throw BenchmarkError("\(path) cannot be listed: \(Errno(rawValue: errno))")
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try create(path)
        _ = try file.closeAfter { try file.writeAll(bytes) }
    }

    /// An empty file to be written.
    static func create(_ path: FilePath) throws -> FileDescriptor {
        try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead, .otherRead])
    }

    /// Bytes of the file.
    static func size(_ path: FilePath) throws -> Int { Int(try status(path).st_size) }

    /// What stat(2) says.
    static func status(_ path: FilePath) throws -> stat {
        var status = stat()
        guard stat(path.string, &status) == 0 else {
            throw BenchmarkError("\(path) cannot be looked at: \(Errno(rawValue: errno))")
        }
        return status
    }

    /// A program of the system; `nil` when it isn't in `PATH`.
    static func tool(_ name: String) -> FilePath? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { FilePath(String($0)).appending(name) }.first {
            access($0.string, X_OK) == 0
        }
    }

    private static func resolved(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw Errno(rawValue: errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
