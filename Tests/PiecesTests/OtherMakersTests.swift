import Foundation
import TestSupport
import Testing
import Torrent

/// .torrent files as other programs leave them, and files that are none; what is said of them.
struct OtherMakersTests {
    /// The `info` of a file of 100 zeros, with more pairs at its front.
    private static func info(_ more: String = "") -> [UInt8] {
        Array("d\(more)4:name5:x.bin6:lengthi100e12:piece lengthi16384e6:pieces20:".utf8) + SHA1.hash(zeros: 100)
            + Array("e".utf8)
    }

    /// A .torrent whose keys are in no order.
    private static func torrent(_ announce: String = "", more: String = "", behind: String = "") -> [UInt8] {
        let url = announce.isEmpty ? "" : "8:announce\(announce.utf8.count):\(announce)"
        return Array("d4:info".utf8) + info(more) + Array((url + "e" + behind).utf8)
    }

    struct Wrong: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        let says: [String]
        var testDescription: String { name }
    }

    /// Each kind of file, and the words by which its user knows what to do.
    static let wrong: [Wrong] = [
        Wrong(name: "packed", bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0], says: ["compressed with gzip", "gunzip"]),
        Wrong(name: "archive", bytes: Array("PK\u{3}\u{4}rest".utf8), says: ["zip archive", "unpack it"]),
        Wrong(name: "page", bytes: Array("<!DOCTYPE html><h1>Log in</h1>".utf8), says: ["web page (HTML)", "browser"]),
        Wrong(name: "magnet", bytes: Array("magnet:?xt=urn:btih:0123\n".utf8), says: ["magnet link", "in quotes"]),
        Wrong(
            name: "link", bytes: Array("https://example.org/x.torrent\n".utf8),
            says: ["web address", "give that address"]),
        Wrong(name: "empty", bytes: [], says: ["an empty file", "download it again"]),
        Wrong(name: "zeros", bytes: [0, 0, 0, 0], says: ["zero bytes", "download it again"]),
        Wrong(name: "cut", bytes: Array(torrent().dropLast(30)), says: ["is cut off after", "compare its size"]),
        Wrong(name: "text", bytes: Array("hello".utf8), says: ["not a .torrent, or it is damaged"]),
        Wrong(name: "list", bytes: Array("le".utf8), says: ["it is not a dictionary"]),
        Wrong(name: "dear", bytes: Array("dear friend".utf8), says: ["it has no 'info'"]),
        Wrong(
            name: "second-version", bytes: Array("d4:infod9:file treede12:meta versioni2e4:name1:xee".utf8),
            says: ["v2 torrent", "v1 or hybrid"]),
        Wrong(name: "twice", bytes: torrent(more: "6:lengthi1e"), says: ["'info.length' twice", "ask its creator"]),
        Wrong(
            name: "both", bytes: torrent(more: "5:filesld6:lengthi100e4:pathl1:aeee"),
            says: ["'info.length' and 'info.files'", "ask its creator"]),
        Wrong(
            name: "type", bytes: Array("d4:infod6:length5:1 KiB4:name1:xee".utf8),
            says: ["'info.length' of the .torrent must be an integer", "ask its creator"]),
    ]

    @Test(arguments: wrong) func errorNamesTheFaultAndTheRemedy(_ given: Wrong) async throws {
        try await withProgram { program in
            try program.write("\(given.name).torrent", given.bytes)
            for command in ["show", "add"] {
                let answer = try await program.run(command, "\(given.name).torrent")
                #expect(answer.status == 1)
                #expect(answer.errors.hasPrefix("pieces: \(given.name).torrent: "))
                for words in given.says { #expect(answer.errors.contains(words), "\(answer.errors)") }
                #expect(answer.errors.split(separator: "\n").count == 1 && answer.output.isEmpty)
            }
        }
    }

    /// Byte for byte, with what stands behind the document; and the hash of `info` as it stands.
    @Test(arguments: ["", "\n", "\r\n", "\0\0\0", "<!-- 0.01 s -->"]) func exportReturnsTheOriginalBytes(behind: String)
        async throws
    {
        try await withProgram { program in
            let bytes = Self.torrent("http://127.0.0.1:1/announce", more: "3:1231:x3:1231:y", behind: behind)
            try program.write("odd.torrent", bytes)
            try await program.succeed("add", "odd.torrent")
            try await program.succeed("export", "1", "again.torrent")
            #expect(try program.read("again.torrent") == bytes)
            let hash = InfoHash(SHA1.hash(Self.info("3:1231:x3:1231:y")))
            #expect(try await program.torrents().first?["info_hash"] as? String == hash.description)
        }
    }

    @Test func showListsUnusedValues() async throws {
        try await withProgram { program in
            try program.write("odd.torrent", Self.torrent("wss://tracker.example"))
            let text = try await program.succeed("show", "odd.torrent").output
            #expect(text.contains("not used    announce “wss://tracker.example”: only URLs with udp, http, https"))
            let object = try #require(try await program.succeed("show", "odd.torrent", "--json").json as? [String: Any])
            let values = try #require(object["not_used"] as? [[String: Any]])
            #expect(values.map { $0["key"] as? String } == ["announce"])
            #expect(values.first?["value"] as? String == "wss://tracker.example")
            let added = try await program.succeed("add", "odd.torrent")
            #expect(added.errors.hasPrefix("pieces: x.bin: none of the trackers in the .torrent can be used"))
        }
    }

    // MARK: A second .torrent of the same content

    private func trackers(_ program: Program, _ torrent: String = "1") async throws -> [[String: Any]] {
        let object = try #require(try await program.succeed("trackers", torrent, "--json").json as? [String: Any])
        return try #require(object["trackers"] as? [[String: Any]])
    }

    @Test func newTrackersOfAPublicTorrentAreAdded() async throws {
        try await withProgram { program in
            let urls = ["http://a.invalid/announce", "http://b.invalid/announce", "http://c.invalid/announce"]
            for (name, url) in zip(["a", "b", "c"], urls) { try program.write("\(name).torrent", Self.torrent(url)) }
            // The same tracker in another writing is not news.
            try program.write("same.torrent", Self.torrent("HTTP://A.invalid:80/announce"))
            // In one command, too.
            let first = try await program.succeed("add", "a.torrent", "a.torrent", "b.torrent")
            #expect(first.lines == ["added 1  x.bin", "1  x.bin is already in the database; added 1 new tracker"])
            #expect(try await program.succeed("add", "same.torrent").lines == ["1  x.bin is already in the database"])
            let checked = try await program.run("verify", "c.torrent")
            #expect(
                checked.errors.contains("x.bin: the .torrent has 1 new tracker; `pieces add` it"), "\(checked.errors)")
            #expect(try await trackers(program).map { $0["url"] as? String } == Array(urls.prefix(2)))
            #expect(try await program.succeed("add", "c.torrent").output.contains("added 1 new tracker"))
            #expect(try await trackers(program).map { $0["url"] as? String } == urls)
            #expect(try await trackers(program).map { $0["tier"] as? Int } == [0, 1, 2])
            // The .torrent that came first is the one that is kept.
            try await program.succeed("export", "1", "kept.torrent")
            #expect(try program.read("kept.torrent") == program.read("a.torrent"))
        }
    }

    @Test func privateTorrentKeepsItsTrackers() async throws {
        try await withProgram { program in
            try program.write("a.torrent", Self.torrent("http://a.invalid/announce", more: "7:privatei1e"))
            try program.write("b.torrent", Self.torrent("http://b.invalid/announce", more: "7:privatei1e"))
            try await program.succeed("add", "a.torrent")
            let again = try await program.succeed("add", "b.torrent")
            #expect(again.output.contains("1 new tracker not added because the torrent is private"))
            #expect(try await trackers(program).map { $0["url"] as? String } == ["http://a.invalid/announce"])
        }
    }

    /// A running engine asks the new tracker at once, and a download says that there is one.
    @Test func runningEngineUsesNewTrackers() async throws {
        try await withProgram { program in
            try program.write("a.torrent", Self.torrent("http://127.0.0.1:1/announce"))
            try program.write("b.torrent", Self.torrent("http://127.0.0.1:2/announce"))
            try program.write("c.torrent", Self.torrent("http://127.0.0.1:3/announce"))
            try await program.succeed("add", "a.torrent", "--output", "out")
            let network = ["--bind", "127.0.0.1", "--listen-port", "0"]
            let running = try program.start(["run"] + network)
            defer { running.send(SIGKILL) }
            try await untilAsked(program, count: 1)
            try await program.succeed("add", "b.torrent")
            try await untilAsked(program, count: 2)
            running.send(SIGTERM)
            #expect(try await running.end().status == 0)

            let download = try program.start(["download", "c.torrent"] + network)
            defer { download.send(SIGKILL) }
            try await untilAsked(program, count: 3)
            download.send(SIGTERM)
            #expect(try await download.end().errors.contains("x.bin: added 1 new tracker"))
        }
    }

    /// Waits until so many trackers were asked, in vain.
    private func untilAsked(_ program: Program, count: Int) async throws {
        try await eventually("\(count) trackers to be asked", within: .seconds(120)) {
            try await trackers(program).count { ($0["failures"] as? Int ?? 0) > 0 } >= count
        }
    }

    /// The beginning of a long comment is shown, and how long it is, to people and to programs.
    @Test func longCommentIsTruncated() async throws {
        try await withProgram { program in
            let comment = String(repeating: "c", count: 2_000_000)
            let bytes = Array("d7:comment\(comment.utf8.count):\(comment)4:info".utf8) + Self.info() + Array("e".utf8)
            try program.write("long.torrent", bytes)
            let sentence = "it has 2000000 bytes, and the first \(Metainfo.maximumTextBytes) of them are kept"
            let shown = try await program.succeed("show", "long.torrent")
            #expect(shown.output.utf8.count < 2 * Metainfo.maximumTextBytes)
            #expect(shown.output.contains("comment: \(sentence)"), "\(shown.output.suffix(500))")
            let object = try #require(
                try await program.succeed("show", "long.torrent", "--json").json as? [String: Any])
            #expect((object["comment"] as? String)?.utf8.count == Metainfo.maximumTextBytes)
            let notUsed = try #require(object["not_used"] as? [[String: Any]])
            #expect(notUsed.map { $0["key"] as? String } == ["comment"] && notUsed[0]["reason"] as? String == sentence)
        }
    }
}
