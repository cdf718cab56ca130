import Foundation
import Testing

/// `--quiet` and `--json` of the commands that change torrents, `remove --dry-run`, and errors as JSON.
struct ChangeOutputTests {
    @Test func changesAreReportedAsJSON() async throws {
        try await withProgram { program in
            try await program.makeSet()
            func one(_ arguments: String...) async throws -> [String: Any] {
                let answer = try await program.start(arguments + ["--json"]).end()
                #expect(answer.status == 0 && answer.errors.isEmpty, "\(arguments): \(answer)")
                let object = try #require(try answer.objects.first)
                #expect(object["id"] as? Int == 1 && object["name"] as? String == "set")
                #expect((object["info_hash"] as? String)?.count == 40)
                return object
            }
            let added = try await one("add", "set.torrent", "--paused", "--output", "here")
            #expect(added["event"] as? String == "added" && added["state"] as? String == "paused")
            #expect(added["total_bytes"] as? Int == 300_000)
            #expect(try await one("add", "set.torrent")["event"] as? String == "known")
            #expect(try await one("resume", "set")["event"] as? String == "resumed")
            #expect(try await one("pause", "set")["event"] as? String == "paused")
            let limits = try await one("limit", "set", "--upload", "1K", "--seed-ratio", "1.5")
            #expect(limits["event"] as? String == "limits" && limits["upload_limit"] as? Int == 1024)
            #expect(limits["download_limit"] is NSNull && limits["seed_ratio"] as? Double == 1.5)
            let selected = try await one("select", "set", "b.bin")
            #expect(selected["event"] as? String == "selected" && selected["files_selected"] as? Int == 1)
            #expect(selected["wanted_bytes"] as? Int == 100_000)
            #expect(try await one("remove", "set", "--dry-run")["event"] as? String == "would_remove")
            #expect(try await one("remove", "set")["event"] as? String == "removed")
        }
    }

    @Test func quietCommandsPrintNothing() async throws {
        try await withProgram { program in
            try await program.makeSet()
            for command in [
                ["add", "set.torrent"], ["pause", "1"], ["resume", "1"], ["limit", "1", "--upload", "1M"],
                ["select", "1", "b.bin"], ["remove", "1", "--dry-run"], ["remove", "1"],
            ] {
                let answer = try await program.start(command + ["--quiet"]).end()
                #expect(answer.status == 0 && answer.output.isEmpty && answer.errors.isEmpty, "\(command): \(answer)")
            }
        }
    }

    @Test(
        arguments: [
            (["status", "nosuch", "--json"], 1, "no database"), (["pause", "--json"], 64, "torrent"),
            (["add", "no.torrent", "--json"], 1, "no.torrent"), (["frobnicate", "--json"], 64, "frobnicate"),
            (["verify", "--json"], 1, "no database"),
        ] as [([String], Int32, String)])
    func errorsAreJSONToo(arguments: [String], status: Int32, says: String) async throws {
        try await withProgram { program in
            let answer = try await program.start(arguments).end()
            #expect(answer.status == status)
            let objects = try answer.errors.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            let object = try #require(objects.first)
            #expect(["error", "problem"].contains(object["event"] as? String), "\(answer.errors)")
            #expect((object["message"] as? String)?.contains(says) == true, "\(answer.errors)")
            if object["event"] as? String == "error" { #expect(object["exit_code"] as? Int32 == status) }
        }
    }

    @Test func dryRunShowsWhatARemovalDeletes() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            let plain = try await program.succeed("remove", "set", "--dry-run")
            #expect(plain.output == "would remove 1  set\n")
            let plan = try await program.succeed("remove", "set", "--delete-data", "--dry-run")
            #expect(plan.output.hasPrefix("would remove 1  set, and delete 3 files\n"), "\(plan.output)")
            #expect(plan.output.contains("here/set/sub/b.bin"))
            #expect(program.exists("here/set/a.bin"))
            #expect(try await program.torrents().count == 1)
            let removed = try await program.succeed("remove", "set", "--delete-data")
            #expect(removed.output.contains("3 files deleted"))
        }
    }

    @Test func allTorrentsAreRemovedOnlyWithConsent() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent")
            let asked = try await program.run("remove", "--all")
            #expect(asked.status == 64 && asked.errors.contains("--yes"), "\(asked.errors)")
            #expect(try await program.torrents().count == 1)
            try await program.succeed("remove", "--all", "--dry-run")
            try await program.succeed("remove", "--all", "--yes")
            #expect(try await program.torrents().isEmpty)
        }
    }
}
