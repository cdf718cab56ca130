import Foundation
import Store
import SystemPackage
import Testing
import Torrent

/// What `pieces doctor` finds, with one thing at a time made wrong.
struct DoctorTests {
    private func findings(_ program: Program, status: Int32) async throws -> [[String: Any]] {
        let end = try await program.run("doctor", "--json")
        #expect(end.status == status, "\(end.output)\(end.errors)")
        return try #require((end.json as? [String: Any])?["findings"] as? [[String: Any]])
    }

    private func sentences(_ findings: [[String: Any]], _ severity: String, _ area: String) -> [String] {
        findings.filter { $0["severity"] as? String == severity && $0["area"] as? String == area }.compactMap {
            $0["sentence"] as? String
        }
    }

    /// A program whose database has a complete torrent, adopted and verified.
    private func withPayload(_ body: (Program, Connection) async throws -> Void) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            let connection = try Connection.open(
                FilePath(program.folder.path + "/pieces.db"), mode: .readWrite, now: .now())
            try await body(program, connection)
        }
    }

    @Test func healthyLibraryHasNoProblems() async throws {
        try await withPayload { program, _ in
            let found = try await findings(program, status: 0)
            #expect(found.filter { $0["severity"] as? String == "problem" }.isEmpty)
            for area in ["program", "hashing", "database", "torrents", "volumes", "files", "trackers", "clock"] {
                #expect(sentences(found, "fine", area).count == 1, "\(area)")
            }
            #expect(
                sentences(found, "fine", "files").first?.hasPrefix(
                    "the files of 1 complete torrent are unchanged") == true)
            #expect(try await program.succeed("doctor").output.contains("ok       database: "))
        }
    }

    @Test func missingDatabaseIsReported() async throws {
        try await withProgram { program in
            let end = try await program.run("doctor")
            #expect(end.status == 1 && end.errors.contains("there is no database at"))
        }
    }

    @Test func changedFileIsReported() async throws {
        try await withPayload { program, connection in
            let file = try #require(
                try connection.values("SELECT path FROM v1_file WHERE length > 0", as: String.self).first)
            try Data("other".utf8).write(to: program.folder.appending(path: "here/" + file))
            let found = try await findings(program, status: 2)
            #expect(
                sentences(found, "problem", "files").first?.contains("1 file of set is missing or changed outside")
                    == true
            )
        }
    }

    @Test func missingFolderIsReported() async throws {
        try await withPayload { program, connection in
            try connection.torrents.setOutput(TorrentID(rawValue: 1), program.folder.path + "/gone")
            let found = try await findings(program, status: 2)
            #expect(sentences(found, "problem", "volumes").first?.contains("does not exist") == true)
        }
    }

    @Test func insufficientSpaceIsReported() async throws {
        try await withPayload { program, connection in
            try connection.execute("UPDATE torrent SET wanted_bytes = 4000000000000000000, completed_bytes = 0")
            let found = try await findings(program, status: 2)
            #expect(sentences(found, "problem", "volumes").first?.contains("are still to be downloaded") == true)
        }
    }

    @Test func torrentTrackerEngineAndClockProblemsAreReported() async throws {
        try await withPayload { program, connection in
            let id = TorrentID(rawValue: 1)
            try connection.torrents.setState(id, .error, error: "cannot write: no space left")
            try connection.trackers.add(id, tiers: [["http://dead.example/announce"]], now: .now())
            var tracker = try #require(try connection.trackers.rows(of: id).first { $0.url.contains("dead") })
            tracker.failures = 7
            tracker.lastError = "connection refused"
            try connection.trackers.save(tracker)
            _ = try connection.runs.begin(
                pid: 1, version: "1", bootID: "b", now: Timestamp(Timestamp.now().rawValue + 7200))
            let found = try await findings(program, status: 2)
            #expect(sentences(found, "problem", "torrents").first?.contains("no space left") == true)
            #expect(
                sentences(found, "notice", "trackers").first?.contains(
                    "failed 7 times in a row for 1 torrent: connection refused") == true)
            #expect(sentences(found, "notice", "engine").first?.contains("was killed") == true)
            #expect(
                sentences(found, "problem", "clock").first?.contains("behind the latest time in the database") == true)
        }
    }

    /// The notices and problems each say what to do.
    @Test func everyProblemComesWithAdvice() async throws {
        try await withPayload { program, connection in
            try connection.torrents.setState(TorrentID(rawValue: 1), .offline, error: "gone")
            for one in try await findings(program, status: 2) where one["severity"] as? String != "fine" {
                #expect((one["advice"] as? String)?.isEmpty == false, "\(one)")
            }
        }
    }
}
