import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// `pieces dht`, with and without what an engine stores.
struct DHTCommandTests {
    private func node(_ n: UInt8) -> DHTNodeRow {
        DHTNodeRow(
            family: .v4, address: PeerAddress(.v4(0x0a00_0000 + UInt32(n)), port: 6881),
            id: Array(repeating: n, count: 20), lastAnswer: .now(), roundTrip: .milliseconds(Int64(n)), isVerified: true
        )
    }

    @Test func storedNodesAreShownWithoutAnEngine() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "here")
            let none = try await program.succeed("dht").output
            #expect(
                none == "no engine is running, and no node is stored: `pieces run` looks for nodes when it starts\n")
            let connection = try Connection.open(
                FilePath(program.folder.path + "/pieces.db"), mode: .readWrite, now: .now())
            try connection.dht.save([node(9), node(3)], of: .v4)
            var row = DHTRow(family: .v4, nodeID: Array(repeating: 7, count: 20), at: .now())
            (row.goodNodes, row.problem, row.port) = (2, "only 2 nodes answer so far", 6881)
            try connection.dht.save(row)
            let text = try await program.succeed("dht", "--nodes").output
            #expect(text.hasPrefix("no engine is running; the next one asks the 2 stored nodes first\n"), "\(text)")
            let first = try #require(text.firstRange(of: "10.0.0.3:6881"))
            let second = try #require(text.firstRange(of: "10.0.0.9:6881"))
            #expect(first.lowerBound < second.lowerBound && text.contains("3 ms"))
            let json = try await program.run("dht", "--json", "--nodes").json as? [String: Any]
            #expect(json?["engine_running"] as? Bool == false && json?["nodes_stored"] as? Int == 2)
            #expect((json?["nodes"] as? [[String: Any]])?.first?["address"] as? String == "10.0.0.3:6881")
            let family = (json?["families"] as? [[String: Any]])?.first
            #expect(family?["node_id"] as? String == String(repeating: "07", count: 20))
            // What only a running engine knows is null.
            #expect(family?["good_nodes"] is NSNull && family?["problem"] is NSNull)
        }
    }

    /// A node that doesn't answer others says so, and why (BEP 43).
    @Test func readOnlyNodeIsShown() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "here", "--paused")
            try await program.succeed("settings", "set", "dht-read-only", "auto")
            let network = ["--bind", "127.0.0.1", "--listen-port", "0", "--dht-bootstrap", "127.0.0.1:9"]
            let engine = try program.start(["run", "--dht-read-only"] + network)
            let object = try await eventually("the engine to report") {
                let json = try await program.run("dht", "--json").json as? [String: Any]
                return json?["running"] as? Bool == true ? json : nil
            }
            let family = (object["families"] as? [[String: Any]])?.first
            #expect(family?["read_only"] as? String == "set" && family?["external_votes"] as? Int == 0)
            #expect(family?["nodes_stored"] as? Int == 0)
            let text = try await program.succeed("dht").output
            #expect(text.contains("IPv4: read-only, as the settings say: other nodes get no answers\n"), "\(text)")
            engine.send(SIGTERM)
            _ = try await engine.end()
        }
    }

    @Test(arguments: [
        (["run", "--dht-bootstrap", "nonsense"], "host:port"), (["settings", "set", "dht", "maybe"], "give on or off"),
        (["settings", "set", "dht-bootstrap", "a b"], "host:port"),
        (["settings", "set", "dht-read-only", "maybe"], "give on, off or auto"),
    ])
    func badValuesAreRefused(arguments: [String], says: String) async throws {
        try await withProgram { program in
            let answer = try await program.start(arguments).end()
            #expect(answer.status == 64 && answer.errors.contains(says), "\(answer)")
        }
    }
}
