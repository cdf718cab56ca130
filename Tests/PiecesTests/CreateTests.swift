import Foundation
import Testing

struct CreateTests {
    @Test func createdTorrentRoundTripsThroughShowAddAndExport() async throws {
        try await withProgram { program in
            try program.write("set/ü b.bin", bytes: 70_000)
            try program.write("set/a/x.txt", bytes: 10)
            try await program.succeed(
                "create", "set", "-o", "t.torrent", "--tracker", "http://one.example/a,udp://two.example:80",
                "--tracker", "https://three.example/a",
                "--web-seed", "http://seed.example/", "--piece-length", "16K", "--private", "--comment", "a remark",
                "--source", "HERE")
            let shown = try #require(try await program.succeed("show", "t.torrent", "--json").json as? [String: Any])
            #expect(
                Set(shown.keys) == [
                    "info_hash", "info_hash_v2", "name", "total_bytes", "piece_length", "piece_count", "private",
                    "files", "trackers",
                    "web_seeds", "comment",
                    "created_by", "creation_date",
                ])
            #expect(shown["name"] as? String == "set")
            #expect(shown["total_bytes"] as? Int == 70_010)
            #expect(shown["piece_length"] as? Int == 16384)
            #expect(shown["piece_count"] as? Int == 5)
            #expect(shown["private"] as? Bool == true)
            #expect(
                shown["trackers"] as? [[String]] == [
                    ["http://one.example/a", "udp://two.example:80"], ["https://three.example/a"],
                ])
            #expect(shown["web_seeds"] as? [String] == ["http://seed.example/"])
            #expect(shown["comment"] as? String == "a remark")
            #expect((shown["created_by"] as? String)?.hasPrefix("pieces ") == true)
            #expect(shown["creation_date"] as? Int != nil)
            let files = try #require(shown["files"] as? [[String: Any]])
            #expect(files.map { $0["path"] as? String } == ["set/a/x.txt", "set/ü b.bin"])
            #expect(files.map { $0["length"] as? Int } == [10, 70_000])
            #expect(files.map { $0["pad"] as? Bool } == [false, false])

            try await program.succeed("add", "t.torrent", "--paused")
            let hash = try #require(shown["info_hash"] as? String)
            try await program.succeed("export", String(hash.prefix(6)), "copy.torrent")
            #expect(try program.read("copy.torrent") == program.read("t.torrent"))
        }
    }

    @Test func equalContentMakesEqualTorrents() async throws {
        try await withProgram { program in
            for folder in ["one", "two"] {
                for name in ["b", "a", "c/d"] {
                    try program.write("\(folder)/set/\(name)", bytes: 1000, seed: UInt64(name.count))
                }
                try await program.succeed("create", "\(folder)/set", "-o", "\(folder).torrent", "--anonymous")
            }
            #expect(try program.read("one.torrent") == program.read("two.torrent"))
        }
    }

    @Test func existingTorrentFileIsKeptWithoutForce() async throws {
        try await withProgram { program in
            try program.write("a.bin", bytes: 100)
            try program.write("a.bin.torrent", [1, 2, 3])
            let refused = try await program.run("create", "a.bin")
            #expect(refused.status == 1)
            #expect(refused.errors.hasPrefix("pieces: "))
            #expect(try program.read("a.bin.torrent") == [1, 2, 3])
            try await program.succeed("create", "a.bin", "--force")
            try await program.succeed("show", "a.bin.torrent")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: program.folder.path).filter {
                    $0.hasSuffix(".unfinished")
                } == [])
        }
    }

    @Test func symbolicLinksAreSkippedAndReported() async throws {
        try await withProgram { program in
            try program.write("set/a.bin", bytes: 100)
            try FileManager.default.createSymbolicLink(
                atPath: program.folder.path + "/set/link", withDestinationPath: "/etc/passwd")
            let answer = try await program.succeed("create", "set")
            #expect(answer.errors.contains("set/link: symbolic link (--follow includes what it points to)"))
            let shown = try #require(try await program.succeed("show", "set.torrent", "--json").json as? [String: Any])
            #expect((shown["files"] as? [Any])?.count == 1)
        }
    }

    @Test func symbolicLinksAreFollowedOnRequest() async throws {
        try await withProgram { program in
            try program.write("set/a.bin", bytes: 100)
            try program.write("other/b.bin", bytes: 200)
            for (name, target) in [
                ("file", "a.bin"), ("folder", "../other"), ("circle", "../set"), ("nowhere", "missing"),
            ] {
                try FileManager.default.createSymbolicLink(
                    atPath: program.folder.path + "/set/\(name)", withDestinationPath: target)
            }
            let plain = try await program.succeed("create", "set", "-o", "plain.torrent", "--json")
            #expect(plain.errors.contains("skipped 4 symbolic links, for example"), "\(plain.errors)")
            #expect(plain.errors.split(separator: "\n").count == 1)
            #expect((try plain.json as? [String: Any])?["links_skipped"] as? Int == 4)
            let all = try await program.succeed("create", "set", "-o", "all.torrent", "--follow")
            #expect(all.errors.contains("skipped 2 symbolic links that lead nowhere or in a circle"), "\(all.errors)")
            let shown = try #require(try await program.succeed("show", "all.torrent", "--json").json as? [String: Any])
            #expect(
                (shown["files"] as? [[String: Any]])?.map { $0["path"] as? String } == [
                    "set/a.bin", "set/file", "set/folder/b.bin",
                ])
        }
    }

    @Test func controlCharactersNeverReachTheTerminal() async throws {
        try await withProgram { program in
            try program.write("a.bin", bytes: 100)
            try await program.succeed(
                "create", "a.bin", "--comment", "red \u{1b}[31m\u{202e}end", "--source", "\u{9b}2J")
            let text = try await program.succeed("show", "a.bin.torrent").output
            #expect(
                text.unicodeScalars.allSatisfy {
                    $0 == "\n" || $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
                }
            )
            let json = try await program.succeed("show", "a.bin.torrent", "--json")
            #expect(!json.output.unicodeScalars.contains("\u{1b}"))
            #expect((try json.json as? [String: Any])?["comment"] as? String == "red \u{1b}[31m\u{202e}end")
        }
    }
}
