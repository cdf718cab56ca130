import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// `pieces manifest`, whose output the tools of others check.
@Suite(.crowded) struct ManifestTests {
    /// Three files with odd names, complete and in the database, whose SHA-256 was computed.
    private func make(_ program: Program, compute: Bool = true) async throws {
        try program.write("here/set/a % b.bin", bytes: 200_000, seed: 1)
        try program.write("here/set/empty", bytes: 0)
        try program.write("here/set/sub/b.bin", bytes: 100_000, seed: 2)
        try await program.succeed("create", "here/set", "-o", "set.torrent", "--piece-length", "32K", "--anonymous")
        try await program.succeed("verify", "set.torrent", "--output", "here")
        if compute { try await program.succeed("verify", "--sha256", "1", "--restart") }
    }

    private func tool(_ name: String, _ arguments: [String], in folder: URL, package: String? = nil) async throws
        -> RunningProgram.End
    {
        try await RealProgram.require(name, package: package).run(arguments, in: FilePath(folder.path))
    }

    @Test func coreutilsCheckTheManifest() async throws {
        try await withProgram { program in
            try await make(program)
            let manifest = try await program.succeed("manifest", "set")
            #expect(manifest.lines.count == 3)
            try program.write("here/SHA256SUMS", Array(manifest.output.utf8))
            let here = program.folder.appendingPathComponent("here")
            let checked = try await tool("sha256sum", ["--check", "--strict", "SHA256SUMS"], in: here)
            #expect(checked.exitCode == 0, "\(checked)")
            // And the manifest of coreutils is ours.
            let theirs = try await tool("sha256sum", ["set/a % b.bin", "set/empty", "set/sub/b.bin"], in: here)
            #expect(theirs.output == manifest.output)
            // Renamed files have their new names.
            try await program.succeed("rename", "1", "sub/b.bin", "c\\d".replacingOccurrences(of: "\\", with: "-"))
            let renamed = try await program.succeed("manifest", "set")
            #expect(renamed.output.contains("  set/sub/c-d\n"))
        }
    }

    @Test func hashdeepAuditsTheManifest() async throws {
        try await withProgram { program in
            try await make(program)
            let manifest = try await program.succeed("manifest", "1", "--format", "hashdeep")
            try program.write("known", Array(manifest.output.utf8))
            let here = program.folder.appendingPathComponent("here")
            let audit = try await tool("hashdeep", ["-a", "-k", "../known", "-l", "-r", "set"], in: here)
            #expect(audit.exitCode == 0 && audit.output.contains("Audit passed"), "\(audit)")
            let check = try await program.succeed("manifest", "1", "--check", "known")
            #expect(check.output == "set/a % b.bin: OK\nset/empty: OK\nset/sub/b.bin: OK\n")
        }
    }

    /// The reference tool of the Library of Congress finds the bag valid, and one with a changed byte not.
    @Test func bagItsReferenceToolValidatesTheBag() async throws {
        try await withProgram { program in
            try program.write("bag/data/set/a.bin", bytes: 200_000, seed: 1)
            try program.write("bag/data/set/empty", bytes: 0)
            try program.write("bag/data/set/sub/ü b.bin", bytes: 100_000, seed: 2)
            try await program.succeed(
                "create", "bag/data/set", "-o", "set.torrent", "--piece-length", "32K", "--anonymous")
            try await program.succeed("verify", "set.torrent", "--output", "bag/data")
            let early = try await program.run("manifest", "1", "--bag", "bag")
            #expect(early.status == 1 && early.errors.contains("--sha256"), "\(early.errors)")
            let elsewhere = try await program.run("manifest", "1", "--compute", "--bag", "other")
            #expect(elsewhere.status == 1 && elsewhere.errors.contains("is in its folder data"), "\(elsewhere.errors)")
            try await program.succeed("manifest", "1", "--compute", "--bag", "bag")
            let info = String(decoding: try program.read("bag/bag-info.txt"), as: UTF8.self)
            #expect(info.contains("Payload-Oxum: 300000.3\n"), "\(info)")
            let script = "import bagit, sys; bagit.Bag(sys.argv[1]).validate(processes=1)"
            let python = try RealProgram.require("python3")
            let known = try await python.run(["-c", "import bagit"], in: FilePath(program.folder.path))
            try #require(known.exitCode == 0, "bagit is missing: .ci/setup installs it with pip")
            let valid = try await python.run(["-c", script, "bag"], in: FilePath(program.folder.path))
            #expect(valid.exitCode == 0, "\(valid)")
            #expect(try await program.run("manifest", "1", "--bag", "bag").status == 1, "an earlier bag stays")
            try await program.succeed("manifest", "1", "--bag", "bag", "--force")
            try program.flip("bag/data/set/a.bin", at: 5)
            let damaged = try await python.run(["-c", script, "bag"], in: FilePath(program.folder.path))
            #expect(damaged.exitCode == 1 && damaged.errors.contains("a.bin"), "\(damaged)")
            // So is the manifest, once the damage is known.
            #expect(try await program.run("verify", "1", "--restart").status == 2)
            let partial = try await program.run("manifest", "1")
            #expect(partial.status == 2 && partial.lines.count == 2, "\(partial.output)\(partial.errors)")
            #expect(partial.errors.contains("a.bin has missing pieces"), "\(partial.errors)")
            #expect(try await program.run("manifest", "1", "--bag", "bag", "--force").status == 1)
        }
    }

