import Foundation
import Glibc
package import SystemPackage
import Testing

/// A file system in a file, as a disk that can be mounted, unmounted and copied (losetup(8)).
package struct LoopVolume: Sendable {
    /// The file that is the disk.
    package let image: FilePath
    /// Its loop device.
    package let device: String

    /// Runs `body` with a fresh ext4 file system of so many bytes, which isn't mounted. Where the process may not use
    /// loop devices, the test is cancelled, visibly; where `CI` is set it fails.
    package static func with<Value>(
        _ name: String = "disk", bytes: Int = 32 << 20, in folder: FilePath,
        isolation: isolated (any Actor)? = #isolation, _ body: (LoopVolume) async throws -> Value
    ) async throws -> Value {
        let image = folder.appending("\(name).img")
        let file = try FileDescriptor.open(
            image, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        try file.closeAfter { try file.resize(to: Int64(bytes)) }
        let end = try await RealProgram.require("mkfs.ext4", package: "e2fsprogs").run(
            ["-q", "-F", "-m", "0", image.string], in: folder)
        try #require(end.exitCode == 0, "\(end)")
        return try await with(image: image, in: folder, body)
    }

    /// Runs `body` with a copy of another disk, as dd(1) makes one: it has the same UUID.
    package func withClone<Value>(
        _ name: String = "clone", in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
        _ body: (LoopVolume) async throws -> Value
    ) async throws -> Value {
        let copy = folder.appending("\(name).img")
        try Files.copy(image, to: copy)
        return try await Self.with(image: copy, in: folder, body)
    }

    private static func with<Value>(
        image: FilePath, in folder: FilePath, isolation: isolated (any Actor)? = #isolation,
        _ body: (LoopVolume) async throws -> Value
    ) async throws -> Value {
        let program = try RealProgram.require("losetup", package: "mount")
        let end = try await program.run(["--find", "--show", image.string], in: folder)
        guard end.exitCode == 0 else {
            let sentence = "no loop device can be used here (\(end)): run the test as root"
            guard ProcessInfo.processInfo.environment["CI"] == nil else {
                Issue.record("\(sentence)")
                throw Errno.permissionDenied
            }
            try Test.cancel("\(sentence)")
        }
        let device = end.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let result = await Result { try await body(LoopVolume(image: image, device: device)) }
        _ = try await program.run(["--detach", device], in: folder)
        return try result.get()
    }

    /// Mounts it for the duration of `body`, which may unmount it.
    package func mounted<Value>(
        at path: FilePath, isReadOnly: Bool = false, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try mount(at: path, isReadOnly: isReadOnly)
        let result = await Result { try await body() }
        try unmount(path)
        return try result.get()
    }

    package func mount(at path: FilePath, isReadOnly: Bool = false) throws {
        try Files.makeFolders(path)
        guard Glibc.mount(device, path.string, "ext4", isReadOnly ? UInt(MS_RDONLY) : 0, nil) == 0 else {
            throw Errno(rawValue: errno)
        }
    }

    /// Unmounts what is mounted there, if anything is.
    package func unmount(_ path: FilePath) throws {
        if umount2(path.string, Int32(MNT_DETACH)) != 0, errno != EINVAL, errno != ENOENT {
            throw Errno(rawValue: errno)
        }
    }
}
