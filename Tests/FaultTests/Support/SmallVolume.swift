import Glibc
import SystemPackage
import TestSupport

/// A file system of a few megabytes, where the process may mount one: CI does, an ordinary user may not.
struct SmallVolume: Sendable {
    let path: FilePath

    /// Runs `body` with a volume of so many bytes; without one where none may be mounted.
    static func with<Value>(
        bytes: Int, in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
        _ body: (SmallVolume?) async throws -> Value
    ) async throws -> Value {
        let path = folder.appending("volume")
        try Files.makeFolders(path)
        guard mount("tmpfs", path.string, "tmpfs", 0, "size=\(bytes)") == 0 else {
            guard errno == EPERM || errno == EACCES else { throw Errno(rawValue: errno) }
            print("no volume may be mounted here: the faults of a full one are made by the library alone")
            return try await body(nil)
        }
        let result = await Result { try await body(SmallVolume(path: path)) }
        // Lazily: a process that was just killed may still hold it.
        guard umount2(path.string, Int32(MNT_DETACH)) == 0 else { throw Errno(rawValue: errno) }
        return try result.get()
    }

    private var filler: FilePath { path.appending("filler") }

    /// Takes all the space that is left.
    func fill() throws {
        let file = try FileDescriptor.open(
            filler, .writeOnly, options: [.create, .append], permissions: [.ownerReadWrite])
        try file.closeAfter {
            let page = [UInt8](repeating: 0x55, count: 4096)
            while true {
                do { _ = try file.writeAll(page) } catch Errno.noSpace { return }
            }
        }
    }

    func empty() throws { try Files.remove(filler) }
}
