import Foundation
import Store
import SystemPackage
import Testing

/// What commands do to torrents while no engine runs.
struct ControlTests {
    @Test func commandsPauseAndResumeATorrent() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent")
            try await program.succeed("pause", "set")
            #expect(try await program.torrents().first?["state"] as? String == "paused")
            try await program.succeed("resume", "1")
            #expect(try await program.torrents().first?["state"] as? String == "queued")
            let kinds = try await program.succeed("log", "1", "--json").objects.map { $0["kind"] as? String }
            #expect(kinds == ["added", "paused", "resumed"])
        }
    }

    @Test func torrentAddedAgainIsUnchanged() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--paused")
            let again = try await program.succeed("add", "set.torrent")
            #expect(again.output.contains("is already in the database"))
            #expect(try await program.torrents().map { $0["state"] as? String } == ["paused"])
            let elsewhere = try await program.run("add", "set.torrent", "--output", "other")
            #expect(elsewhere.status == 64)
            #expect(elsewhere.errors.contains("is already in the database"))
        }
    }

    @Test func manyTorrentsAreAddedByOneCommand() async throws {
        try await withProgram { program in
            var names: [String] = []
            for number in 0..<40 {
                try program.write("f\(number)", bytes: 10, seed: UInt64(number))
                try await program.succeed("create", "f\(number)")
                names.append("f\(number).torrent")
            }
            let answer = try await program.start(["add"] + names).end()
            #expect(answer.lines.count == 40)
            #expect(try await program.torrents().count == 40)
        }
    }

    @Test func selectionCountsPresentBytes() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try await program.succeed("select", "set", "b.bin")
            var torrent = try #require(try await program.torrents().first)
            #expect(torrent["wanted_bytes"] as? Int == 100_000)
            #expect(torrent["completed_bytes"] as? Int == 100_000)
            let files = try #require(try await program.succeed("files", "set", "--json").json as? [String: Any])
            #expect((files["files"] as? [[String: Any]])?.map { $0["wanted"] as? Bool } == [false, false, true])
            #expect((files["files"] as? [[String: Any]])?.map { $0["index"] as? Int } == [1, 2, 3])
            try await program.succeed("select", "set", "--all")
            torrent = try #require(try await program.torrents().first)
            #expect(torrent["wanted_bytes"] as? Int == 300_000)
            #expect(torrent["completed_bytes"] as? Int == 300_000)
            #expect(torrent["state"] as? String == "complete")
            let nothing = try await program.run("select", "set", "*.mkv")
            #expect(nothing.status == 64)
        }
    }

    /// The rates that users write, and how they are understood.
    @Test(arguments: [
        ("500K", "500 KiB/s"), ("2M", "2.00 MiB/s"), ("1.5MiB", "1.50 MiB/s"), ("1000", "1000 B/s"),
        ("2kb/s", "1.95 KiB/s"), ("0", "no limit"),
        ("none", "no limit"),
    ])
    func rateFormatsAreParsed(rate: String, text: String) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--download-limit", "1", "--upload-limit", "7K")
            let answer = try await program.succeed(
                "limit", "1", "--download", rate, "--max-peers", "12", "--seed-time", "1h30m")
            #expect(answer.output == "1  set: download \(text), upload 7.00 KiB/s, 12 peers, seeds for 1 h 30 min\n")
            #expect(try await program.succeed("limit", "1").output == answer.output)
        }
    }

    @Test(arguments: [
        ("--seed-time", "2h", "seeds for 2 h, 1 h 5 min so far"),
        ("--seed-ratio", "2", "seeds to a ratio of 2.00, 0.50 so far"),
    ])
    func limitShowsSeedGoalProgress(option: String, goal: String, text: String) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try await program.succeed("select", "set", "b.bin")
            let db = try Connection.open(FilePath(program.database.path), mode: .readWrite, now: .now())
            try db.execute("UPDATE torrent SET uploaded_bytes = 50000")
            try db.seedTimes.raise(TorrentID(1), to: .seconds(3900))
            let answer = try await program.succeed("limit", "1", option, goal)
            #expect(answer.output.hasSuffix(", \(text)\n"), "\(answer.output)")
            #expect(try await program.torrents().first?["seeding_seconds"] as? Int == 3900)
        }
    }

    /// Super-seeding is stored with the torrent, in either direction, by `add` and by `limit`.
    @Test func superSeedingStaysWithTheTorrent() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--super-seed")
            #expect(try await program.succeed("limit", "1").output.hasSuffix(", super-seeds\n"))
            let off = try await program.succeed("limit", "1", "--no-super-seed")
            #expect(off.output.hasSuffix(", does not super-seed\n"))
            #expect(try await program.succeed("limit", "1", "--json").output.contains(#""super_seed":false"#))
            // Another option leaves it as it is.
            try await program.succeed("limit", "1", "--upload", "1M")
            let db = try Connection.open(FilePath(program.database.path), mode: .readOnly, now: .now())
            #expect(try db.value("SELECT super_seed FROM v1_torrent", as: Int?.self) == 0)
        }
    }

    @Test(arguments: [false, true])
    func removeDeletesDataOnlyOnRequest(deletes: Bool) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try program.write("here/set/mine.txt", bytes: 10)
            try await program.succeed("verify", "set.torrent", "--output", "here")
            let answer = try await program.start(["remove", "set"] + (deletes ? ["--delete-data"] : [])).end()
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(try await program.torrents().isEmpty)
            for file in ["a.bin", "empty", "sub/b.bin"] {
                #expect(program.exists("here/set/\(file)") != deletes, "\(file)")
            }
            #expect(program.exists("here/set/sub") != deletes)
            #expect(program.exists("here/set/mine.txt"))
        }
    }

    @Test func removeKeepsATorrentWithUnreachableData() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try FileManager.default.moveItem(
                atPath: program.folder.path + "/here", toPath: program.folder.path + "/away")
            let answer = try await program.run("remove", "set", "--delete-data")
            #expect(answer.status == 1)
            #expect(try await program.torrents().count == 1)
        }
    }
}
