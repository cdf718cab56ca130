import Foundation
import Testing

/// `pieces database backups`, and what is told after a backup was restored.
struct BackupsTests {
    @Test func backupSettingsAreShownAndChanged() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--paused")
            #expect(
                try await program.succeed("database", "backups").output
                    == "a running engine makes a backup every 1 d and keeps the newest 3\n")
            let rarer = try await program.succeed("database", "backups", "--every", "12h").output
            #expect(rarer == "a running engine makes a backup every 12 h and keeps the newest 3\n")
            #expect(
                try await program.succeed("database", "backups", "--keep", "0").output == "automatic backups are off\n")
            let more = try await program.succeed("database", "backups", "--keep", "7").output
            #expect(more == "a running engine makes a backup every 12 h and keeps the newest 7\n")
            for bad in [["--every", "30s"], ["--every", "53w"], ["--keep", "101"], ["--keep", "-1"]] {
                #expect(try await program.run("database", "backups", bad[0], bad[1]).status == 64, "\(bad)")
            }
        }
    }

    @Test func statusReportsARecentRestore() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--paused")
            try await program.succeed("database", "backup", "copy.db")
            let before = try #require(try await program.succeed("status", "--json").json as? [String: Any])
            #expect(before["mended"] is NSNull)
            try await program.succeed("database", "restore", "copy.db")
            let after = try #require(try await program.succeed("status", "--json").json as? [String: Any])
            let mended = try #require(after["mended"] as? [String: Any])
            let what = try #require(mended["what"] as? String)
            #expect(what.contains("copy.db was restored") && mended["at"] is Int)
            #expect(try await program.succeed("status").output.contains(what))
        }
    }

    /// Nothing begins anew in the place of a database that is gone and has backups, and everything says how to get it
    /// back.
    @Test(arguments: [true, false]) func lostDatabaseIsNotReplacedByAnEmptyOne(isEmpty: Bool) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--paused")
            for name in ["pieces.db.backup-20260301T140512Z", "pieces.db.backup-20260401T140512Z"] {
                try await program.succeed("database", "backup", name)
            }
            for name in ["pieces.db", "pieces.db-wal", "pieces.db-shm"] where program.exists(name) {
                try FileManager.default.removeItem(at: program.folder.appendingPathComponent(name))
            }
            if isEmpty { try program.write("pieces.db", []) }
            // An engine mends a file that is empty, from the newest backup.
            let mending = [["run", "--until-complete"], ["download", "set.torrent"], ["database", "salvage"]]
            let others = [
                ["status"], ["status", "--json"], ["doctor"], ["add", "set.torrent"], ["log"], ["pause", "1"],
                ["verify", "set.torrent", "-o", "here"],
            ]
            for command in others + (isEmpty ? [] : mending) {
                let answer = try await program.start(command).end()
                #expect(answer.status == 1 && answer.output.isEmpty, "\(command): \(answer)")
                for word in ["2026-04-01", "pieces database restore", "move the backups"] {
                    #expect(answer.errors.contains(word), "\(command): \(answer.errors)")
                }
                #expect(isEmpty ? try program.read("pieces.db").isEmpty : !program.exists("pieces.db"), "\(command)")
            }
            if isEmpty {
                try await program.succeed("database", "salvage")
            } else {
                try await program.succeed("database", "restore")
            }
            #expect(try await program.torrents().count == 1)
        }
    }

    @Test func newDatabaseIsCreatedWhenNoBackupExists() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try program.write("pieces.db.backup-20260301T140512Z", [1, 2, 3])
            #expect(try await program.run("add", "set.torrent").status == 1)
            try FileManager.default.removeItem(
                at: program.folder.appendingPathComponent("pieces.db.backup-20260301T140512Z"))
            try await program.succeed("add", "set.torrent")
        }
    }
}
