import Foundation
import TestSupport
import Testing

/// Two processes on loopback: one seeds, the other downloads.
struct EngineTests {
    private static let network = ["--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd"]

    private func seeder(_ program: Program) async throws -> (Program.Running, address: String) {
        try await program.succeed("verify", "set.torrent", "--output", "here", "--database", "seeder.db")
        let running = try program.start(["run", "--database", "seeder.db", "--json"] + Self.network)
        let line = try await running.waiting(for: "\"listening\"")
        let port = try #require(line.firstMatch(of: /"port":(\d+)/)?.output.1)
        return (running, "127.0.0.1:\(port)")
    }

    @Test func downloadCompletesAndStaysComplete() async throws {
        try await withProgram { program in
            try await program.makeSet()
            let (running, address) = try await seeder(program)
            let first = try await program.start(
                ["download", "set.torrent", "--output", "down", "--peer", address] + Self.network
            ).end()
            #expect(first.status == 0, "\(first.errors)")
            // What was said of it, in full: where it went, and how long it took.
            let end = /set: complete: 293 KiB in [0-9.]+ s \([0-9.]+ [KMG]?i?B\/s\), in ~\/down\n$/
            #expect(first.output.hasPrefix("starting set: 293 KiB into ~/down\n"), "\(first.output)")
            #expect(first.output.contains(end), "\(first.output)")
            for file in ["set/a.bin", "set/empty", "set/sub/b.bin"] {
                #expect(try program.read("down/\(file)") == program.read("here/\(file)"))
            }
            let torrent = try #require(try await program.torrents("--pieces").first)
            #expect(torrent["state"] as? String == "complete")
            #expect(torrent["bitfield"] as? String == "ffc0")
            #expect(torrent["downloaded_bytes"] as? Int == 300_000)
            #expect(try await program.run("verify").status == 0)
            let peers = try #require(try await program.succeed("peers", "set", "--json").json as? [String: Any])
            #expect((peers["peers"] as? [[String: Any]])?.first?["address"] as? String == address)

            let second = try await program.start(["download", "set.torrent", "--json"] + Self.network).end()
            #expect(second.status == 0, "\(second.errors)")
            #expect(try second.objects.first { $0["event"] as? String == "end" }?["complete"] as? Bool == true)

            // While it runs, its database has no second engine, and what is running is said.
            let refused = try await program.start(
                ["download", "set.torrent", "--database", "seeder.db"] + Self.network
            ).end()
            #expect(refused.status == 1)
            #expect(
                refused.errors.contains("\(running.pid)") && refused.errors.contains("pieces add")
            )
            let status = try #require(
                try await program.succeed("status", "--json", "--database", "seeder.db").json as? [String: Any])
            #expect((status["engine"] as? [String: Any])?["pid"] as? Int == Int(running.pid))

            running.send(SIGTERM)
            #expect(try await running.end().status == 0)
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func interruptedDownloadStopsCleanlyAndResumes(signal: Int32) async throws {
        try await withProgram { program in
            try await program.makeSet()
            let (running, address) = try await seeder(program)
            defer { running.send(SIGKILL) }
            let slow = try program.start(
                ["download", "set.torrent", "--output", "down", "--peer", address, "--download-limit", "20K", "--json"]
                    + Self.network)
            _ = try await slow.waiting(for: "\"progress\"")
            slow.send(signal)
            let stopped = try await slow.end()
            #expect(stopped.status == 130, "\(stopped.errors)")
            let end = try #require(try stopped.objects.first { $0["event"] as? String == "end" })
            #expect(end["complete"] as? Bool == false)
            let resumed = try await program.start(
                ["download", "set.torrent", "--peer", address, "--download-limit", "none"] + Self.network
            ).end()
            #expect(resumed.status == 0, "\(resumed.errors)")
            #expect(try program.read("down/set/a.bin") == program.read("here/set/a.bin"))
        }
    }

    @Test func runningEngineFollowsCommands() async throws {
        try await withProgram { program in
            try await program.makeSet()
            let (running, _) = try await seeder(program)
            try await program.succeed("pause", "set", "--database", "seeder.db")
            try await program.until("paused") {
                try await $0.torrents("--database", "seeder.db").first?["state"] as? String == "paused"
            }
            try await program.succeed("resume", "set", "--database", "seeder.db")
            try await program.until("seeding") {
                try await $0.torrents("--database", "seeder.db").first?["state"] as? String == "seeding"
            }
            try program.flip("here/set/a.bin", at: 5)
            #expect(try await program.run("verify", "--database", "seeder.db").status == 2)
            // Another program changed the file, so it is kept, and the rest is seeded.
            try await program.until("seeding") {
                try await $0.torrents("--database", "seeder.db").first?["state"] as? String == "seeding"
            }
            #expect(try await program.run("scrub", "--database", "seeder.db").status == 2)
            try await program.succeed("remove", "set", "--delete-data", "--database", "seeder.db")
            #expect(try await program.torrents("--database", "seeder.db").isEmpty)
            try await program.until("deleted") { !$0.exists("here/set") }
            running.send(SIGTERM)
            #expect(try await running.end().status == 0)
        }
    }
}

extension Program {
    /// Waits for what another process is about to do.
    fileprivate func until(_ what: String, _ isSo: (Program) async throws -> Bool) async throws {
        try await eventually("it to be \(what)") { try await isSo(self) }
    }
}
