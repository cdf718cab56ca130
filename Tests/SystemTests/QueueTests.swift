import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// What the program says of torrents that wait, and what it seeds, as real processes.
@Suite(.crowded) struct QueueTests {
    /// Runs an engine with two slots for four torrents that nobody has.
    private func withFullQueue(_ command: [String], _ body: (Pieces, RunningProgram) async throws -> Void) async throws
    {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            var files: [String] = []
            for n in 1...4 {
                files.append(
                    try pieces.file(of: try SampleTorrent("item-\(n)", length: 50_000, seed: UInt64(600 + n))).string)
            }
            let isRun = command[0] == "run"
            if isRun { try await pieces.run(["add"] + files + ["--output", pieces.output.string]) }
            let arguments = command + ["--json", "--max-downloads", "2"] + Pieces.network
            try await pieces.beside(isRun ? arguments : arguments + files + ["--output", pieces.output.string]) {
                running in
                _ = try await running.address()
                try await eventually("two to wait: \(running.errors)") {
                    try await pieces.run(["status"]).output.contains(
                        "\n2 queued: waiting for one of 2 download slots\n")
                }
                try await body(pieces, running)
            }
        }
    }

    @Test(arguments: ["run", "download"]) func fullQueueIsReported(command: String) async throws {
        try await withFullQueue([command]) { pieces, running in
            let status = try await pieces.run(["status", "--json"])
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: Any])
            let slots = try #require(object["slots"] as? [String: Any])
            let downloads = try #require(slots["downloads"] as? [String: Any])
            #expect(
                downloads["limit"] as? Int == 2 && downloads["active"] as? Int == 2 && downloads["queued"] as? Int == 2)
            #expect(slots["named_only"] as? Bool == (command == "download"))
            let last = try await pieces.run(["explain", "4"]).output
            #expect(
                last.contains(
                    "waiting for one of 2 download slots, at place 2 of 2; in use by item-1 and item-2"),
                "\(last)")
            #expect(last.contains("--max-downloads"), "\(last)")
            let doctor = try await pieces.run(["doctor"]).output
            #expect(doctor.contains("notice   engine: 2 queued: waiting for one of 2 download slots"), "\(doctor)")
            // Room is made, and taken.
            try await pieces.run(["pause", "1"])
            try await eventually("one to wait") {
                try await pieces.run(["status"]).output.contains("\n1 queued: waiting for one of 2 download slots\n")
            }
            running.send(SIGTERM)
            _ = try await running.end()
            // Nobody waits for a slot of an engine that doesn't run.
            #expect(try await !pieces.run(["status"]).output.contains("slots"))
            #expect(try await pieces.run(["status", "--json"]).output.contains(#""slots":null"#))
        }
    }

    private func state(_ pieces: Pieces) async throws -> String? { try await pieces.status()?["state"] as? String }

    /// Whichever command brought it, and with which words it is seeded or isn't.
    @Test(arguments: [[], ["--seed"]]) func runSeedsDownloadedTorrents(options: [String]) async throws {
        let torrent = try SampleTorrent(length: 200_000, seed: 610)
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try await withPeers(torrent) { peers in
                let end = try await pieces.run(try pieces.download(torrent, from: peers.map(\.address)))
                #expect(end.exitCode == 0, "\(end)")
            }
            #expect(try await state(pieces) == "complete")
            #expect(try await pieces.run(["limit", "1"]).output.contains("seeding: engine default"))
            try await pieces.beside(["run", "--json"] + options + Pieces.network) { running in
                let address = try await running.address()
                try await eventually("it to seed") { try await state(pieces) == "seeding" }
                let other = try Pieces(in: folder, "other")
                let end = try await other.run(try other.download(torrent, from: [address]))
                #expect(end.exitCode == 0, "\(end)")
                // Told not to, it stops; told to, it goes on.
                try await pieces.run(["limit", "1", "--no-seed"])
                try await eventually("it to stop") { try await state(pieces) == "complete" }
                #expect(try await pieces.run(["limit", "1"]).output.contains("does not seed (undo with --seed)"))
                try await pieces.run(["limit", "1", "--seed"])
                try await eventually("it to seed again") { try await state(pieces) == "seeding" }
            }
            // Its own goal goes before the engine's.
            try await pieces.run(["limit", "1", "--no-seed"])
            try await pieces.beside(["run", "--json"] + options + Pieces.network) { running in
                _ = try await running.address()
                try await Task.sleep(for: .seconds(3))
                #expect(try await state(pieces) == "complete")
            }
            // `download` ends at once with what is complete.
            #expect(try await pieces.run(try pieces.download(torrent)).exitCode == 0)
        }
    }
}
