import Foundation
import Testing

/// Where the database lies: its folder, who may read it, and what stands in its place.
struct PlaceTests {
    private func mode(_ name: String, _ program: Program) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(
            atPath: program.folder.appendingPathComponent(name).path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test(arguments: [
        ["add", "set.torrent"], ["download", "set.torrent"], ["run", "--until-complete"],
        ["verify", "set.torrent", "-o", "here"],
    ])
    func missingDatabaseFolderIsCreated(command: [String]) async throws {
        try await withProgram { program in
            try await program.makeSet()
            // Payload that is there makes the download one that ends.
            let database = "new/dir/p.db"
            let place =
                command[0] == "download" ? ["--output", "here", "--listen-port", "0", "--bind", "127.0.0.1"] : []
            let network = command[0] == "run" ? ["--listen-port", "0", "--bind", "127.0.0.1"] : []
            let answer = try await program.start(command + place + network + ["--database", database]).end()
            #expect(answer.status == 0, "\(answer)")
            for folder in ["new", "new/dir"] { #expect(try mode(folder, program) == 0o700) }
        }
    }

    @Test(arguments: [["status"], ["doctor"], ["log"], ["pause", "1"]]) func commandsThatNeedADatabaseCreateNoFolder(
        command: [String]
    )
        async throws
    {
        try await withProgram { program in
            _ = try await program.start(command + ["--database", "new/dir/p.db"]).end()
            #expect(!program.exists("new"))
        }
    }

    /// Addresses of trackers have passwords in them.
    @Test func databaseFilesArePrivateToTheUser() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "here")
            let network = ["--listen-port", "0", "--bind", "127.0.0.1"]
            #expect(try await program.start(["run", "--until-complete"] + network).end().status == 0)
            try await program.succeed("database", "backup", "copy.db")
            let names =
                try FileManager.default.contentsOfDirectory(atPath: program.folder.path).filter {
                    $0.hasPrefix("pieces.db")
                } + ["copy.db"]
            #expect(names.contains("pieces.db") && names.contains("pieces.db.lock"))
            for name in names { #expect(try mode(name, program) == 0o600, "\(name)") }
        }
    }

    /// Who may read a file may lock it, and would keep the engine from starting.
    @Test func lockFileStaysPrivateWhenTheDatabaseIsReadable() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "here")
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: program.database.path)
            let network = ["--listen-port", "0", "--bind", "127.0.0.1"]
            #expect(try await program.start(["run", "--until-complete"] + network).end().status == 0)
            #expect(try mode("pieces.db.lock", program) == 0o600)
        }
    }

    @Test(
        arguments: [
            ["download", "set.torrent"], ["run"], ["add", "set.torrent"], ["database", "salvage"], ["status"],
        ], ["notes", "link"])
    func rejectedFileLeavesNothingBesideIt(command: [String], name: String) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent("theirs"), withIntermediateDirectories: true)
            let notes = Array(String(repeating: "root:x:0:0\n", count: 500).utf8)
            try program.write("theirs/notes", notes)
            if name == "link" {
                try FileManager.default.createSymbolicLink(
                    at: program.folder.appendingPathComponent("theirs/link"),
                    withDestinationURL: program.folder.appendingPathComponent("theirs/notes"))
            }
            let answer = try await program.start(command + ["--database", "theirs/\(name)"]).end()
            #expect(answer.status == 1 && answer.errors.contains("not a database"), "\(answer)")
            #expect(try program.read("theirs/notes") == notes)
            let left = try FileManager.default.contentsOfDirectory(
                atPath: program.folder.appendingPathComponent("theirs").path)
            #expect(Set(left) == Set(["notes", name]))
        }
    }

    @Test(arguments: [["download", "set.torrent"], ["run"], ["status"], ["database", "salvage"]])
    func pipeInPlaceOfTheLockIsReported(
        command: [String]
    ) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "here")
            #expect(mkfifo(program.database.path + ".lock", 0o600) == 0)
            let answer = try await program.start(command).end()
            #expect(answer.status == 1 && answer.errors.contains("the lock file is not a regular file"), "\(answer)")
        }
    }

    @Test(arguments: [["create", "here/set", "-o", "set.torrent"], ["export", "1", "set.torrent"]])
    func existingOutputFileIsNotOverwritten(
        command: [String]
    ) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "here")
            let before = try program.read("set.torrent")
            let answer = try await program.start(command).end()
            #expect(
                answer.status == 1
                    && answer.errors.contains(
                        "set.torrent already exists; choose another name, or use --force to overwrite"),
                "\(answer)")
            #expect(try program.read("set.torrent") == before)
            #expect(try await program.start(command + ["--force"]).end().status == 0)
        }
    }
}
