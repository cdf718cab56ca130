import Foundation
import Testing

/// A torrent that wants other content at the path of another torrent's file is refused when it is added, and the
/// message names the other torrent.
struct PathConflictTests {
    /// Makes a .torrent of files, each with its own seed.
    private func make(
        _ program: Program, _ torrent: String, _ name: String, _ files: [(path: String, bytes: Int, seed: UInt64)],
        source: String = "ONE"
    ) async throws {
        let folder = "content-\(torrent)/\(name)"
        for file in files {
            try program.write(file.path.isEmpty ? folder : "\(folder)/\(file.path)", bytes: file.bytes, seed: file.seed)
        }
        try await program.succeed(
            "create", folder, "-o", torrent, "--piece-length", "16K", "--anonymous", "--source", source)
    }

    struct Example: Sendable, CustomTestStringConvertible {
        let name: String
        /// The name and the files of both torrents; a single file has an empty path.
        let first: (name: String, files: [(path: String, bytes: Int, seed: UInt64)])
        let second: (name: String, files: [(path: String, bytes: Int, seed: UInt64)])
        var folders = ("out", "out")
        let isRefused: Bool

        var testDescription: String { name }
    }

    static let examples = [
        Example(
            name: "other content", first: ("u.iso", [("", 100_000, 1)]), second: ("u.iso", [("", 100_000, 2)]),
            isRefused: true),
        Example(
            name: "another length", first: ("u.iso", [("", 100_000, 1)]), second: ("u.iso", [("", 90_000, 1)]),
            isRefused: true),
        Example(
            name: "the last byte", first: ("u.iso", [("", 32_768, 1)]), second: ("u.iso", [("", 32_769, 1)]),
            isRefused: true),
        Example(
            name: "one file of many", first: ("set", [("a", 65_536, 1), ("x", 32_768, 2)]),
            second: ("set", [("b", 32_768, 3), ("x", 32_768, 4)]),
            isRefused: true),
        Example(
            name: "nested folders", first: ("d", [("e/f", 50_000, 1)]), second: ("e", [("f", 50_000, 2)]),
            folders: ("out", "out/d"),
            isRefused: true),
        Example(
            name: "nested the other way round", first: ("e", [("f", 50_000, 2)]), second: ("d", [("e/f", 50_000, 1)]),
            folders: ("out/d", "out"),
            isRefused: true),
        Example(
            name: "a link to the folder", first: ("u.iso", [("", 50_000, 1)]), second: ("u.iso", [("", 50_000, 2)]),
            folders: ("out", "link"),
            isRefused: true),
        Example(
            name: "a link above the folder", first: ("u.iso", [("", 50_000, 1)]), second: ("u.iso", [("", 50_000, 2)]),
            folders: ("out/new/x", "link/new/x"), isRefused: true),
        Example(
            name: "a file and a folder", first: ("u", [("", 50_000, 1)]), second: ("u", [("v", 50_000, 2)]),
            isRefused: true),
        Example(
            name: "a folder and a file", first: ("u", [("v", 50_000, 2)]), second: ("u", [("", 50_000, 1)]),
            isRefused: true),
        Example(
            name: "the same content", first: ("u.iso", [("", 100_000, 1)]), second: ("u.iso", [("", 100_000, 1)]),
            isRefused: false),
        Example(
            name: "the same file beside others", first: ("set", [("a", 65_536, 1), ("x", 32_768, 2)]),
            second: ("set", [("a", 65_536, 1), ("y", 32_768, 4)]), isRefused: false),
        Example(
            name: "another folder", first: ("u.iso", [("", 50_000, 1)]), second: ("u.iso", [("", 50_000, 2)]),
            folders: ("out", "other"),
            isRefused: false),
        Example(
            name: "a name that begins alike", first: ("u.iso", [("", 50_000, 1)]),
            second: ("u.iso2", [("", 50_000, 2)]), isRefused: false),
        Example(
            name: "other names in one folder", first: ("set", [("a", 50_000, 1)]), second: ("set", [("b", 50_000, 2)]),
            isRefused: false),
        Example(
            name: "other case", first: ("u.iso", [("", 50_000, 1)]), second: ("U.iso", [("", 50_000, 2)]),
            isRefused: false),
    ]

    @Test(arguments: examples) func conflictingSecondTorrentIsRejected(example: Example) async throws {
        try await withProgram { program in
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent("out"), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                at: program.folder.appendingPathComponent("link"),
                withDestinationURL: program.folder.appendingPathComponent("out"))
            try await make(program, "one.torrent", example.first.name, example.first.files)
            try await make(program, "two.torrent", example.second.name, example.second.files, source: "TWO")
            try await program.succeed("add", "one.torrent", "--output", example.folders.0)
            let answer = try await program.run("add", "two.torrent", "--output", example.folders.1)
            #expect(answer.status == (example.isRefused ? 1 : 0), "\(answer.errors)")
            #expect(
                answer.errors.contains("torrent 1 (\(example.first.name))") == example.isRefused, "\(answer.errors)")
            #expect(try await program.torrents().count == (example.isRefused ? 1 : 2))
        }
    }

    @Test func otherTorrentsOfTheCommandAreAdded() async throws {
        try await withProgram { program in
            try await make(program, "one.torrent", "u.iso", [("", 50_000, 1)])
            try await make(program, "two.torrent", "u.iso", [("", 50_000, 2)])
            try await make(program, "three.torrent", "v.iso", [("", 50_000, 3)])
            let answer = try await program.run("add", "one.torrent", "two.torrent", "three.torrent", "--output", "out")
            #expect(
                answer.status == 1 && answer.lines.count == 2 && answer.errors.contains("u.iso"),
                "torrents of one command are compared, too")
            #expect(try await program.torrents().compactMap { $0["name"] as? String } == ["u.iso", "v.iso"])
        }
    }

    @Test func unselectedFileIsNoConflict() async throws {
        try await withProgram { program in
            try await make(program, "one.torrent", "set", [("a", 65_536, 1), ("x", 32_768, 2)])
            try await make(program, "two.torrent", "set", [("b", 65_536, 3), ("x", 32_768, 4)])
            try await program.succeed("add", "one.torrent", "--output", "out")
            try await program.succeed("add", "two.torrent", "--output", "out", "--select", "*/b")
            #expect(try await program.torrents().count == 2)
        }
    }

    @Test func removedTorrentIsNoConflict() async throws {
        try await withProgram { program in
            try await make(program, "one.torrent", "u.iso", [("", 50_000, 1)])
            try await make(program, "two.torrent", "u.iso", [("", 50_000, 2)])
            try await program.succeed("add", "one.torrent", "--output", "out")
            try await program.succeed("remove", "1")
            try await program.succeed("add", "two.torrent", "--output", "out")
        }
    }
}
