import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// `pieces scrub` and `pieces repair`
struct ScrubCommandTests {
    /// A verified torrent, in the folder `out`.
    private func make(_ program: Program) async throws {
        try program.write("f", bytes: 1_000_000, seed: 1)
        try await program.succeed("create", "f", "--piece-length", "64K")
        try await program.succeed("verify", "f.torrent", "--output", ".")
    }

    private func status(_ program: Program) async throws -> [String: Any] {
        try #require(try await program.succeed("scrub", "--json").json as? [String: Any])
    }

    @Test func policyIsShownAndChanged() async throws {
        try await withProgram { program in
            try await make(program)
            let text = try await program.succeed("scrub").output
            #expect(text.contains("every verified byte is read back within 30 d"), "\(text)")
            #expect(text.contains("COVERED"), "\(text)")
            try await program.succeed("scrub", "policy", "14d")
            #expect(try await status(program)["period"] as? Int == 14 * 86400)
            let unknown = try await program.run("scrub", "policy", "off", "--label", "scratch")
            #expect(unknown.status == 1 && unknown.errors.contains("no torrent has the label “scratch”"))
            try await program.succeed("label", "1", "+scratch")
            try await program.succeed("scrub", "policy", "off", "--label", "scratch")
            let labels = try #require(try await status(program)["labels"] as? [[String: Any]])
            #expect(labels.first?["label"] as? String == "scratch")
            // A period that is left over can be removed.
            try await program.succeed("label", "1", "-scratch")
            try await program.succeed("scrub", "policy", "default", "--label", "scratch")
            #expect(try await (status(program)["labels"] as? [Any])?.isEmpty == true)
            let own = try await program.succeed("scrub", "policy", "7d", "f").output
            #expect(own == "torrent 1 (f): read back within 7 d\n", "\(own)")
            let general = try await program.succeed("scrub", "policy", "default", "f").output
            #expect(general == "torrent 1 (f) follows its labels or the general period again\n", "\(general)")
            try await program.succeed("scrub", "policy", "7d", "f")
            try await program.succeed("scrub", "--rate", "5M")
            try await program.succeed("scrub", "pause")
            let changed = try await status(program)
            #expect(changed["paused"] as? Bool == true && changed["rate_limit"] as? Int == 5 << 20)
            try await program.succeed("scrub", "resume", "--rate", "auto")
            try await program.succeed("scrub", "pause")
            let now = try await program.succeed("scrub", "now").output
            #expect(now.contains("read back when `pieces run` runs; scrubs aren't paused any more"), "\(now)")
            let running = try await status(program)
            #expect(running["paused"] as? Bool == false && running["rate_limit"] is NSNull)
            #expect(running["since"] as? Int != nil)
            let volumes = try #require(running["volumes"] as? [[String: Any]])
            #expect(volumes.count == 1 && volumes[0]["bytes"] as? Int == 1_000_000)
            #expect(volumes[0]["covered_bytes"] as? Int == 1_000_000)
        }
    }

    @Test func changesAreReportedAsJSONOrNotAtAll() async throws {
        try await withProgram { program in
            try await make(program)
            for arguments in [["now"], ["pause"], ["resume", "--rate", "3M"], ["policy", "9d"]] {
                let quiet = try await program.start(["scrub"] + arguments + ["--quiet"]).end()
                #expect(quiet.status == 0 && quiet.output == "", "\(arguments): \(quiet.output)")
                let answer = try await program.start(["scrub"] + arguments + ["--json"]).end()
                let json = try #require(try answer.json as? [String: Any])
                #expect(json["engine_running"] as? Bool == false)
                #expect(json["paused"] as? Bool == (arguments == ["pause"]))
            }
            let last = try await status(program)
            #expect(last["period"] as? Int == 9 * 86400 && last["rate_limit"] as? Int == 3 << 20)
        }
    }

    @Test func badInputIsOneSentence() async throws {
        try await withProgram { program in
            try await make(program)
            for arguments in [
                ["scrub", "policy", "soon"], ["scrub", "policy", "1s"], ["scrub", "--rate", "fast"],
                ["scrub", "--rate", "0"], ["scrub", "now", "--rate", "unlimited"],
                ["scrub", "policy", "1d", "f", "--label", "x"], ["repair"], ["scrub", "sometimes"],
            ] {
                let answer = try await program.start(arguments).end()
                #expect(answer.status == 64, "\(arguments): \(answer.errors)")
            }
            for arguments in [["scrub", "--continue", "nowhere-like-this"], ["scrub", "now", "--json", "--quiet"]] {
                let answer = try await program.start(arguments).end()
                #expect(answer.status == 64 && answer.errors.split(separator: "\n").count >= 1, "\(arguments)")
            }
            let unknown = try await program.start(["repair", "nothing-like-that"]).end()
            #expect(unknown.status == 64 || unknown.status == 1)
            let whole = try await program.succeed("repair", "f").output
            #expect(whole.contains("nothing is damaged"), "\(whole)")
            let none = try await program.succeed("scrub", "--continue").output
            #expect(none.contains("repairs weren't stopped on any volume"), "\(none)")
        }
    }

