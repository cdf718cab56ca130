import Testing
import Torrent

struct MagnetTests {
    @Test func linkHasTheNameTheTrackersAndTheWebSeeds() async throws {
        try await withProgram { program in
            try program.write("ü b.bin", bytes: 1000)
            try await program.succeed(
                "create", "ü b.bin", "-o", "t.torrent", "--tracker", "http://one.example/a?k=1,udp://two.example:80",
                "--tracker", "http://user:secret@three.example/a", "--web-seed", "http://seed.example/f")
            try await program.succeed("add", "t.torrent", "--paused")
            let answer = try await program.succeed("magnet", "1")
            let link = try MagnetLink(answer.output)
            #expect(answer.output == "\(link)\n")
            #expect(link.name == "ü b.bin")
            #expect(link.trackers == ["http://one.example/a?k=1", "udp://two.example:80"])
            #expect(link.webSeeds == ["http://seed.example/f"])
            #expect(answer.errors.contains("1 URL with a password"))

            let object = try #require(try await program.succeed("magnet", "1", "--json").json as? [String: Any])
            #expect(Set(object.keys) == ["id", "info_hash", "info_hash_v2", "name", "magnet", "urls_left_out"])
            #expect(object["magnet"] as? String == "\(link)")
            #expect(object["info_hash"] as? String == "\(link.infoHash)")
            #expect(object["urls_left_out"] as? Int == 1)

            let forced = try await program.succeed("magnet", "1", "--force")
            #expect(try MagnetLink(forced.output).trackers.last == "http://user:secret@three.example/a")
            #expect(forced.errors.isEmpty)
        }
    }

    @Test func linkOfAPrivateTorrentNeedsForce() async throws {
        try await withProgram { program in
            try program.write("f", bytes: 1000)
            try await program.succeed("create", "f", "--tracker", "http://one.example/passkey/a", "--private")
            try await program.succeed("add", "f.torrent", "--paused")
            let refused = try await program.run("magnet", "f")
            #expect(refused.status == 64 && refused.output.isEmpty)
            #expect(refused.errors.contains("f is private"), "\(refused.errors)")
            let forced = try await program.succeed("magnet", "f", "--force")
            #expect(try MagnetLink(forced.output).trackers == ["http://one.example/passkey/a"])
        }
    }
}
