import Foundation
import TestSupport
import Testing

/// `pieces rename` with real files.
struct RenameTests {
    private static let network = ["--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd"]

    /// Three files, complete and in the database.
    private func make(_ program: Program) async throws {
        try await program.makeSet()
        try await program.succeed("verify", "set.torrent", "--output", "here")
    }

    private func paths(_ program: Program) async throws -> [String] {
        let files = try await program.succeed("files", "1", "--json").json as? [String: Any]
        return (files?["files"] as? [[String: Any]])?.compactMap { $0["path"] as? String } ?? []
    }

    private func expectWhole(_ program: Program) async throws {
        for path in try await paths(program) { #expect(program.exists("here/" + path), "\(path)") }
        let verified = try await program.run("verify", "--restart")
        #expect(
            verified.status == 0 && verified.output.contains("10 pieces good"), "\(verified.output)\(verified.errors)")
    }

    @Test func filesFoldersAndTheRootGetOtherNames() async throws {
        try await withProgram { program in
            try await make(program)
            let before = try program.read("set.torrent")
            try await program.succeed("rename", "1", "a.bin", "é ü.bin")
            #expect(program.exists("here/set/é ü.bin") && !program.exists("here/set/a.bin"))
            try await expectWhole(program)
            try await program.succeed("rename", "set", "3", "deep/er/b")
            #expect(program.exists("here/set/deep/er/b") && !program.exists("here/set/sub"))
            try await program.succeed("rename", "set", "deep/er", "flat")
            #expect(try await paths(program) == ["set/é ü.bin", "set/empty", "set/deep/flat/b"])
            let renamed = try await program.succeed("rename", "1", "Other", "--json")
            #expect(try renamed.objects.first?["name"] as? String == "Other")
            #expect(try renamed.objects.first?["files_renamed"] as? Int == 3)
            #expect(program.exists("here/Other/deep/flat/b") && !program.exists("here/set"))
            try await expectWhole(program)
            // The metainfo stays.
            try await program.succeed("export", "Other", "again.torrent")
            #expect(try program.read("again.torrent") == before)
            let log = try await program.succeed("log", "1")
            #expect(log.output.contains("renamed     set to Other"), "\(log.output)")
            // Moves, selections and removals use the names.
            try await program.succeed("move", "1", "there")
            #expect(program.exists("there/Other/é ü.bin") && program.exists("there/Other/deep/flat/b"))
            try await program.succeed("select", "1", "é ü.bin")
            try await program.succeed("select", "1", "--all")
            try await program.succeed("move", "1", "here")
            // The names of the .torrent undo everything.
            try await program.succeed("rename", "1", "set")
            try await program.succeed("rename", "1", "deep/flat/b", "sub/b.bin")
            try await program.succeed("rename", "1", "1", "a.bin")
            #expect(try await paths(program) == ["set/a.bin", "set/empty", "set/sub/b.bin"])
            let files = try await program.succeed("files", "1", "--json").json as? [String: Any]
            for file in files?["files"] as? [[String: Any]] ?? [] {
                #expect(file["path"] as? String == file["metainfo_path"] as? String)
            }
            try await program.succeed("rename", "1", "last")
            try await program.succeed("remove", "1", "--delete-data")
            #expect(!program.exists("here/last"))
        }
    }

    @Test func theOnlyFileIsRenamed() async throws {
        try await withProgram { program in
            try program.write("here/one", bytes: 100_000)
            try await program.succeed("create", "here/one", "-o", "one.torrent", "--anonymous")
            try await program.succeed("verify", "one.torrent", "--output", "here")
            try await program.succeed("rename", "1", "two")
            try await program.succeed("rename", "1", "two", "three")
            #expect(program.exists("here/three") && !program.exists("here/one") && !program.exists("here/two"))
            #expect(try await program.run("verify", "--restart").status == 0)
            #expect(try await program.run("rename", "1", "three", "x/y").status == 64)
        }
    }

