import Foundation
import Store
import SystemPackage
import Testing
import Torrent
import Verification

struct VerifyTests {
    @Test func payloadOfANewTorrentIsAdopted() async throws {
        try await withProgram { program in
            try await program.makeSet()
            let answer = try await program.succeed("verify", "set.torrent", "--output", "here", "--json").objects
            #expect(answer.map { $0["event"] as? String } == ["torrent", "summary"])
            #expect(
                Set(answer[0].keys) == [
                    "event", "id", "info_hash", "name", "outcome", "offline", "error",
                    "pieces_checked", "pieces_good",
                    "pieces_bad", "pieces_missing",
                    "pieces_unreadable", "pieces_adopted", "pieces_damaged", "pieces_confirmed_before", "files",
                ])
            #expect(answer[0]["pieces_good"] as? Int == 10)
            #expect(answer[0]["pieces_adopted"] as? Int == 10)
            #expect((answer[0]["files"] as? [[String: Any]])?.allSatisfy { $0["state"] as? String == "good" } == true)
            let torrent = try #require(try await program.torrents("--pieces").first)
            #expect(torrent["state"] as? String == "complete")
            #expect(torrent["bitfield"] as? String == "ffc0")
            #expect(torrent["completed_bytes"] as? Int == 300_000)
            #expect(torrent["completed_at"] as? Int != nil)
        }
    }

    @Test func quietPrintsNothing() async throws {
        try await withProgram { program in
            try await program.makeSet()
            let answer = try await program.succeed("verify", "set.torrent", "--output", "here", "--quiet")
            #expect(answer.output.isEmpty && answer.errors.isEmpty)
        }
    }

    @Test func missingEmptyFileIsCreated() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try FileManager.default.removeItem(at: program.folder.appendingPathComponent("here/set/empty"))
            try await program.succeed("verify", "set.torrent", "--output", "here")
            #expect(program.exists("here/set/empty"))
        }
    }

    /// A flipped byte, in the first piece, in the piece that two files share, and in the last.
    @Test(arguments: [
        ("a.bin", 0, "7fc0"), ("a.bin", 199_999, "fdc0"), ("sub/b.bin", 0, "fdc0"), ("sub/b.bin", 99_999, "ff80"),
    ])
    func damageIsFoundAndRecorded(file: String, offset: Int, bitfield: String) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try program.flip("here/set/\(file)", at: offset)
            let answer = try await program.run("verify")
            #expect(answer.status == 2)
            #expect(answer.output.contains("9 of 10 pieces good, 1 bad"))
            #expect(answer.output.contains("set/\(file)"))
            let torrent = try #require(try await program.torrents("--pieces").first)
            #expect(torrent["bitfield"] as? String == bitfield)
            #expect(torrent["state"] as? String == "queued")
            #expect(torrent["completed_at"] is NSNull)
            // Another program wrote that, and so it is kept.
            let scrub = try await program.run("scrub")
            #expect(scrub.status == 2 && scrub.output.contains("--overwrite-edits"), "\(scrub.output)")
            // What is no longer claimed is no damage.
            #expect(try await program.run("verify").status == 0)
            // Put right, it is adopted again.
            try program.flip("here/set/\(file)", at: offset)
            try await program.succeed("verify", "set.torrent", "--output", "here")
            #expect(try await program.torrents("--pieces").first?["bitfield"] as? String == "ffc0")
            #expect(try await program.run("scrub").status == 0)
        }
    }

    @Test func missingFileIsNamed() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try FileManager.default.removeItem(at: program.folder.appendingPathComponent("here/set/sub/b.bin"))
            let answer = try await program.run("verify", "--json")
            #expect(answer.status == 2)
            let files = try #require(try answer.objects[0]["files"] as? [[String: Any]])
            #expect(files.first { $0["index"] as? Int == 3 }?["state"] as? String == "missing")
            #expect(try await program.torrents("--pieces").first?["bitfield"] as? String == "fc00")
        }
    }

    @Test func unreachablePayloadIsLeftUnchanged() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            try FileManager.default.moveItem(
                atPath: program.folder.path + "/here", toPath: program.folder.path + "/away")
            let answer = try await program.run("verify")
            #expect(answer.status == 1)
            #expect(answer.errors.contains("mount"))
            #expect(try await program.torrents("--pieces").first?["bitfield"] as? String == "ffc0")
            #expect(!program.exists("here"))
        }
    }

    /// Torrents that were added over payload that is there: nothing is claimed, and all of it is found.
    @Test func payloadOfAnAddedTorrentIsFound() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("add", "set.torrent", "--output", "here")
            let answer = try await program.succeed("verify")
            #expect(answer.output.contains("10 adopted"))
            #expect(try await program.torrents().first?["state"] as? String == "complete")
        }
    }

    @Test func incompletePayloadIsNotAdopted() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try program.flip("here/set/a.bin", at: 100_000)
            try FileManager.default.removeItem(at: program.folder.appendingPathComponent("here/set/empty"))
            let answer = try await program.run("verify", "set.torrent", "--output", "here")
            #expect(answer.status == 2 && answer.output.contains("--adopt"), "\(answer.output)")
            let json = try await program.run("verify", "set.torrent", "--output", "here", "--json").objects
            #expect(
                json[0]["id"] is NSNull && json[0]["pieces_good"] as? Int == 9 && json[0]["pieces_adopted"] as? Int == 0
            )
            #expect(try await program.run("status", "--json").status == 0)
            #expect(
                try await program.torrents().isEmpty && !program.exists("here/set/empty"), "a question changes nothing")
            // A folder that holds nothing of it.
            try await program.succeed("create", "set.torrent", "-o", "other.torrent", "--anonymous")
            #expect(try await program.run("verify", "other.torrent", "--output", "here").status == 2)
            #expect(try await program.torrents().isEmpty)
        }
    }

    @Test func incompletePayloadIsAdoptedOnRequest() async throws {
        try await withProgram { program in
            try await program.makeSet()
            try program.flip("here/set/a.bin", at: 100_000)
            let answer = try await program.run("verify", "set.torrent", "--output", "here", "--adopt")
            #expect(answer.status == 2)
            #expect(try await program.torrents("--pieces").first?["bitfield"] as? String == "efc0")
        }
    }

    @Test func torrentFileIdentifiesItsTorrent() async throws {
        try await withProgram { program in
            try await program.makeSet()
            let unknown = try await program.run("verify", "set.torrent", "--database", "new.db")
            #expect(unknown.status == 1)
            try await program.succeed("add", "set.torrent", "--output", "here")
            try await program.succeed("verify", "set.torrent")
            #expect(try await program.torrents().first?["pieces_have"] as? Int == 10)
        }
    }

    /// What was confirmed after the interrupted verification began is not read again; `--restart` reads all.
    @Test(arguments: [(false, 0), (true, 10)])
    func interruptedVerificationResumes(restarts: Bool, checked: Int) async throws {
        try await withProgram { program in
            try await program.makeSet()
            try await program.succeed("verify", "set.torrent", "--output", "here")
            do {
                let connection = try Connection.open(FilePath(program.database.path), mode: .readWrite, now: .now())
                try connection.settings.set("verify.began.all", "\(Timestamp.now().rawValue - 60)")
            }
            let first = try await program.start(["verify", "--json"] + (restarts ? ["--restart"] : [])).end()
            #expect(first.status == 0, "\(first.errors)")
            #expect(try first.objects[0]["pieces_checked"] as? Int == checked)
            #expect(try first.objects[0]["pieces_confirmed_before"] as? Int == 10 - checked)
            // It ended, so that the next one begins anew.
            #expect(try await program.succeed("verify", "--json").objects[0]["pieces_checked"] as? Int == 10)
        }
    }

    @Test func outdatedVerificationStartsOver() throws {
        let file = FilePath("/tmp/pieces-\(UInt64.random(in: 0 ... .max)).db")
        defer { for suffix in ["", "-wal", "-shm"] { unlink(file.string + suffix) } }
        let connection = try Connection.open(file, mode: .readWriteCreate, now: Timestamp(0))
        let memory = VerificationMemory(connection: connection)
        #expect(try !memory.beginAll(anew: false, now: Timestamp(1000)).isResumed)
        let again = try memory.beginAll(anew: false, now: Timestamp(2000))
        #expect(again.isResumed && again.at == Timestamp(1000))
        #expect(try !memory.beginAll(anew: false, now: Timestamp(200_000)).isResumed)
        #expect(try !memory.beginAll(anew: true, now: Timestamp(200_001)).isResumed)
        try memory.endAll()
        #expect(try !memory.beginAll(anew: false, now: Timestamp(200_002)).isResumed)
        let own = try memory.begin([TorrentID(1), TorrentID(2)], anew: false, now: Timestamp(200_003))
        #expect(own.map(\.isResumed) == [false, false] && Set(own.compactMap(\.ownKey)).count == 2)
    }
}