    /// Rot is found by a real engine, stands without a source, and is told everywhere.
    @Test func damageIsToldEverywhereWhileItStands() async throws {
        try await withProgram { program in
            try await make(program)
            let file = FilePath(program.folder.appendingPathComponent("f").path)
            let status = try Files.status(file)
            try program.flip("f", at: 200_000)
            try Files.setTimes(file, from: status)
            try await program.succeed("scrub", "now")
            let engine = try program.start([
                "run", "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd", "--quiet",
            ])
            try await eventually("the damage to be found", within: .seconds(150)) {
                try await program.start(["scrub"]).end().status == 2
            }
            let text = try await program.start(["scrub"]).end().output
            #expect(text.contains("piece 3"), "\(text)")
            let explained = try await program.start(["explain", "f"]).end().output
            #expect(explained.contains("damaged") || explained.contains("changed by another program"), "\(explained)")
            let doctor = try await program.start(["doctor"]).end().output
            #expect(doctor.contains("are damaged"), "\(doctor)")
            let shown = try await program.succeed("status").output
            #expect(shown.contains("1 piece is damaged: see `pieces scrub`"), "\(shown)")
            let repair = try await program.start(["repair", "f", "--json"]).end()
            #expect(repair.status == 2)
            engine.send(SIGINT)
            _ = try await engine.end()
            // What is read-only waits for nothing: the user has to allow the repair.
            let connection = try Connection.open(FilePath(program.database.path), mode: .readWrite, now: .now())
            try connection.execute("UPDATE damage SET kind = 'rot', state = 'waiting'")
            #expect(try await program.start(["scrub"]).end().output.contains("waits to be fetched"))
            #expect(try await program.run("repair", "f").status == 2)
            let log = try await program.succeed("log", "f").output
            #expect(log.contains("repair-asked  repair of 1 damaged piece asked for by the user"), "\(log)")
            try await program.succeed("limit", "f", "--read-only", "on")
            let told = try await program.start(["scrub"]).end().output
            #expect(
                told.contains("`pieces limit 1 --read-only off` allows the repair") && !told.contains("waits"),
                "\(told)")
        }
    }

    /// Another program wrote all files of a torrent anew: nothing of it is seeded, and nothing is fetched.
    @Test func aTorrentThatWasChangedAsAWholeIsCalledDamaged() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try program.write("here/set/a.bin", bytes: 200_000, seed: 91)
            try program.write("here/set/sub/b.bin", bytes: 100_000, seed: 92)
            let verified = try await program.run("verify")
            #expect(
                verified.output.contains(
                    "1 torrent is damaged; what another program changed is kept: see `pieces scrub`"),
                "\(verified.output)")
            // An engine wouldn't fetch anything, so nobody is told to start one.
            let advice = try await program.succeed("explain", "1").output
            #expect(
                advice.contains("`pieces repair 1 --overwrite-edits` replaces what was changed")
                    && !advice.contains("pieces run") && !advice.contains("download"), "\(advice)")
            let engine = try program.start([
                "run", "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd", "--quiet",
            ])
            try await eventually("it to be looked at") {
                try await program.torrents().first?["state"] as? String == "seeding"
            }
            let shown = try await program.succeed("status").output
            #expect(shown.contains("damaged") && !shown.contains("seeding"), "\(shown)")
            let explained = try await program.succeed("explain", "1").output
            #expect(explained.hasPrefix("set: damaged, 0 B of 293 KiB\n10 pieces changed by another"), "\(explained)")
            let scrub = try await program.start(["scrub"]).end().output
            #expect(scrub.contains("set/a.bin, pieces 0 to 6, at offset 0: changed by another program"), "\(scrub)")
            #expect(scrub.contains("set/sub/b.bin, pieces 7 to 9, at offset"), "\(scrub)")
            engine.send(SIGINT)
            _ = try await engine.end()
            // The second download has no news of the torrent.
            for _ in 0..<2 {
                let download = try await program.run(
                    "download", "1", "--bind", "127.0.0.1", "--listen-port", "0", "--no-dht", "--no-lsd")
                #expect(
                    download.status == 2 && download.output.contains("`pieces explain 1` says what is left to do"),
                    "\(download.output)")
            }
            let rest = try await program.succeed("status").output
            #expect(rest.contains("damaged") && !rest.contains("complete"), "\(rest)")
        }
    }
}