    @Test func impossibleNamesChangeNothing() async throws {
        try await withProgram { program in
            try await make(program)
            try program.write("here/set/mine", bytes: 10)
            try program.write("here/other/a.bin", bytes: 10)
            let cases: [([String], Int32, String)] = [
                (["1", "a.bin", "mine"], 1, "here/set/mine exists already"),
                (["1", "a.bin", "mine/x"], 1, "was not renamed"),
                (["1", "other"], 1, "here/other/a.bin exists already"),
                (["1", "a.bin", "empty"], 64, "would be the path of two files"),
                (["1", "a.bin", "sub"], 64, "or of a file and a folder"), (["1", "a.bin", "a.bin"], 64, "already"),
                (["1", "a.bin", "empty/x"], 64, "two files"), (["1", "set"], 64, "already"),
                (["1", "sub", "sub/deeper"], 0, ""), (["1", "sub/deeper", "./sub"], 0, ""),
                (["1", "a.bin", "../x"], 64, "can't be the name"), (["1", "a.bin", "/x"], 64, "is not below"),
                (["1", "x/y"], 64, "is not a name"), (["1", "nothing", "x"], 64, "has no file or folder"),
                (["1", "9", "x"], 64, "has no file or folder"), (["1"], 64, "no renaming of set is unfinished"),
                (["1", "--undo"], 64, "no renaming"), (["2", "x"], 1, "no torrent matches"),
                (["1", "a", "b", "c"], 64, "quote names"),
            ]
            for (arguments, status, text) in cases {
                let answer = try await program.start(["rename"] + arguments).end()
                #expect(answer.status == status, "\(arguments): \(answer.errors)")
                #expect(text.isEmpty || answer.errors.contains(text), "\(arguments): \(answer.errors)")
                #expect(answer.errors.split(separator: "\n").count <= 2, "\(answer.errors)")
            }
            #expect(try await paths(program) == ["set/a.bin", "set/empty", "set/sub/b.bin"])
            #expect(try program.read("here/set/mine").count == 10)
            try await expectWhole(program)
        }
    }

    @Test func aRunningEngineContinuesWithTheNewNames() async throws {
        try await withProgram { program in
            try await make(program)
            let engine = try program.start(["run", "--json"] + Self.network)
            _ = try await engine.waiting(for: "\"listening\"")
            func seeds() async throws {
                try await eventually("it to seed") {
                    try await program.torrents().first?["state"] as? String == "seeding"
                }
            }
            try await seeds()
            try await program.succeed("rename", "1", "a.bin", "b.bin")
            try await seeds()
            try await program.succeed("rename", "1", "Other")
            try await seeds()
            #expect(program.exists("here/Other/b.bin") && !program.exists("here/set"))
            engine.send(SIGTERM)
            #expect(try await engine.end().status == 0)
            try await expectWhole(program)
        }
    }

