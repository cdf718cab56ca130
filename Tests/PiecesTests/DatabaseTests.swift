import Foundation
import Testing

/// `pieces database`: its words, its JSON and its exit codes.
struct DatabaseTests {
    /// A database with a few torrents, and a page of one of its tables overwritten.
    private func damage(_ program: Program) async throws {
        // The first page after those of the schema is the root of a table; which one doesn't matter here.
        let size = try program.read("pieces.db").count
        #expect(size > 20 * 4096)
        let file = try FileHandle(forUpdating: program.database)
        try file.seek(toOffset: 9 * 4096)
        try file.write(contentsOf: Data(repeating: 0xa5, count: 4096))
        try file.close()
    }

    private func populate(_ program: Program) async throws {
        for n in 0..<3 {
            try program.write("in/\(n).bin", bytes: 100_000, seed: UInt64(n))
            try await program.succeed(
                "create", "in/\(n).bin", "-o", "\(n).torrent", "--piece-length", "32K", "--anonymous")
            try await program.succeed("add", "\(n).torrent", "--output", "in", "--paused")
        }
    }

    @Test func intactDatabaseIsReportedAsSound() async throws {
        try await withProgram { program in
            try await populate(program)
            #expect(try await program.succeed("database", "check").output.contains("no damage found"))
            let json = try #require(try await program.succeed("database", "check", "--json").json as? [String: Any])
            #expect(json["sound"] as? Bool == true && (json["faults"] as? [String])?.isEmpty == true)
            #expect(try await program.succeed("database", "salvage").output.contains("no damage found"))
            let none = try await program.run("database", "restore")
            #expect(none.status == 1 && none.errors.contains("no backup"))
        }
    }

    @Test func damagedDatabaseIsReportedAndRecovered() async throws {
        try await withProgram { program in
            try await populate(program)
            try await program.succeed("database", "backup", "copy.db")
            try await damage(program)
            let before = try program.read("pieces.db")
            let check = try await program.run("database", "check")
            #expect(check.status == 2 && check.errors.contains("pieces database salvage"), "\(check.errors)")
            let json = try await program.run("database", "check", "--json")
            #expect(json.status == 2)
            #expect((try json.json as? [String: Any])?["sound"] as? Bool == false)
            #expect(try await program.run("database", "backup", "other.db").status == 2)
            #expect(!program.exists("other.db"))
            // Commands that only read mend nothing.
            _ = try await program.run("status")
            #expect(try program.read("pieces.db") == before)

            let salvage = try await program.run("database", "salvage")
            #expect(salvage.status == 0, "\(salvage.errors)")
            #expect(
                salvage.output.hasPrefix("the database was damaged (")
                    && salvage.output.contains("3 of 3 torrents were recovered"))
            #expect(try await program.torrents().count == 3)
            #expect(try await program.run("database", "check").status == 0)
            let aside = try FileManager.default.contentsOfDirectory(atPath: program.folder.path).filter {
                $0.contains(".damaged-")
            }
            #expect(aside.count == 1)
            #expect(try program.read(aside[0]) == before)
        }
    }

    @Test func unreadableDatabaseIsRestoredFromABackup() async throws {
        try await withProgram { program in
            try await populate(program)
            try await program.succeed("database", "backup", "copy.db")
            let noise = (0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try program.write("pieces.db", noise)
            for command in [["status"], ["database", "check"], ["add", "0.torrent"]] {
                let answer = try await program.start(command).end()
                #expect(
                    answer.status == 1 && answer.errors.contains("pieces.db") && answer.errors.contains("salvage"),
                    "\(command): \(answer.errors)")
            }
            let salvage = try await program.run("database", "salvage")
            #expect(salvage.status == 1 && salvage.errors.contains("nothing in it shows"), "\(salvage.errors)")
            #expect(try program.read("pieces.db") == noise)
            let json = try #require(
                try await program.succeed("database", "restore", "copy.db", "--json").json as? [String: Any])
            #expect(json["torrents"] as? Int == 3)
            let aside = try #require(json["set_aside"] as? String)
            #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: aside))) == noise)
            #expect(try await program.torrents().count == 3)
            try program.write("bad.db", noise)
            #expect(try await program.run("database", "restore", "bad.db").status == 2)
            #expect(try await program.torrents().count == 3)
        }
    }

    /// What a running engine has can neither be restored nor salvaged; its start mends, and says so.
    @Test func engineStartRecoversADamagedDatabase() async throws {
        try await withProgram { program in
            try await populate(program)
            try await program.succeed("database", "backup", "copy.db")
            try await damage(program)
            // The version that the header tells is of no schema that has its migrations: found at every start.
            let file = try FileHandle(forUpdating: program.database)
            try file.seek(toOffset: 60)
            try file.write(contentsOf: Data([1]))
            try file.close()
            let refused = try await program.run("status")
            #expect(
                refused.status == 1 && refused.errors.contains("repair it with `pieces run`"),
                "\(refused.errors)")
            let engine = try program.start([
                "run", "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd", "--json",
            ])
            _ = try await engine.waiting(for: "listening")
            for command in [["database", "restore", "copy.db"], ["database", "salvage"]] {
                let answer = try await program.start(command).end()
                #expect(answer.status == 1 && answer.errors.contains("already running"), "\(answer.errors)")
            }
            #expect(try await program.torrents().count == 3)
            engine.send(SIGTERM)
            let end = try await engine.end()
            #expect(end.status == 0)
            #expect(
                end.errors.contains("the database was damaged (")
                    && end.errors.contains("3 of 3 torrents were recovered"), "\(end.errors)")
            #expect(try await program.succeed("log").output.contains("the database was damaged"))
        }
    }
}
