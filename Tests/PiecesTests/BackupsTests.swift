import Foundation
import Testing

/// `pieces database backups`, and what is told after a backup was restored.
struct BackupsTests {
    @Test func theSettingsAreShownAndSet() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--paused")
            #expect(try await program.succeed("database", "backups").output == "a running engine makes a backup every 1 d, and keeps 3\n")
            let rarer = try await program.succeed("database", "backups", "--every", "12h").output
            #expect(rarer == "a running engine makes a backup every 12 h, and keeps 3\n")
            #expect(try await program.succeed("database", "backups", "--keep", "0").output == "no backups are made\n")
            let more = try await program.succeed("database", "backups", "--keep", "7").output
            #expect(more == "a running engine makes a backup every 12 h, and keeps 7\n")
            for bad in [["--every", "30s"], ["--every", "53w"], ["--keep", "101"], ["--keep", "-1"]] {
                #expect(try await program.run("database", "backups", bad[0], bad[1]).status == 64, "\(bad)")
            }
        }
    }

    @Test func aRestoredDatabaseSaysSoForAWhile() async throws {
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
}
