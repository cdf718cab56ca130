import Foundation
import Store
import SystemPackage
import Testing
import Torrent

/// How commands find the torrents that a user names.
struct TorrentNameTests {
    /// Torrents 1 to 4 with these names, paused.
    private static let names = ["debian-12.iso", "debian-13.iso", "名前.txt", "a [b].bin"]

    private static func withTorrents(_ body: (Program) async throws -> Void) async throws {
        try await withProgram { program in
            for (number, name) in names.enumerated() {
                try program.write(name, bytes: 100, seed: UInt64(number))
                try await program.succeed("create", name, "-o", "\(number).torrent", "--anonymous")
                try await program.succeed("add", "\(number).torrent", "--paused")
                // The payload is away, so that no name is that of a file.
                try FileManager.default.removeItem(at: program.folder.appendingPathComponent(name))
            }
            try await body(program)
        }
    }

    @Test(
        arguments: [
            (["1"], [1]), (["debian-13"], [2]), (["DEBIAN-13"], [2]), (["debian-*"], [1, 2]), (["*"], [1, 2, 3, 4]),
            (["名"], [3]), (["*txt", "3", "名前.txt"], [3]), (["a [b].bin"], [4]), (["a [b"], [4]),
            (["--all"], [1, 2, 3, 4]),
        ] as [([String], [Int])])
    func commandsFindTorrents(given: [String], numbers: [Int]) async throws {
        try await Self.withTorrents { program in
            let answer = try await program.start(["resume", "--json"] + given).end()
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(try answer.objects.map { $0["id"] as? Int } == numbers)
        }
    }

    @Test(arguments: [
        ("debian", "may be 1"), ("nosuch", "no torrent matches “nosuch” (number, name, or at least 4 digits"),
        ("nosuch*", "no torrent matches"), ("9", "no torrent matches"), ("", "no torrent matches"),
    ])
    func unclearNameChangesNothing(name: String, says: String) async throws {
        try await Self.withTorrents { program in
            let answer = try await program.run("resume", "3", name)
            #expect(answer.status == 1 && answer.errors.contains(says), "\(answer.errors)")
            #expect(answer.lines.isEmpty)
            #expect(try await program.torrents().allSatisfy { $0["state"] as? String == "paused" })
        }
    }

    @Test func commandsForOneTorrentAcceptAGlobOfOne() async throws {
        try await Self.withTorrents { program in
            try await program.succeed("files", "*13*")
            let answer = try await program.run("files", "debian*")
            #expect(answer.status == 1 && answer.errors.contains("2 ("), "\(answer.errors)")
            try await program.succeed("verify", "debian*")
            try await program.succeed("verify", "--all")
            #expect(try await program.run("verify", "--all", "1").status == 64)
        }
    }

