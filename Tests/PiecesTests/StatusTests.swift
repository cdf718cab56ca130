import Foundation
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

struct StatusTests {
    @Test func statusIsEmptyWithoutADatabase() async throws {
        try await withProgram { program in
            let text = try await program.succeed("status")
            #expect(text.output.hasPrefix("there is no database at"))
            let object = try #require(try await program.succeed("status", "--json").json as? [String: Any])
            #expect((object["torrents"] as? [Any])?.isEmpty == true)
            let engine = try #require(object["engine"] as? [String: Any])
            #expect(engine["running"] as? Bool == false)
            #expect(engine["pid"] is NSNull && engine["since"] is NSNull)
            #expect(!program.exists("pieces.db"))
        }
    }

    @Test func jsonStatusHasAllFields() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down")
            let torrent = try #require(try await program.torrents("--pieces").first)
            #expect(
                Set(torrent.keys) == [
                    "id", "info_hash", "name", "state", "error", "progress", "total_bytes", "wanted_bytes",
                    "completed_bytes", "piece_length",
                    "piece_count", "pieces_have", "downloaded_bytes", "uploaded_bytes", "wasted_bytes", "download_rate",
                    "upload_rate",
                    "peers_connected", "seeders", "leechers", "eta_seconds", "added_at", "completed_at",
                    "last_verified_at", "seeding_seconds", "web_seeds", "spread_pieces",
                    "labels", "note", "output", "destination", "bitfield",
                ])
            #expect(torrent["id"] as? Int == 1)
            #expect((torrent["info_hash"] as? String)?.count == 40)
            #expect(torrent["name"] as? String == "set")
            #expect(torrent["state"] as? String == "queued")
            #expect(torrent["progress"] as? Double == 0)
            #expect(torrent["total_bytes"] as? Int == 300_000)
            #expect(torrent["wanted_bytes"] as? Int == 300_000)
            #expect(torrent["piece_length"] as? Int == 32768)
            #expect(torrent["piece_count"] as? Int == 10)
            #expect(torrent["bitfield"] as? String == "0000")
            #expect(torrent["output"] as? String == program.folder.resolvingSymlinksInPath().path + "/down")
            for name in [
                "completed_bytes", "pieces_have", "downloaded_bytes", "uploaded_bytes", "wasted_bytes", "download_rate",
                "upload_rate",
            ] {
                #expect(torrent[name] as? Int == 0, "\(name)")
            }
            for name in ["error", "seeders", "leechers", "eta_seconds", "completed_at", "last_verified_at"] {
                #expect(torrent[name] is NSNull, "\(name)")
            }
            #expect(try #require(torrent["added_at"] as? Int) > 1_700_000_000)
        }
    }

    /// The fields are described by hand in JSONTopic.
    @Test func helpNamesTheFieldsOfTheJSON() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down")
            let path = FilePath(program.database.path)
            let now = Timestamp.now()
            let connection = try Connection.open(path, mode: .readWrite, now: now)
            let run = try connection.runs.begin(pid: 7, version: "1", bootID: "b", now: now)
            try connection.runs.saveSlots(run, SlotReport())
            let lock = try DatabaseLock.acquire(database: path, now: now)
            defer { withExtendedLifetime(lock) {} }
            let object = try #require(try await program.succeed("status", "--json").json as? [String: Any])
            let help = try await program.succeed("help", "json").output
            let section = help[try #require(help.firstRange(of: "{engine: {")).lowerBound...]
            func named(_ key: String) throws -> Set<String> {
                let start = try #require(section.firstRange(of: "\(key): ")).upperBound
                let list = section[start...].drop { $0 != "{" }.dropFirst().prefix { $0 != "}" }
                return Set(list.split { !$0.isLetter && $0 != "_" }.map(String.init))
            }
            #expect(Set(object.keys) == ["engine", "mended", "slots", "limits", "torrents"])
            #expect(Set(try #require(object["engine"] as? [String: Any]).keys) == (try named("engine")))
            #expect(Set(try #require(object["slots"] as? [String: Any]).keys) == (try named("slots")))
            let torrent = try #require((object["torrents"] as? [[String: Any]])?.first)
            // Only --pieces adds the bitfield.
            #expect(Set(torrent.keys).union(["bitfield"]) == (try named("torrents")))
        }
    }

    /// Other programs and people's eyes rely on both, to the letter.
    @Test func statusFormatsAreExact() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--paused")
            let list = """
                ID  NAME  STATE   DONE     SIZE  DOWN  UP  PEERS  LEFT
                 1  set   paused   0 %  293 KiB

                """
            #expect(try await program.succeed("status").output == list)
            #expect(
                try await program.succeed("status", "set", "--pieces").output == list + """
                    1  set: 0 of 10 pieces
                      |          |

                    """)
            let torrent = try #require(try await program.torrents().first)
            let hash = try #require(torrent["info_hash"] as? String)
            let added = try #require(torrent["added_at"] as? Int)
            let output = program.folder.resolvingSymlinksInPath().path + "/down"
            #expect(
                try await program.succeed("status", "--json", "--pieces").output
                    == #"{"engine":{"running":false,"pid":null,"since":null},"#
                    + #""mended":null,"slots":null,"limits":null,"#
                    + #""torrents":[{"id":1,"info_hash":"\#(hash)","name":"set","state":"paused","error":null,"progress":0.0,"total_bytes":300000,"#
                    + #""wanted_bytes":300000,"completed_bytes":0,"piece_length":32768,"piece_count":10,"pieces_have":0,"downloaded_bytes":0,"#
                    + #""uploaded_bytes":0,"wasted_bytes":0,"download_rate":0,"upload_rate":0,"peers_connected":0,"seeders":null,"leechers":null,"#
                    + #""eta_seconds":null,"added_at":\#(added),"completed_at":null,"last_verified_at":null,"seeding_seconds":0,"web_seeds":0,"spread_pieces":null,"labels":[],"note":null,"output":"\#(output)","destination":null,"#
                    + #""bitfield":"0000"}]}"# + "\n")
        }
    }

    /// An engine that holds the lock, and whether it could write of late; what is fresh stays so for the time of a slow
    /// machine's test.
    @Test(arguments: [(-60, true), (-60, false), (600, false)]) func engineThatCannotWriteIsReported(
        heartbeat: Int64, isOldLock: Bool
    ) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent")
            let path = FilePath(program.database.path)
            let now = Timestamp.now().rawValue
            let connection = try Connection.open(path, mode: .readWrite, now: Timestamp(now))
            _ = try connection.runs.begin(pid: 7, version: "1", bootID: "b", now: Timestamp(now + heartbeat))
            let lock = try DatabaseLock.acquire(database: path, now: Timestamp(isOldLock ? now - 100 : now + 600))
            let text = try await program.succeed("status").output
            #expect(
                text.contains("but has not written to the database since") == (heartbeat < 0 && isOldLock), "\(text)")
            // An engine that does what is expected of it is no news.
            #expect(text.contains("the engine is running (process") == (heartbeat < 0 && isOldLock), "\(text)")
            withExtendedLifetime(lock) {}
        }
    }

    @Test func torrentsAreFoundByNumberHashAndName() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent")
            let hash = try #require(try await program.torrents().first?["info_hash"] as? String)
            for name in ["1", "set", hash, String(hash.prefix(4)), hash.uppercased()] {
                #expect(try await program.torrents(name).count == 1, "\(name)")
            }
            let unknown = try await program.run("status", "other")
            #expect(unknown.status == 1 && unknown.output.isEmpty)
        }
    }

    @Test(arguments: [
        ["database": "explicit.db"], ["PIECES_DATABASE": "named.db"],
        ["PIECES_DATABASE": "", "XDG_STATE_HOME": "/tmp/x/state"],
        ["PIECES_DATABASE": ""],
    ])
    func databasePathFollowsTheOptions(settings: [String: String]) async throws {
        try await withProgram { program in
            var environment = settings
            let option = environment.removeValue(forKey: "database").map { ["--database", $0] } ?? []
            let answer = try await program.start(["database", "path"] + option, environment: environment).end()
            let expected =
                option.last ?? (settings["PIECES_DATABASE"].flatMap { $0.isEmpty ? nil : $0 }) ?? settings[
                    "XDG_STATE_HOME"
                ].map {
                    $0 + "/pieces/pieces.db"
                }
                ?? program.folder.path + "/.local/state/pieces/pieces.db"
            #expect(answer.output == expected + "\n")
        }
    }

    @Test func defaultFolderIsCreated() async throws {
        try await withProgram { program in
            try await program.makeSet()
            let answer = try await program.run("add", "set.torrent", environment: ["PIECES_DATABASE": ""])
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(program.exists(".local/state/pieces/pieces.db"))
        }
    }

    @Test func backupCanBeReadAsADatabase() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent")
            try await program.succeed("database", "check")
            try await program.succeed("database", "backup", "copy.db")
            let copy = try await program.succeed("status", "--json", "--database", "copy.db")
            #expect(copy.output.contains("\"name\":\"set\""))
            let again = try await program.run("database", "backup", "copy.db")
            #expect(again.status == 1)
        }
    }
}

