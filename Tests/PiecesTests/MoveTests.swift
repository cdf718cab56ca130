import Foundation
import TestSupport
import Testing

/// `pieces move` with real files: on one file system, and from one to another.
struct MoveTests {
    private static let network = ["--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd"]

    /// A folder on another file system than the program's, where there is one.
    private func withOtherFileSystem(_ body: (URL) async throws -> Void) async throws {
        let folder = URL(fileURLWithPath: "/dev/shm").appendingPathComponent("pieces-move-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let result: Result<Void, any Error>
        do { result = .success(try await body(folder)) } catch { result = .failure(error) }
        try FileManager.default.removeItem(at: folder)
        try result.get()
    }

    /// Three files, complete and in the database, with history, a limit and a number.
    private func make(_ program: Program) async throws {
        try await program.makeSet()
        try await program.succeed("verify", "set.torrent", "--output", "here")
        try await program.succeed("limit", "1", "--upload", "5M")
    }

    private func output(_ program: Program) async throws -> String? {
        try #require(try await program.torrents().first)["output"] as? String
    }

    private func expectWhole(_ program: Program, in folder: String) async throws {
        #expect(FileManager.default.fileExists(atPath: folder + "/set/sub/b.bin"), "\(folder)")
        #expect(FileManager.default.fileExists(atPath: folder + "/set/empty"), "\(folder)")
        let verified = try await program.run("verify", "--restart")
        #expect(
            verified.status == 0 && verified.output.contains("10 pieces good"), "\(verified.output)\(verified.errors)")
        let limits = try await program.succeed("limit", "1")
        #expect(limits.output.contains("upload 5.00 MiB/s"))
        let log = try await program.succeed("log", "1")
        #expect(log.output.contains("found 10 of 10 pieces"), "the history stays")
    }