    @Test func filesWithoutADigestAreNamed() async throws {
        try await withProgram { program in
            try await make(program, compute: false)
            let none = try await program.run("manifest", "1")
            #expect(none.status == 2 && none.lines.count == 1, "only the empty file: \(none.output)")
            #expect(none.errors.contains("2 files have no SHA-256: `pieces verify --sha256 1`"), "\(none.errors)")
            let object = try await program.run("manifest", "1", "--format", "json").json as? [String: Any]
            let torrent = (object?["torrents"] as? [[String: Any]])?.first
            #expect((torrent?["without_sha256"] as? [String])?.count == 2)
            let computed = try await program.succeed("manifest", "1", "--compute", "--format", "json")
            let whole = (try computed.json as? [String: Any])?["torrents"] as? [[String: Any]]
            let files = try #require(whole?.first?["files"] as? [[String: Any]])
            #expect(files.count == 3 && files[0]["read_at"] is Int && files[1]["read_at"] is NSNull)
            let listed = try await program.succeed("files", "1", "--json").json as? [String: Any]
            let digests = (listed?["files"] as? [[String: Any]])?.map { $0["sha256"] as? String }
            #expect(digests?.first == files[0]["sha256"] as? String)
        }
    }

    /// Torrents of several folders have absolute paths; a label chooses them.
    @Test func severalFoldersHaveAbsolutePaths() async throws {
        try await withProgram { program in
            try await make(program)
            try program.write("there/one", bytes: 50_000, seed: 5)
            try await program.succeed("create", "there/one", "-o", "one.torrent", "--anonymous")
            try await program.succeed("verify", "one.torrent", "--output", "there", "--sha256")
            try await program.succeed("label", "1", "2", "+archive")
            let manifest = try await program.succeed("manifest", "--label", "archive")
            #expect(manifest.lines.count == 4)
            #expect(manifest.lines.allSatisfy { $0.contains("  \(program.folder.path)/") })
            try program.write("all", Array(manifest.output.utf8))
            let checked = try await tool("sha256sum", ["--check", "all"], in: program.folder)
            #expect(checked.exitCode == 0, "\(checked)")
            #expect(try await program.run("manifest", "--label", "archive", "--format", "bagit").status == 64)
        }
    }

    // MARK: Lists of publishers

