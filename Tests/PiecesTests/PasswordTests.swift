import Foundation
import Testing

/// URLs with a user and a password: sent, and never shown.
struct PasswordTests {
    @Test func noCommandShowsAPassword() async throws {
        try await withProgram { program in
            try program.write("f", bytes: 1000)
            let url = "http://user:se%20cret@127.0.0.1:9/passkey/announce"
            let seed = "http://user:se%20cret@127.0.0.1:9/files/"
            var shown = try await program.succeed("create", "f", "--tracker", url, "--web-seed", seed).output
            shown += try await program.succeed("add", "f.torrent", "--output", "down").output
            // A life in which the tracker can't be asked: what is logged, and what is stored of it.
            let life = try program.start(["run", "--listen-port", "0", "--log-level", "trace"])
            while try await !program.succeed("trackers", "1").output.contains("cannot be reached") {
                try #require(life.isRunning)
                try await Task.sleep(for: .milliseconds(50))
            }
            life.send(SIGTERM)
            let end = try await life.end()
            shown += end.output + end.errors
            for command in [["show", "f.torrent"], ["trackers", "1"], ["status", "1"]] {
                shown += try await program.succeed(command[0], command[1]).output
                shown += try await program.succeed(command[0], command[1], "--json").output
            }
            for command in [["log"], ["explain", "1"], ["doctor"], ["limit", "1"]] {
                let answer = try await program.start(command).end()
                shown += answer.output + answer.errors
            }
            let fetched = try await program.run("show", "http://user:se%20cret@127.0.0.1:9/x.torrent")
            #expect(
                fetched.status == 1 && fetched.errors.contains("http://user:***@127.0.0.1:9/x.torrent"),
                "\(fetched.errors)")
            shown += fetched.errors
            shown += try await program.run("create", "f", "--tracker", "ftp://user:se%20cret@h/").errors
            #expect(!shown.contains("se%20cret") && !shown.contains("se cret"), "\(shown)")
            #expect(
                shown.contains("http://user:***@127.0.0.1:9/passkey/announce")
                    && shown.contains("http://user:***@127.0.0.1:9/files/"))
            // The .torrent itself stays what it is.
            try await program.succeed("export", "1", "again.torrent")
            #expect(try program.read("again.torrent") == program.read("f.torrent"))
        }
    }
}