/// What is listed, in which order, and with which columns.
struct StatusListTests {
    /// Six torrents: sizes from 10 to 60 KB in another order than the names, two of them paused.
    private func withTorrents(_ body: (Program) async throws -> Void) async throws {
        try await withProgram { program in
            for (name, size) in [
                ("b-one", 30), ("a-two", 60), ("c-three", 10), ("a-four", 50), ("d-漢字", 20), ("e", 40),
            ] {
                try program.write("in/\(name)", bytes: size * 1000, seed: UInt64(size))
                try await program.succeed("create", "in/\(name)", "-o", "\(name).torrent", "--anonymous")
                let paused = size == 30 || size == 60 ? ["--paused"] : []
                let added = try await program.start(["add", "\(name).torrent", "--output", "down"] + paused).end()
                try #require(added.status == 0, "\(added.errors)")
            }
            try await body(program)
        }
    }

    private func ids(_ answer: Program.Answer) -> [Int] {
        answer.lines.dropFirst().prefix { !$0.contains("torrent") }.compactMap {
            $0.split(separator: " ").first.flatMap { Int($0) }
        }
    }

    @Test(
        arguments: [
            ([], [1, 2, 3, 4, 5, 6]), (["--state", "paused"], [1, 2]), (["--state", "stopped"], [3, 4, 5, 6]),
            (["--state", "queued", "--state", "paused"], [1, 2, 3, 4, 5, 6]), (["--state", "active"], []),
            (["--sort", "name"], [4, 2, 1, 3, 5, 6]), (["--sort", "size"], [2, 4, 6, 1, 5, 3]),
            (["--sort", "size", "--reverse", "--limit", "2"], [3, 5]), (["--limit", "4"], [1, 2, 3, 4]),
            (["a-*"], [2, 4]), (["a-*", "3", "a-two"], [2, 4, 3]), (["?-[ot]*"], [1, 2, 3]),
        ] as [([String], [Int])])
    func listsAreFilteredSortedAndLimited(arguments: [String], expected: [Int]) async throws {
        try await withTorrents { program in
            // Named torrents come in the order of their names on the command line, and each once.
            let text = try await program.start(["status"] + arguments).end()
            #expect(text.status == 0 && ids(text) == expected, "\(text)")
            let object = try #require(
                try await program.start(["status", "--json"] + arguments).end().json as? [String: Any])
            let torrents = try #require(object["torrents"] as? [[String: Any]])
            #expect(torrents.compactMap { $0["id"] as? Int } == expected)
        }
    }

    @Test func totalsAndHiddenTorrentsAreCounted() async throws {
        try await withTorrents { program in
            let all = try await program.succeed("status").output
            #expect(
                all.hasSuffix(
                    """
                    6 torrents: 4 stopped, 2 paused  0 %, 0 B of 205 KiB
                    no engine has run yet: start one with `pieces run`

                    """), "\(all)")
            #expect(all.contains(" 3  c-three  stopped   0 %  9.77 KiB\n"), "\(all)")
            let some = try await program.succeed("status", "--limit", "2", "--state", "stopped").output
            #expect(
                some.contains("4 torrents: 4 stopped")
                    && some.hasSuffix("and 2 more torrents: `pieces status` lists all\n"))
            #expect(
                try await program.succeed("status", "--state", "error", "--state", "active").output
                    == "no torrent is error or active\n")
            // The engine matters only where something waits for it.
            #expect(try await !program.succeed("status", "--state", "paused").output.contains("engine"))
        }
    }

    @Test func columnsAreChosen() async throws {
        try await withTorrents { program in
            let text = try await program.succeed("status", "1", "--columns", "name,missing,ratio,folder").output
            #expect(text == "NAME    MISSING  RATIO  FOLDER\nb-one  29.3 KiB   0.00  ~/down\n", "\(text)")
            let unknown = try await program.run("status", "--columns", "name,weight")
            #expect(unknown.status == 64 && unknown.errors.contains("there is no column “weight”"), "\(unknown)")
            #expect(try await program.run("status", "--columns", "name", "--json").status == 64)
            #expect(try await program.run("status", "--state", "sleeping").status == 64)
            #expect(try await program.run("status", "z-*").status == 1)
        }
    }

    /// A torrent's log has the engine's starts and ends; a run without an end was killed.
    @Test func logHasStartsAndEndsOfEngines() async throws {
        try await withTorrents { program in
            do {
                let db = try Connection.open(FilePath(program.database.path), mode: .readWrite, now: .now())
                _ = try db.runs.begin(pid: 7, version: "1", bootID: "b", now: .now())
                try db.runs.end(
                    try db.runs.begin(pid: 8, version: "1", bootID: "b", now: .now()), clean: true, now: .now())
            }
            let kinds = try await program.succeed("log", "3", "--json").objects.map { $0["kind"] as? String }
            #expect(kinds == ["added", "started", "killed", "started", "stopped"])
            let text = try await program.succeed("log", "3").output
            #expect(text.contains("killed      the engine (process 7) ended without stopping"), "\(text)")
        }
    }
}
