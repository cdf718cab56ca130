import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// `pieces label` and `pieces note`, and commands that choose torrents by labels.
struct LabelTests {
    private func make(_ program: Program, _ names: [String]) async throws {
        for (n, name) in names.enumerated() {
            try program.write("in/\(name)", bytes: 40_000, seed: UInt64(n + 1))
            try await program.succeed(
                "create", "in/\(name)", "-o", "\(name).torrent", "--piece-length", "16K", "--anonymous")
            try await program.succeed("add", "\(name).torrent", "--output", "out")
        }
    }

    @Test func labelsAreGivenTakenAndListed() async throws {
        try await withProgram { program in
            try await make(program, ["one", "two", "three"])
            let given = try await program.succeed("label", "one", "three", "+archive", "+a b", "--json")
            #expect(try given.objects.map { $0["labels"] as? [String] } == [["a b", "archive"], ["a b", "archive"]])
            #expect(try await program.succeed("label", "--label", "archive", "-a b").lines.count == 2)
            #expect(try await program.succeed("label", "1").output == "1  one: archive\n")
            #expect(try await program.succeed("label", "2").output == "2  two: no labels\n")
            try await program.succeed("label", "t*", "+x", "-archive")
            let list = try await program.succeed("label")
            #expect(list.output.contains("archive") && list.output.contains("x") && list.lines.count == 3)
            let objects = try await program.succeed("label", "--json").objects
            #expect(objects.map { $0["label"] as? String } == ["archive", "x"])
            #expect(objects.map { $0["torrents"] as? Int } == [1, 2])
            let torrents = try await program.torrents()
            #expect(torrents.map { $0["labels"] as? [String] } == [["archive"], ["x"], ["x"]])
        }
    }

    @Test func commandsChooseByLabel() async throws {
        try await withProgram { program in
            try await make(program, ["one", "two", "three"])
            try await program.succeed("label", "one", "two", "+archive")
            try await program.succeed("label", "two", "three", "+big")
            func names(_ answer: [[String: Any]]) -> [String] { answer.compactMap { $0["name"] as? String } }
            #expect(try await names(program.torrents("--label", "archive")) == ["one", "two"])
            #expect(try await names(program.torrents("--label", "archive", "--label", "big")) == ["two"])
            #expect(try await names(program.torrents("t*", "--label", "big", "--sort", "name")) == ["three", "two"])
            let table = try await program.succeed("status", "--label", "big", "--columns", "name,labels")
            #expect(table.output.contains("archive, big"), "\(table.output)")
            #expect(try await program.succeed("limit", "--label", "big", "--upload", "1M", "--json").objects.count == 2)
            #expect(try await program.succeed("pause", "--label", "archive", "--json").objects.count == 2)
            #expect(try await program.succeed("resume", "--label", "archive", "--json").objects.count == 2)
            try await program.succeed("queue", "--label", "big", "top")
            let queue = try await program.succeed("queue", "--json").json as? [String: Any]
            #expect(names(queue?["torrents"] as? [[String: Any]] ?? []) == ["two", "three", "one"])
            let part = try await program.succeed("queue", "--label", "archive", "--json").json as? [String: Any]
            let places = (part?["torrents"] as? [[String: Any]])?.compactMap { $0["place"] as? Int }
            #expect(places == [1, 3], "the places are those among all torrents")
            try await program.succeed("move", "--label", "archive", "elsewhere")
            let again = try await program.succeed("move", "--label", "archive", "elsewhere").output
            #expect(again == "2 torrents are already in elsewhere\n", "\(again)")
            let outputs = try await program.torrents().compactMap { $0["output"] as? String }
            #expect(outputs.map { $0.hasSuffix("elsewhere") } == [true, true, false])
            #expect(try await program.succeed("remove", "--label", "big", "--json").objects.count == 2)
        }
    }

    @Test func badLabelsAreRefused() async throws {
        try await withProgram { program in
            try await make(program, ["one"])
            let cases: [([String], Int32, String)] = [
                (["status", "--label", "nothing"], 1, "no torrent has the label “nothing”"),
                (["pause", "--label", "nothing"], 1, "no torrent has the label"),
                (["label", "1", "+"], 64, "can't be a label"), (["label", "+x"], 64, "name the torrents"),
                (["label", "1", "--x"], 64, "is not an option"), (["label", "2", "+x"], 1, "no torrent matches"),
                (["label", "1", "+a,b"], 64, "commas separate labels"),
                (["label", "1", "+" + String(repeating: "x", count: 101)], 64, "can't be a label"),
                (["pause", "--all", "--label", "x"], 64, "either torrents, or --all"),
                (["label", "1"] + (0..<65).map { "+l\($0)" }, 1, "64 is the most"),
            ]
            for (arguments, status, text) in cases {
                let answer = try await program.start(arguments, environment: [:]).end()
                #expect(answer.status == status && answer.errors.contains(text), "\(arguments): \(answer.errors)")
                #expect(answer.errors.split(separator: "\n").count <= 2, "\(answer.errors)")
            }
            #expect(try await program.torrents().first?["labels"] as? [String] == [])
        }
    }

    /// Another client's labels may have commas.
    @Test func aStoredLabelWithACommaIsUsedAndRemoved() async throws {
        try await withProgram { program in
            try await make(program, ["one"])
            let connection = try Connection.open(FilePath(program.database.path), mode: .readWrite, now: .now())
            try connection.labels.add("a,b", to: TorrentID(1))
            #expect(try await program.torrents("--label", "a,b").count == 1)
            try await program.succeed("scrub", "policy", "off", "--label", "a,b")
            #expect(try await program.succeed("label", "1", "-a,b").output == "1  one: no labels\n")
        }
    }

    @Test func aNoteIsWrittenShownAndDeleted() async throws {
        try await withProgram { program in
            try await make(program, ["one"])
            #expect(try await program.succeed("note", "1").output == "")
            try await program.succeed("note", "1", "from the estate\nbox 12")
            #expect(try await program.succeed("note", "one").output == "from the estate\nbox 12\n")
            #expect(try await program.torrents().first?["note"] as? String == "from the estate\nbox 12")
            let json = try await program.succeed("note", "1", "--json").objects
            #expect(json.first?["note"] as? String == "from the estate\nbox 12" && json.first?["at"] is Int)
            try await program.succeed("note", "1", "--clear")
            #expect(try await program.torrents().first?["note"] is NSNull)
            let long = try await program.run("note", "1", String(repeating: "x", count: 10_001))
            #expect(long.status == 64 && long.errors.contains("10,000 is the most"), "\(long.errors)")
        }
    }
}
