import Foundation
import Testing

/// `pieces queue`
struct QueueTests {
    private func make(_ program: Program, _ count: Int) async throws {
        for number in 1...count {
            try program.write("f\(number)", bytes: 100_000, seed: UInt64(number))
            try await program.succeed("create", "f\(number)")
            try FileManager.default.removeItem(at: program.folder.appendingPathComponent("f\(number)"))
            try await program.succeed("add", "f\(number).torrent", "--output", "out")
        }
    }

    private func order(_ program: Program) async throws -> [Int] {
        let json = try #require(try await program.succeed("queue", "--json").json as? [String: Any])
        return try #require(json["torrents"] as? [[String: Any]]).compactMap { $0["id"] as? Int }
    }

    @Test func orderIsChangedAndKept() async throws {
        try await withProgram { program in
            try await make(program, 4)
            #expect(try await order(program) == [1, 2, 3, 4])
            // Without an engine a torrent is stopped, as in `status`; JSON keeps the state of the database.
            let table = try await program.succeed("queue").output
            #expect(table.contains("stopped") && !table.contains("queued"), "\(table)")
            let shown = try #require(try await program.succeed("queue", "--json").json as? [String: Any])
            let torrents = try #require(shown["torrents"] as? [[String: Any]])
            #expect(torrents.allSatisfy { $0["state"] as? String == "queued" })
            try await program.succeed("queue", "f3", "top")
            #expect(try await order(program) == [3, 1, 2, 4])
            try await program.succeed("queue", "1", "4", "up")
            #expect(try await order(program) == [1, 3, 4, 2])
            try await program.succeed("queue", "1", "down")
            #expect(try await order(program) == [3, 1, 4, 2])
            let answer = try await program.succeed("queue", "3", "bottom")
            #expect(try await order(program) == [1, 4, 2, 3])
            #expect(answer.output.contains("waiting for an engine: start `pieces run`"), "\(answer.output)")
            // One that is added later comes last.
            try program.write("late", bytes: 10)
            try await program.succeed("create", "late")
            try FileManager.default.removeItem(at: program.folder.appendingPathComponent("late"))
            try await program.succeed("add", "late.torrent", "--output", "out")
            #expect(try await order(program) == [1, 4, 2, 3, 5])
            try await program.succeed("pause", "4")
            #expect(try await order(program) == [1, 2, 3, 5])
            let paused = try await program.succeed("queue", "4", "top")
            #expect(paused.errors.contains("is paused, so it is not in the queue"))
            for wrong in [["queue", "1"], ["queue", "top"], ["queue", "1", "first"]] {
                #expect(try await program.start(wrong).end().status == 64, "\(wrong)")
            }
        }
    }

    /// The engine gives its only slot to the first, and the reasons of the others name the slot.
    @Test func runningEngineUsesTheOrder() async throws {
        try await withProgram { program in
            try await make(program, 3)
            try await program.succeed("queue", "3", "top")
            let engine = try program.start([
                "run", "--json", "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd", "--max-active",
                "1",
            ])
            _ = try await engine.waiting(for: "\"listening\"")
            var active: [Int] = []
            var reasons: [String] = []
            for _ in 0..<100 {
                let json = try #require(try await program.succeed("queue", "--json").json as? [String: Any])
                let torrents = try #require(json["torrents"] as? [[String: Any]])
                active = torrents.filter { $0["active"] as? Bool == true }.compactMap { $0["id"] as? Int }
                reasons = torrents.compactMap { $0["reason"] as? String }
                if active == [3], reasons.allSatisfy({ $0.contains("the only download slot") }) { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(active == [3] && reasons.count == 2, "\(active) \(reasons)")
            engine.send(SIGTERM)
            #expect(try await engine.end().status == 0)
        }
    }
}