    @Test(arguments: ["md5sum", "sha1sum", "sha256sum"], [false, true])
    func publishersListsAreCompared(sum: String, isTagged: Bool) async throws {
        try await withProgram { program in
            try await make(program, compute: false)
            let here = program.folder.appendingPathComponent("here")
            let tag = isTagged ? ["--tag"] : []
            let list = try await tool(sum, tag + ["set/a % b.bin", "set/empty", "set/sub/b.bin"], in: here)
            try program.write("list", Array(("# a publisher\n" + list.output + "\n").utf8))
            let same = try await program.run("manifest", "1", "--check", "list")
            #expect(
                same.status == 0 && same.output == "set/a % b.bin: OK\nset/empty: OK\nset/sub/b.bin: OK\n",
                "\(same.output)\(same.errors)")
            // The publisher's names are found after a renaming, too, and below the publisher's own folders.
            try await program.succeed("rename", "1", "sub/b.bin", "other.bin")
            let text = list.output.replacingOccurrences(of: "set/", with: "pub/releases/set/")
            try program.write("list", Array(text.utf8))
            #expect(try await program.run("manifest", "1", "--check", "list").status == 0)
            // A file that differs, and one that isn't there.
            let digit = text.contains("a") ? "a" : "b"
            let start = try #require(text.range(of: digit, options: .backwards))
            let changed = text.replacingCharacters(in: start, with: digit == "a" ? "b" : "a")
            let damaged = isTagged ? changed : text.replacingOccurrences(of: String(text.prefix(4)), with: "0000")
            try program.write("list", Array((damaged + list.output.prefix { $0 != " " } + "  nowhere\n").utf8))
            let differs = try await program.run("manifest", "1", "--check", "list", "--json")
            #expect(differs.status == 2, "\(differs.output)\(differs.errors)")
            #expect(try differs.objects.count { $0["verdict"] as? String == "different" } == 1)
            #expect(try differs.objects.last?["event"] as? String == "summary")
        }
    }

    @Test func listsComeFromAPipeToo() async throws {
        try await withProgram { program in
            try await make(program)
            let list = program.folder.appendingPathComponent("pipe")
            try #require(mkfifo(list.path, 0o600) == 0)
            let writer = Thread {
                let pipe = FileHandle(forWritingAtPath: list.path)
                pipe?.write(Data("\(String(repeating: "0", count: 64))  set/empty\n".utf8))
                pipe?.closeFile()
            }
            writer.start()
            let answer = try await program.run("manifest", "1", "--check", "pipe")
            #expect(answer.status == 2 && answer.output == "set/empty: DIFFERS\n", "\(answer.output)\(answer.errors)")
        }
    }

    @Test func listsThatCannotBeComparedAreRefused() async throws {
        try await withProgram { program in
            try await make(program)
            let sha512 = String(repeating: "ab", count: 64)
            let md5 = String(repeating: "ab", count: 16)
            let cases: [(String, Int32, String)] = [
                ("", 64, "no line of list is"), ("hello\nworld\n", 64, "no line of list is"),
                ("\(sha512)  set/empty\n", 64, "has SHA-512 checksums"),
                ("\(md5)  nothing.iso\n", 1, "no file of the torrents is in list"),
                ("%%%% HASHDEEP-1.0\n%%%% size,tiger,filename\n0,00,x\n", 64, "no line"),
            ]
            for (text, status, sentence) in cases {
                try program.write("list", Array(text.utf8))
                let answer = try await program.run("manifest", "1", "--check", "list")
                #expect(answer.status == status && answer.errors.contains(sentence), "\(text): \(answer.errors)")
            }
            for name in ["absent", "here"] {
                let answer = try await program.run("manifest", "1", "--check", name)
                #expect(
                    answer.status == 1 && answer.errors.contains("give the list of checksums")
                        && !answer.errors.contains(".torrent"), "\(answer.errors)")
            }
            #expect(try await program.run("manifest").status == 64)
            #expect(try await program.run("manifest", "7").status == 1)
        }
    }
}

/// `pieces report`.
struct ReportTests {
    @Test func theReportTellsWhatHappened() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try await program.succeed("rename", "1", "Other")
            try await program.succeed("move", "1", "there")
            let fine = try await program.succeed("report")
            #expect(fine.output.contains("torrents    1, ") && fine.output.contains("\nmoved: 2\n"), "\(fine.output)")
            #expect(fine.output.contains("damaged: nothing"))
            try program.flip("there/Other/a.bin", at: 7)
            #expect(try await program.run("verify", "--restart").status == 2)
            let reversed = try await program.run("report", "--since", "9998-01-01")
            #expect(reversed.status == 64 && reversed.errors.contains("is in the future"), "\(reversed.errors)")
            let report = try await program.run("report", "--since", "1h", "--json")
            #expect(report.status == 2, "what was complete isn't")
            let object = try #require(try report.json as? [String: Any])
            let events = try #require(object["events"] as? [String: [[String: Any]]])
            #expect(events["added"]?.count == 1 && events["moved"]?.count == 2 && events["damaged"]?.count == 1)
            #expect(object["torrents_incomplete_again"] as? Int == 1 && object["log_begins"] is NSNull)
            #expect(object["verified_bytes"] as? Int == object["present_bytes"] as? Int)
            #expect(try #require(object["verified_bytes"] as? Int) >= 9 * 32768 - 32768)
            try await program.succeed("remove", "1")
            let after = try await program.succeed("report", "--since", "1970-01-02")
            #expect(after.output.contains("removed: 1"), "\(after.output)")
            for bad in ["yesterday", "2026-13-01", "1x", "-5d"] {
                let answer = try await program.run("report", "--since=\(bad)")
                #expect(answer.status == 64 && answer.errors.contains("how long ago"), "\(bad): \(answer.errors)")
            }
        }
    }
}
