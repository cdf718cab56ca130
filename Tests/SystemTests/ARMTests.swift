import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// The hashes on a CPU that this machine isn't: built for ARMv8, and run in an emulator of it.
struct ARMTests {
    private static let tests = FilePath(#filePath).removingLastComponent()

    private func succeed(_ program: RealProgram, _ arguments: [String], in folder: FilePath) async throws -> String {
        let end = try await program.run(arguments, in: folder)
        #expect(end.exitCode == 0, "\(program.path) \(arguments): \(end)")
        return end.output
    }

    /// The digests that the implementation `name` printed: first SHA-1's, then SHA-256's.
    private func digests(_ name: String, _ output: String) -> [Substring] {
        output.split(separator: "\n").filter { $0.hasPrefix("\(name) ") }.map { $0.dropFirst(name.count + 1) }
    }

    @Test func digestsOnARMv8AreThoseOfThisMachine() async throws {
        let compiler = try RealProgram.require("clang")
        let linker = try RealProgram.require("aarch64-linux-gnu-gcc", package: "gcc-aarch64-linux-gnu")
        let emulator = try RealProgram.require("qemu-aarch64", package: "qemu-user")
        try await withTemporaryFolder { folder in
            let room = Self.tests.removingLastComponent().removingLastComponent().appending("Sources/CPieceHash")
            let sources =
                try FileManager.default.contentsOfDirectory(atPath: room.string).filter { $0.hasSuffix(".c") }
                .map { room.appending($0).string } + [Self.tests.appending("Support/ARMCheck.c").string]
            let options = ["-O3", "-Wall", "-Wextra", "-Werror", "-I", room.appending("include").string]
            _ = try await succeed(compiler, options + sources + ["-lpthread", "-o", "here"], in: folder)
            let objects = folder.appending("objects")
            try Files.makeFolders(objects)
            let target = ["--target=aarch64-linux-gnu", "-isystem", "/usr/aarch64-linux-gnu/include", "-c"]
            _ = try await succeed(compiler, target + options + sources, in: objects)
            let files = try FileManager.default.contentsOfDirectory(atPath: objects.string).filter {
                $0.hasSuffix(".o")
            }
            #expect(files.count == sources.count)
            _ = try await succeed(
                linker, ["-static"] + files.map { objects.appending($0).string } + ["-o", "there"], in: folder)

            let here = try await succeed(RealProgram(path: folder.appending("here").string), [], in: folder)
            let expected = digests("portable", here)
            #expect(expected.count == 2)
            let there = try await succeed(emulator, [folder.appending("there").string], in: folder)
            #expect(digests("portable", there) == expected)
            #expect(digests("ARMv8", there) == expected)
        }
    }
}