    /// A torrent without files yet gets them under the new names, and a half-way download continues under them.
    @Test func aDownloadUsesTheNewNames() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here", "--database", "seeder.db")
            let seeder = try program.start(["run", "--database", "seeder.db", "--json"] + Self.network)
            let line = try await seeder.waiting(for: "\"listening\"")
            let port = try #require(line.firstMatch(of: /"port":(\d+)/)?.output.1)
            let download = ["download", "1", "--peer", "127.0.0.1:\(port)", "--json"] + Self.network
            try await program.succeed("add", "set.torrent", "--output", "down", "--select", "a.bin")
            try await program.succeed("rename", "1", "a.bin", "first/a")
            try await program.succeed("rename", "1", "Root")
            #expect(!program.exists("down"), "a renaming makes no folder")
            let first = try await program.start(download).end()
            #expect(first.status == 0 && program.exists("down/Root/first/a"), "\(first.errors)")
            try await program.succeed("rename", "1", "first", "second")
            try await program.succeed("select", "1", "--all")
            let second = try await program.start(download).end()
            #expect(second.status == 0, "\(second.errors)")
            #expect(try program.read("down/Root/second/a") == program.read("here/set/a.bin"))
            #expect(try program.read("down/Root/sub/b.bin") == program.read("here/set/sub/b.bin"))
            let whole = try #require(try await program.torrents().first)
            #expect(whole["downloaded_bytes"] as? Int ?? 0 <= 340_000, "nothing is downloaded twice: \(whole)")
            seeder.send(SIGTERM)
            _ = try await seeder.end()
        }
    }

    /// A file of two torrents keeps its name for the other one.
    @Test func aSharedFileStaysForTheOther() async throws {
        try await withProgram { program in
            try await make(program)
            try await program.succeed(
                "create", "here/set/sub", "-o", "sub.torrent", "--piece-length", "32K", "--anonymous")
            try await program.succeed("verify", "sub.torrent", "--output", "here/set")
            try await program.succeed("rename", "1", "3", "c.bin")
            #expect(program.exists("here/set/sub/b.bin") && program.exists("here/set/sub/c.bin"))
            #expect(try await program.run("verify", "--restart").status == 0)
        }
    }

    /// A torrent of one file, in the database.
    private func add(_ program: Program, _ path: String, seed: UInt64, bytes: Int = 50_000, isThere: Bool) async throws
    {
        let name = try #require(path.split(separator: "/").first.map(String.init))
        try program.write("content-\(seed)/\(path)", bytes: bytes, seed: seed)
        try await program.succeed(
            "create", "content-\(seed)/\(name)", "-o", "\(seed).torrent", "--piece-length", "16K", "--anonymous",
            "--source", "\(seed)")
        if isThere {
            try program.write("here/\(path)", bytes: bytes, seed: seed)
            try await program.succeed("verify", "\(seed).torrent", "--output", "here")
        } else {
            try await program.succeed("add", "\(seed).torrent", "--output", "here")
        }
    }

    /// A path with other content of another torrent is refused, whether or not the file is there yet.
    @Test(arguments: [true, false]) func pathsOfOtherTorrentsAreRefused(areThere: Bool) async throws {
        try await withProgram { program in
            try await make(program)
            try await add(program, "books/a.bin", seed: 71, isThere: areThere)
            try await add(program, "one.iso", seed: 72, isThere: areThere)
            try await add(program, "set/deep/x", seed: 73, isThere: areThere)
            let cases: [([String], String)] = [
                (["1", "books"], "here/books/a.bin is also a file of torrent 2 (books), with different content"),
                (["1", "one.iso"], "here/one.iso is a file of torrent 3 (one.iso), and a folder of this torrent"),
                (
                    ["1", "a.bin", "deep/x"],
                    "here/set/deep/x is also a file of torrent 4 (set), with different content"
                ),
                (["1", "a.bin", "deep"], "here/set/deep is a folder of torrent 4 (set), and a file of this torrent"),
                (["1", "a.bin", "deep/x/y"], "here/set/deep/x is a file of torrent 4 (set), and a folder"),
                (["one.iso", "books"], "here/books is a folder of torrent 2 (books), and a file of this torrent"),
            ]
            for (arguments, words) in cases {
                let answer = try await program.start(["rename"] + arguments).end()
                #expect(answer.status == 1 && answer.errors.contains(words), "\(arguments): \(answer.errors)")
                #expect(answer.errors.split(separator: "\n").count == 1, "\(answer.errors)")
            }
            #expect(try await paths(program) == ["set/a.bin", "set/empty", "set/sub/b.bin"])
        }
    }

    /// Files keep their names until a torrent that has the same file under the new one is removed.
    @Test func aFileThatAnotherTorrentHasIsNotReplaced() async throws {
        try await withProgram { program in
            try await add(program, "one.iso", seed: 75, isThere: true)
            try program.write("content/two.iso", bytes: 50_000, seed: 75)
            try await program.succeed(
                "create", "content/two.iso", "-o", "two.torrent", "--piece-length", "32K", "--anonymous")
            try program.write("here/two.iso", bytes: 50_000, seed: 75)
            try await program.succeed("verify", "two.torrent", "--output", "here")
            let answer = try await program.run("rename", "2", "one.iso")
            #expect(
                answer.status == 1
                    && answer.errors.contains("here/one.iso is also a file of torrent 1 (one.iso); choose"),
                "\(answer.errors)")
            #expect(program.exists("here/one.iso") && program.exists("here/two.iso"))
        }
    }

    /// Torrents may share a folder. The command says so when a torrent comes into one, and not again.
    @Test func foldersOfOtherTorrentsAreNamed() async throws {
        try await withProgram { program in
            try await make(program)
            try await add(program, "books/x", seed: 81, isThere: true)
            try await add(program, "books/sub/y", seed: 82, isThere: false)
            let root = try await program.succeed("rename", "1", "books")
            #expect(
                root.output.contains("here/books is also a folder of torrent 2 (books) and of 1 other torrent\n"),
                "\(root.output)")
            let inside = try await program.succeed("rename", "1", "a.bin", "b.bin")
            #expect(!inside.output.contains("is also a folder"), "\(inside.output)")
            let back = try await program.succeed("rename", "1", "set")
            #expect(!back.output.contains("is also a folder"), "\(back.output)")
            #expect(program.exists("here/set/b.bin") && program.exists("here/books/x"))
            // A name that the torrent got is a torrent's path like any other.
            try await program.succeed("rename", "1", "series")
            try program.write("other/series/b.bin", bytes: 999)
            try await program.succeed("create", "other/series", "-o", "other.torrent", "--anonymous")
            let refused = try await program.run("add", "other.torrent", "--output", "here")
            #expect(refused.status == 1 && refused.errors.contains("torrent 1 (series)"), "\(refused.errors)")
            try await expectWhole(program)
        }
    }
}