    @Test func downloadResumesAKnownTorrent() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try FileManager.default.removeItem(at: program.folder.appendingPathComponent("set.torrent"))
            for name in ["set", "1", "se", "s*"] {
                try await program.succeed("download", name, "--listen-port", "0")
            }
            let unknown = try await program.run("download", "nosuch", "set")
            #expect(unknown.status == 1 && unknown.errors.contains("neither a file nor a torrent"), "\(unknown.errors)")
            // The payload has the name too; only a .torrent file wins.
            try program.write("set", Array("payload".utf8))
            try await program.succeed("download", "set", "--listen-port", "0")
            try program.write("set", Array("d4:infoi1ee".utf8))
            let file = try await program.run("download", "set")
            #expect(file.status == 1 && file.errors.contains("set: "), "\(file.errors)")
            try program.write("other", Array("payload".utf8))
            let other = try await program.run("download", "other")
            #expect(other.status == 1 && other.errors.contains("not a .torrent"), "\(other.errors)")
            #expect(try await program.torrents().count == 1)
        }
    }

    @Test func unknownNameCreatesNoDatabase() async throws {
        try await withProgram { program in
            let answer = try await program.run("download", "nosuch")
            #expect(answer.status == 1 && answer.errors.contains("cannot read nosuch"), "\(answer)")
            #expect(!program.exists("pieces.db"))
        }
    }

    @Test func allPausesOnlyWhatRuns() async throws {
        try await Self.withTorrents { program in
            try await program.succeed("resume", "2")
            #expect(try await program.succeed("pause", "--all").output == "paused 2  debian-13.iso\n")
            #expect(try await program.succeed("pause", "--all").output == "no torrent to pause\n")
            #expect(try await program.run("pause", "--all", "1").status == 64)
            #expect(try await program.succeed("limit", "--all", "--upload", "1M").lines.count == 4)
        }
    }

    // MARK: Completion

    /// The completion of the last word as a shell asks for it.
    private static func complete(_ program: Program, _ words: [String], shell: String = "fish") async throws
        -> Program
        .Answer
    {
        let last = words.count
        return try await program.start(
            ["---completion", words[0], "--", "positional@0", "\(last)", "\(words[last - 1].count)", "pieces"] + words,
            environment: ["SAP_SHELL": shell]
        ).end()
    }

    @Test func shellsCompleteTorrents() async throws {
        try await Self.withTorrents { program in
            let all = try await Self.complete(program, ["pause", ""])
            #expect(all.output.split(separator: "\n").map(String.init) == Self.names, "\(all)")
            #expect(try await Self.complete(program, ["files", "debian-13"]).output.contains("debian-13.iso"))
            #expect(try await !Self.complete(program, ["files", "x"]).output.contains("debian"))
            #expect(try await Self.complete(program, ["verify", "0"]).output.contains("0.torrent"))
        }
    }

    /// Every command that takes a torrent completes its name, and its number behind a digit.
    @Test(arguments: [
        "status", "files", "peers", "trackers", "explain", "log", "pause", "resume", "remove", "limit", "select",
        "move",
        "queue", "verify", "download", "export", "magnet",
    ])
    func everyCommandCompletesTorrents(command: String) async throws {
        try await Self.withTorrents { program in
            for shell in ["bash", "zsh", "fish"] {
                let names = try await Self.complete(program, [command, "debian-13"], shell: shell)
                #expect(names.status == 0 && names.output.contains("debian-13.iso"), "\(shell): \(names)")
                let numbers = try await Self.complete(program, [command, "2"], shell: shell)
                #expect(numbers.output.split(separator: "\n").contains("2"), "\(shell): \(numbers)")
            }
        }
    }

    @Test func numbersAreCompletedByTheirFirstDigits() async throws {
        try await withProgram { program in
            try program.write("a", bytes: 10)
            try await program.succeed("create", "a", "-o", "a.torrent")
            try await program.succeed("add", "a.torrent", "--paused")
            let db = try Connection.open(FilePath(program.database.path), mode: .readWrite, now: .now())
            // Thousands of rows that only have to be there.
            let columns = "name, output, total_bytes, piece_length, piece_count, private, state, wanted_bytes, added_at"
            try db.execute(
                """
                WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                INSERT INTO torrent (id, info_hash, root_hash, \(columns))
                SELECT i, CAST(substr('00000000000000000000' || i, -20) AS BLOB), i, 'name ' || i,
                    output, total_bytes, piece_length, piece_count, private, state, wanted_bytes, added_at
                FROM n, torrent WHERE torrent.id = 1
                """)
            let found = try await Self.complete(program, ["status", "49"]).output.split(separator: "\n")
            #expect(
                found.count == 50 && found.first == "49" && found.dropFirst().first == "490" && found.last == "4938")
            #expect(try await Self.complete(program, ["status", "name 49"]).output.split(separator: "\n").count == 111)
        }
    }

    @Test func completionNeverFailsAndNeverRunsAName() async throws {
        try await withProgram { program in
            for shell in ["bash", "zsh", "fish"] {
                let none = try await Self.complete(program, ["pause", ""], shell: shell)
                #expect(none.status == 0 && none.errors.isEmpty, "\(none)")
            }
            #expect(!program.exists("pieces.db"))
            try program.write("$(touch hacked)`x`", bytes: 10)
            try await program.succeed("create", "$(touch hacked)`x`", "-o", "a.torrent")
            try await program.succeed("add", "a.torrent", "--paused")
            let bash = try await Self.complete(program, ["pause", ""], shell: "bash")
            #expect(bash.output.contains("\\$\\(touch hacked\\)\\`x\\`"), "\(bash)")
            try program.write("pieces.db", Array("no database".utf8))
            let broken = try await Self.complete(program, ["pause", ""])
            #expect(broken.status == 0 && broken.errors.isEmpty, "\(broken)")
        }
    }
}
