package import Foundation
package import SystemPackage
import Torrent

/// Files of a test, by plain calls of the system.
package enum Files {
    package static func exists(_ path: FilePath) -> Bool { (try? Files.status(path)) != nil }

    package static func read(_ path: FilePath) throws -> [UInt8] {
        try read(path, at: 0, count: Int(try status(path).st_size))
    }

    /// The bytes at the offset; fewer where the file ends.
    package static func read(_ path: FilePath, at offset: Int64, count: Int) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        defer { close(file) }
        var error: (any Error)?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do {
                while filled < count {
                    let rest = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[filled..<count])
                    let read = try file.read(fromAbsoluteOffset: offset + Int64(filled), into: rest)
                    if read == 0 { return }
                    filled += read
                }
            } catch let failure {
                error = failure
            }
        }
        if let error { throw error }
        return bytes
    }

    /// Makes the file anew.
    package static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead, .otherRead])
        defer { close(file) }
        _ = try file.writeAll(bytes)
    }

    /// Changes bytes of a file that is there.
    package static func overwrite(_ path: FilePath, at offset: Int64, with bytes: [UInt8]) throws {
        let file = try FileDescriptor.open(path, .writeOnly)
        defer { close(file) }
        _ = try file.writeAll(toAbsoluteOffset: offset, bytes)
    }

    package static func truncate(_ path: FilePath, to length: Int64) throws {
        let file = try FileDescriptor.open(path, .writeOnly)
        defer { close(file) }
        try file.resize(to: length)
    }

    /// Removes the file, or the folder with everything in it, whatever the bytes of the names are.
    package static func remove(_ path: FilePath) throws {
        try path.withPlatformString { try remove($0, in: AT_FDCWD) }
    }

    /// By descriptors and not by paths: power cuts make and remove thousands of folders, and a debug build is slow at
    /// putting paths together.
    private static func remove(_ name: UnsafePointer<CChar>, in folder: Int32) throws {
        if unlinkat(folder, name, 0) == 0 { return }
        guard errno == EISDIR || errno == EPERM else { throw Errno(rawValue: errno) }
        let descriptor = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard let directory = fdopendir(descriptor) else { throw Errno(rawValue: errno) }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            try withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                let name = bytes.assumingMemoryBound(to: CChar.self)
                if let start = name.baseAddress, strcmp(start, ".") != 0, strcmp(start, "..") != 0 {
                    try remove(start, in: descriptor)
                }
            }
        }
        guard unlinkat(folder, name, AT_REMOVEDIR) == 0 else { throw Errno(rawValue: errno) }
    }

    package static func rename(_ path: FilePath, to new: FilePath) throws {
        let result = path.withPlatformString { path in new.withPlatformString { Foundation.rename(path, $0) } }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }

    /// Copies a file or a folder with all that is in it.
    package static func copy(_ path: FilePath, to new: FilePath) throws {
        try FileManager.default.copyItem(atPath: path.string, toPath: new.string)
    }

    package static func link(_ path: FilePath, to target: FilePath) throws {
        let result = target.withPlatformString { target in path.withPlatformString { symlink(target, $0) } }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }

    package static func makeFolders(_ path: FilePath) throws {
        // Mostly, only the last one is missing.
        if path.withPlatformString({ mkdir($0, 0o777) }) == 0 { return }
        var made = FilePath(root: path.root, [])
        for component in path.components {
            made.append(component)
            guard made.withPlatformString({ mkdir($0, 0o777) }) == 0 || exists(made) else {
                throw Errno(rawValue: errno)
            }
        }
    }

    /// The names in the folder, sorted, each as ``PathText``.
    package static func names(in folder: FilePath) throws -> [String] {
        guard let directory = folder.withPlatformString({ opendir($0) }) else { throw Errno(rawValue: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { PathText.text($0.prefix { $0 != 0 }) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The files below the folder with their contents, by the bytes of their paths.
    package static func tree(_ folder: FilePath) throws -> [[UInt8]: [UInt8]] {
        var files: [[UInt8]: [UInt8]] = [:]
        for name in try names(in: folder) {
            let path = folder.appending(name: name)
            guard try status(path).st_mode & S_IFMT == S_IFDIR else {
                files[PathText.bytes(name)] = try read(path)
                continue
            }
            for (below, content) in try tree(path) { files[PathText.bytes(name + "/") + below] = content }
        }
        return files
    }

    /// What stat(2) says.
    package static func status(_ path: FilePath) throws -> stat {
        var status = stat()
        guard path.withPlatformString({ stat($0, &status) }) == 0 else { throw Errno(rawValue: errno) }
        return status
    }

    /// Bytes that have blocks on the disk.
    package static func allocatedBytes(_ path: FilePath) throws -> Int { Int(try status(path).st_blocks) * 512 }

    /// Gives the file the times that it has in `status`, as tools do that hide a change.
    package static func setTimes(_ path: FilePath, from status: stat) throws {
        let times = [status.st_atim, status.st_mtim]
        guard utimensat(AT_FDCWD, path.string, times, 0) == 0 else { throw Errno(rawValue: errno) }
    }

    private static func close(_ file: FileDescriptor) {
        do { try file.close() } catch { assertionFailure("\(error)") }
    }
}

/// A folder of a test's own, which is removed with everything in it when `body` ends; in memory, where the system has a
/// place for that (shm_overview(7)), for tests of very many files, which would wait for the disk alone.
package func withTemporaryFolder<Value>(
    inMemory: Bool = false, isolation: isolated (any Actor)? = #isolation, _ body: (FilePath) async throws -> Value
) async throws -> Value {
    let isThere = inMemory && FileManager.default.isWritableFile(atPath: "/dev/shm")
    let folder = FilePath(isThere ? "/dev/shm" : FileManager.default.temporaryDirectory.path).appending(
        "pieces-\(UUID().uuidString)")
    try Files.makeFolders(folder)
    let result: Result<Value, any Error>
    do { result = .success(try await body(folder)) } catch { result = .failure(error) }
    try Files.remove(folder)
    return try result.get()
}
