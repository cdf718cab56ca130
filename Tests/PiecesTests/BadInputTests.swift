import Foundation
import Testing

/// What is wrong with the input is one sentence and an exit code; nothing is lost, nothing traps.
struct BadInputTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let arguments: [String]
        let status: Int32
        let says: String
        var testDescription: String { arguments.joined(separator: " ") }

        init(_ arguments: String..., status: Int32, says: String) {
            self.arguments = arguments
            self.status = status
            self.says = says
        }
    }

    @Test(arguments: [
        Case(
            "download", "magnet:?xt=urn:btih:012345678901234567890123456789012345678", status: 64,
            says: "was it cut off?"),
        Case(
            "download",
            "magnet:?xt=urn:btmh:1220abababababababababababababababababababababababababababababababab", status: 64,
            says: "the magnet link needs a v1 hash"),
        Case("download", status: 64, says: "source"),
        Case("download", "no.torrent", status: 1, says: "cannot read no.torrent"),
        Case("download", "garbage.torrent", status: 1, says: "garbage.torrent: this is not a .torrent"),
        Case("download", "folder", status: 1, says: "folder is not a file"),
        Case("download", "", status: 64, says: "empty"),
        Case("download", "http://127.0.0.1:1/x.torrent", status: 1, says: "127.0.0.1"),
        Case("download", "good.torrent", "--output", "", status: 64, says: "empty"),
        Case("download", "good.torrent", "--select", "*.mkv", status: 64, says: "matches"),
        Case("download", "good.torrent", "--select", "9", status: 64, says: "no file number"),
        Case("download", "good.torrent", "--download-limit", "fast", status: 64, says: "rate"),
        Case("download", "good.torrent", "--download-limit", "-5", status: 64, says: "download-limit"),
        Case("download", "good.torrent", "--download-limit", "99999999999999999999G", status: 64, says: "rate"),
        Case("download", "good.torrent", "--listen-port", "70000", status: 64, says: "port"),
        Case("download", "good.torrent", "--bind", "localhost", status: 64, says: "address"),
        Case("download", "good.torrent", "--peer", "127.0.0.1", status: 64, says: "host:port"),
        Case("download", "good.torrent", "--seed", "--seed-ratio", "2", status: 64, says: "one of"),
        Case("download", "good.torrent", "--seed-ratio", "-1", status: 64, says: "ratio"),
        Case("download", "good.torrent", "--seed-time", "60", status: 64, says: "unit"),
        Case("download", "good.torrent", "--quiet", "--json", status: 64, says: "either"),
        Case("download", "good.torrent", "--frobnicate", status: 64, says: "frobnicate"),
        Case(
            "download", "good.torrent", "--database", "text.db", "--listen-port", "0", status: 1, says: "not a database"
        ),
        Case("frobnicate", status: 64, says: "frobnicate"),
        Case("add", "truncated.torrent", status: 1, says: "truncated.torrent"),
        Case("add", "deep.torrent", status: 1, says: "deep.torrent"),
        Case("add", "good.torrent", "--database", "good.bin/x.db", status: 1, says: "folder"),
        Case("status", "--database", "text.db", status: 1, says: "not a database"),
        Case("status", "--database", "foreign.db", status: 1, says: "not a database"),
        Case("status", "nothing", status: 1, says: "no database"),
        Case("status", "--log-level", "loud", status: 64, says: "loud"),
        Case("pause", "1", status: 1, says: "no database"),
        Case("pause", status: 64, says: "torrent"),
        Case("files", "1", status: 1, says: "no database"),
        Case("export", "1", "x", status: 1, says: "no database"),
        Case("magnet", "1", status: 1, says: "no database"),
        Case("verify", status: 1, says: "no database"),
        Case("verify", "--output", "here", status: 64, says: "--output"),
        Case("verify", "good.torrent", "--output", "good.torrent", status: 1, says: "no folder"),
        Case("verify", "good.torrent", "--output", "missing", status: 1, says: "no folder"),
        Case("create", "missing", status: 1, says: "missing"),
        Case("create", "hollow", status: 1, says: "no files"),
        Case("create", "good.bin", "-o", "folder/no/x.torrent", status: 1, says: "cannot write"),
        Case("create", "good.bin", "--piece-length", "3", status: 64, says: "power of two"),
        Case("create", "good.bin", "--piece-length", "128M", status: 64, says: "power of two"),
        Case("create", "good.bin", "--tracker", "ftp://x", status: 64, says: "tracker"),
        Case("show", "garbage.torrent", status: 1, says: "not a .torrent"),
        Case("show", "/dev/null", status: 1, says: "not a file"),
        Case("log", "--limit", "-1", status: 64, says: "limit"),
        Case("database", "check", "--database", "text.db", status: 1, says: "not a database"),
        Case("limit", "1", "--no-seed", "--seed", status: 64, says: "either"),
    ])
    func badInputIsReportedInOneSentence(_ given: Case) async throws {
        try await withProgram { program in
            try program.write("good.bin", bytes: 100_000)
            try await program.succeed("create", "good.bin", "-o", "good.torrent")
            let good = try program.read("good.torrent")
            try program.write("truncated.torrent", Array(good.prefix(good.count / 2)))
            try program.write("garbage.torrent", Array("<html>not found</html>".utf8))
            let depth = 10_000
            try program.write(
                "deep.torrent",
                [UInt8](repeating: UInt8(ascii: "l"), count: depth)
                    + [UInt8](repeating: UInt8(ascii: "e"), count: depth))
            try program.write("text.db", Array("this is my diary, and no database at all\n".utf8))
            try program.write("foreign.db", [UInt8](repeating: 7, count: 5000))
            try program.write("folder/inner", bytes: 1)
            try FileManager.default.createDirectory(
                at: program.folder.appendingPathComponent("hollow/below"), withIntermediateDirectories: true)
            let answer = try await program.start(given.arguments).end()
            #expect(answer.status == given.status, "\(answer.errors)")
            #expect(answer.output.isEmpty)
            let lines = answer.errors.split(separator: "\n")
            let isJSON = given.arguments.contains("--json")
            #expect(lines.first?.hasPrefix(isJSON ? #"{"event":"error""# : "pieces: ") == true)
            // Wrong usage may be followed by a line that says where help is.
            #expect(
                lines.count == 1 || (given.status == 64 && lines.count == 2 && lines[1].contains("--help")),
                "\(answer.errors)")
            #expect(answer.errors.lowercased().contains(given.says), "\(answer.errors)")
            for trace in ["Fatal error", "Error Domain", "Swift.", "errno:"] { #expect(!answer.errors.contains(trace)) }
            #expect(try program.read("text.db") == Array("this is my diary, and no database at all\n".utf8))
        }
    }

    @Test func otherTorrentsAreAddedDespiteABadOne() async throws {
        try await withProgram { program in
            try program.write("a.bin", bytes: 100)
            try await program.succeed("create", "a.bin")
            let answer = try await program.run("add", "no.torrent", "a.bin.torrent")
            #expect(answer.status == 1)
            #expect(answer.output.contains("a.bin"))
            #expect(try await program.torrents().count == 1)
        }
    }

    @Test func truncatedDatabaseIsReportedAndKept() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent")
            let whole = try program.read("pieces.db")
            try program.write("pieces.db", Array(whole.prefix(whole.count / 2)))
            let answer = try await program.run("status")
            #expect(answer.status == 1)
            #expect(answer.errors.hasPrefix("pieces: ") && answer.errors.contains("damaged"), "\(answer.errors)")
            #expect(try program.read("pieces.db").count == whole.count / 2)
        }
    }
}
