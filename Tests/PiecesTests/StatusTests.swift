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
                    "last_verified_at", "seeding_seconds",
                    "output", "bitfield",
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

    /// The help is written by hand in StatusJSON, above the code that writes the fields.
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
            let help = try await program.succeed("status", "--help").output
            func named(_ key: String) throws -> Set<String> {
                let start = try #require(help.firstRange(of: "\n  \(key) ")).upperBound
                let list = try #require(help[start...].split(separator: "{", maxSplits: 1).last?.prefix { $0 != "}" })
                return Set(list.split { !$0.isLetter && $0 != "_" }.map(String.init))
            }
            #expect(Set(object.keys) == ["engine", "mended", "slots", "torrents"])
            #expect(Set(try #require(object["engine"] as? [String: Any]).keys) == (try named("engine")))
            #expect(Set(try #require(object["slots"] as? [String: Any]).keys) == (try named("slots")))
            let torrent = try #require((object["torrents"] as? [[String: Any]])?.first)
            #expect(Set(torrent.keys) == (try named("torrents")))
        }
    }

    /// Other programs and people's eyes rely on both, to the letter.
    @Test func statusFormatsAreExact() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "down", "--paused")
            let list = """
                no engine has run yet: start one with `pieces run`
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
                    + #""mended":null,"slots":null,"#
                    + #""torrents":[{"id":1,"info_hash":"\#(hash)","name":"set","state":"paused","error":null,"progress":0.0,"total_bytes":300000,"#
                    + #""wanted_bytes":300000,"completed_bytes":0,"piece_length":32768,"piece_count":10,"pieces_have":0,"downloaded_bytes":0,"#
                    + #""uploaded_bytes":0,"wasted_bytes":0,"download_rate":0,"upload_rate":0,"peers_connected":0,"seeders":null,"leechers":null,"#
                    + #""eta_seconds":null,"added_at":\#(added),"completed_at":null,"last_verified_at":null,"seeding_seconds":0,"output":"\#(output)","#
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
            #expect(text.contains("the engine is running (process"), "\(text)")
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