    @Test func payloadAndRecordMoveOnOneFileSystem() async throws {
        try await withProgram { program in
            try await make(program)
            let moved = try await program.succeed("move", "set", "there/deep")
            #expect(moved.output == "moved set to \(program.folder.path)/there/deep: 3 files\n")
            #expect(!program.exists("here/set") && program.exists("there/deep/set/a.bin"))
            try await expectWhole(program, in: program.folder.path + "/there/deep")
            #expect(try await program.torrents().first?["state"] as? String == "complete")
            #expect(
                try await program.succeed("log", "1").output.contains("moved       from \(program.folder.path)/here to")
            )
        }
    }

    /// `move 1 2` is more often two torrents without a folder than a new folder called 2.
    @Test func aNumberIsNoNewFolder() async throws {
        try await withProgram { program in
            try await make(program)
            let refused = try await program.run("move", "1", "1")
            #expect(refused.status == 64 && refused.errors.contains("`./1` if it is to be called that"))
            #expect(!program.exists("1"))
            try await program.succeed("move", "1", "./1")
            #expect(program.exists("1/set/a.bin"))
            try await program.succeed("move", "1", "7")
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent("1"), withIntermediateDirectories: true)
            try await program.succeed("move", "1", "1")
            #expect(program.exists("1/set/a.bin"))
        }
    }

    @Test func payloadMovesToAnotherFileSystemAndBack() async throws {
        try await withProgram { program in
            try await withOtherFileSystem { other in
                try await make(program)
                // What is the user's stays.
                try program.write("here/set/mine", bytes: 10)
                try await program.succeed("move", "1", other.path)
                #expect(program.exists("here/set/mine") && !program.exists("here/set/a.bin"))
                try await expectWhole(program, in: other.path)
                try await program.succeed("move", "1", "here", "--quiet")
                try await expectWhole(program, in: program.folder.path + "/here")
                #expect(try FileManager.default.subpathsOfDirectory(atPath: other.path) == [])
            }
        }
    }

    @Test func impossibleMovesChangeNothing() async throws {
        try await withProgram { program in
            try await make(program)
            try program.write("taken/set/a.bin", bytes: 5)
            try program.write("file", bytes: 5)
            let cases: [(String, Int32, String)] = [
                ("here", 64, "is already in"), ("here/set/sub", 64, "is in the folder of set itself"),
                ("taken", 1, "taken/set/a.bin exists already"), ("file/below", 1, "was not moved"),
                ("/proc/nowhere", 1, "was not moved"),
            ]
            for (folder, status, text) in cases {
                let answer = try await program.run("move", "1", folder)
                #expect(answer.status == status && answer.errors.contains(text), "\(folder): \(answer.errors)")
                #expect(answer.errors.split(separator: "\n").count <= 2, "\(answer.errors)")
            }
            #expect(try program.read("taken/set/a.bin").count == 5)
            #expect(try await program.run("move", "1").status == 64)
            #expect(try await program.run("move", "nothing", "there").status == 1)
            #expect(try await program.run("move", "1", "there", "--found").status == 1)
            try await expectWhole(program, in: program.folder.path + "/here")
        }
    }

    @Test func filesMovedByHandAreAdopted() async throws {
        try await withProgram { program in
            try await withOtherFileSystem { other in
                try await make(program)
                try FileManager.default.moveItem(
                    at: program.folder.appendingPathComponent("here/set"),
                    to: program.folder.appendingPathComponent("by-hand"))
                let gone = try await program.run("move", "1", "elsewhere")
                #expect(gone.status == 1 && gone.errors.contains("--found"), "\(gone.errors)")
                try FileManager.default.createDirectory(
                    at: program.folder.appendingPathComponent("new"), withIntermediateDirectories: true)
                try FileManager.default.moveItem(
                    at: program.folder.appendingPathComponent("by-hand"),
                    to: program.folder.appendingPathComponent("new/set"))
                try await program.succeed("move", "1", "new", "--found")
                try await expectWhole(program, in: program.folder.path + "/new")
                // To another file system, with one file damaged on the way: its piece is found out.
                try FileManager.default.copyItem(
                    at: program.folder.appendingPathComponent("new/set"), to: other.appendingPathComponent("set"))
                try FileManager.default.removeItem(at: program.folder.appendingPathComponent("new/set"))
                let file = try FileHandle(forUpdating: other.appendingPathComponent("set/a.bin"))
                try file.write(contentsOf: Data([0, 1, 2, 3, 4, 5, 6, 7]))
                try file.close()
                let found = try await program.succeed("move", "1", other.path, "--found")
                #expect(found.output.contains("1 piece of set is damaged or missing"), "\(found.output)")
                let torrent = try #require(try await program.torrents().first)
                #expect(torrent["pieces_have"] as? Int == 9 && torrent["state"] as? String == "queued")
            }
        }
    }

    @Test func aFileOfTwoTorrentsStaysForTheOther() async throws {
        try await withProgram { program in
            try await make(program)
            try await program.succeed(
                "create", "here/set/sub", "-o", "sub.torrent", "--piece-length", "32K", "--anonymous")
            try await program.succeed("verify", "sub.torrent", "--output", "here/set")
            let moved = try await program.succeed("move", "1", "there")
            #expect(
                moved.output.contains("kept 1 file in \(program.folder.path)/here that other torrents use too"),
                "\(moved.output)")
            #expect(program.exists("here/set/sub/b.bin") && program.exists("there/set/sub/b.bin"))
            #expect(try await program.run("verify", "--restart").status == 0)
        }
    }

    @Test func aRunningEngineLetsGoAndContinues() async throws {
        try await withProgram { program in
            try await withOtherFileSystem { other in
                try await make(program)
                let engine = try program.start(["run", "--json"] + Self.network)
                _ = try await engine.waiting(for: "\"listening\"")
                try await eventually("it to seed") {
                    try await program.torrents().first?["state"] as? String == "seeding"
                }
                try await program.succeed("move", "1", other.path)
                try await eventually("it to seed again") {
                    try await program.torrents().first?["state"] as? String == "seeding"
                }
                try await expectWhole(program, in: other.path)
                try await program.succeed("pause", "1")
                try await program.succeed("move", "1", "there")
                #expect(try await program.torrents().first?["state"] as? String == "paused", "the user's pause stays")
                engine.send(SIGTERM)
                #expect(try await engine.end().status == 0)
                try await expectWhole(program, in: program.folder.path + "/there")
            }
        }
    }

    /// A download goes on in the new folder from where it was.
    @Test func anUnfinishedDownloadMoves() async throws {
        try await withProgram { program in
            try await withOtherFileSystem { other in
                try await program.makeSet()
                try await program.succeed("verify", "set.torrent", "--output", "here", "--database", "seeder.db")
                let seeder = try program.start(["run", "--database", "seeder.db", "--json"] + Self.network)
                let line = try await seeder.waiting(for: "\"listening\"")
                let port = try #require(line.firstMatch(of: /"port":(\d+)/)?.output.1)
                let download = ["download", "set.torrent", "--peer", "127.0.0.1:\(port)", "--json"] + Self.network
                let first = try await program.start(download + ["--output", "down", "--select", "a.bin"]).end()
                #expect(first.status == 0, "\(first.errors)")
                try await program.succeed("move", "set", other.path)
                try await program.succeed("select", "set", "--all")
                let second = try await program.start(download).end()
                #expect(second.status == 0, "\(second.errors)")
                let whole = try #require(try await program.torrents().first)
                #expect(whole["downloaded_bytes"] as? Int ?? 0 <= 310_000, "nothing is downloaded twice: \(whole)")
                #expect(
                    FileManager.default.contentsEqual(
                        atPath: program.folder.path + "/here/set", andPath: other.path + "/set"))
                seeder.send(SIGTERM)
                _ = try await seeder.end()
            }
        }
    }
}
