import Foundation
import Store
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Paths from the user, the environment and the torrent reach the file system as the bytes that they are.
@Suite(.crowded) struct BytePathTests {
    /// A folder's name: Latin-1, a blank at its end, and a line end in it.
    private static let place = PathText.text([0x70, 0xe9, 0x0a, 0x64, 0x20])

    /// Names that are one to somebody: to Unicode, to who repairs UTF-8, to who trims blanks, to who escapes bytes as
    /// this program does.
    private static let files: [[UInt8]] = [
        Array("\u{e9}".utf8), Array("e\u{301}".utf8), [0xe9], Array("\u{fffd}".utf8), [0xff], Array("\u{10fee9}".utf8),
        Array("\u{10fee9}".utf8.prefix(3)),
        Array("a".utf8), Array("a ".utf8), Array(" a".utf8), Array("\u{301}".utf8), Array("\u{ac00}\u{11a8}".utf8),
        Array("\u{ac01}".utf8),
        Array("\u{e9}d/x".utf8), Array("e\u{301}d/x".utf8), Array("e\u{301}d/y".utf8), [0xe9, 0x64, 0x2f, 0x78],
        Array("d/\u{301}x".utf8),
    ]

    private func fill(_ folder: FilePath) throws {
        for (number, file) in Self.files.enumerated() {
            let path = FilePath(text: folder.text + "/" + PathText.text(file))
            try Files.makeFolders(path.removingLastComponent())
            try Files.write(SamplePayload(seed: UInt64(number)).bytes(at: 0, count: 9_000 + number), to: path)
        }
    }

    private func object(_ end: RunningProgram.End) throws -> [String: Any] {
        #expect(end.exitCode == 0, "\(end)")
        return try #require(try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: Any], "\(end)")
    }

    @Test func oddNamesWorkFromCreationToDeletion() async throws {
        try await withTemporaryFolder { folder in
            let seeder = try Pieces(in: folder, "seeder")
            let name = PathText.text([0x6d, 0xe8, 0x72, 0x65])
            let source = folder.appending(name: Self.place)
            try Files.makeFolders(source)
            try fill(source.appending(name: name))
            let whole = try Files.tree(source)

            // The torrent is made in a folder with such a name, of one, and gets its name.
            let made = try await seeder.runBytes(["create", name, "--piece-length", "16K", "--json"], at: source)
            #expect(try object(made)["files"] as? Int == Self.files.count)
            let torrent = source.appending(name: name + ".torrent")
            #expect(
                try object(made)["file_bytes"] as? String
                    == Hex.encode([0x6d, 0xe8, 0x72, 0x65] + Array(".torrent".utf8)))
            #expect(try await seeder.runBytes(["verify", torrent.text, "--output", "."], at: source).exitCode == 0)

            let target = folder.appending(name: "t" + Self.place)
            let database = folder.appending(name: "db" + Self.place)
            let there = ["--database", database.text]
            let client = try Pieces(in: folder, "client")
            try await seeder.beside(["run", "--json"] + Pieces.network) { running in
                let address = try await running.address()
                let end = try await client.runBytes(
                    ["download", torrent.text, "--output", target.text, "--peer", "\(address)", "--quiet"] + there
                        + Pieces.network)
                #expect(end.exitCode == 0, "\(end)")
            }
            var expected = whole
            expected[PathText.bytes(torrent.lastComponent!.text)] = nil
            #expect(try Files.tree(target) == expected)

            // Each file is told from its twins, and what is said is text.
            let verified = try await client.runBytes(["verify", "--json"] + there)
            // One file is called by the character that stands for bytes that are no text; no other has it.
            #expect(
                verified.exitCode == 0 && verified.output.unicodeScalars.count { $0 == "\u{fffd}" } == 1, "\(verified)")
            let files = try object(try await client.runBytes(["files", "1", "--json"] + there))
            let found = try #require(files["files"] as? [[String: Any]]).map { file in
                let path = file["path"] as? String ?? ""
                #expect(
                    file["path_bytes"] as? String == (PathText.isEscaped(path) ? Hex.encode(PathText.bytes(path)) : nil)
                )
                return PathText.bytes(path)
            }
            #expect(Set(found) == Set(Self.files.map { PathText.bytes(name + "/") + $0 }))
            #expect(PathText.bytes(try #require(files["output"] as? String)) == PathText.bytes(target.text))
            let shown = try await client.runBytes(["files", "1"] + there)
            #expect(shown.output.contains(#"m\xE8re/\xE9d/x"#) && shown.output.contains("m\\xE8re/\u{fffd}\n"))

            // One of a pair is selected by its own bytes.
            let selected = try await client.runBytes(
                ["select", "1", "\u{e9}", PathText.text([0xe9, 0x64, 0x2f, 0x2a])] + there)
            #expect(selected.output.contains("2 files selected"), "\(selected)")
            #expect(try await client.runBytes(["select", "1", "--all"] + there).exitCode == 0)

            // What isn't the torrent's stays, whatever is taken for its name.
            let neighbour = target.appending(name: "m\u{fffd}re").appending("\u{e9}")
            try Files.makeFolders(neighbour.removingLastComponent())
            try Files.write([1], to: neighbour)
            let export = folder.appending(name: "x" + Self.place)
            #expect(try await client.runBytes(["export", name, export.text] + there).exitCode == 0)
            #expect(try Files.read(export) == Files.read(torrent))
            let removed = try await client.runBytes(["remove", name, "--delete-data"] + there)
            #expect(removed.exitCode == 0 && removed.output.contains("\(Self.files.count) files deleted"), "\(removed)")
            #expect(try Files.tree(target) == [Array("m\u{fffd}re/\u{e9}".utf8): [1]])
        }
    }

    @Test(arguments: ["PIECES_DATABASE", "XDG_STATE_HOME", "HOME"]) func environmentPathsAreBytes(variable: String)
        async throws
    {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let named = folder.appending(name: Self.place)
            try Files.makeFolders(named)
            let database =
                switch variable {
                case "PIECES_DATABASE": named.appending(name: "\u{e9}" + PathText.text([0xe9]))
                case "XDG_STATE_HOME": named.appending("pieces/pieces.db")
                default: named.appending(".local/state/pieces/pieces.db")
                }
            let environment = ["PIECES_DATABASE": "", "XDG_STATE_HOME": ""].merging(
                [variable: variable == "PIECES_DATABASE" ? database.text : named.text]) { $1 }
            let torrent = try pieces.file(of: try SampleTorrent("a", length: 100))
            let added = try await pieces.runBytes(
                ["add", torrent.text, "--output", named.text], environment: environment)
            #expect(added.exitCode == 0 && Files.exists(database), "\(added)")
            // Whoever asks for the path gets its bytes.
            let output = folder.appending("path")
            #expect(
                try await pieces.runBytes(["database", "path"], environment: environment, output: output).exitCode == 0)
            #expect(try Files.read(output) == PathText.bytes(database.text) + [UInt8(ascii: "\n")])
            let status = try object(try await pieces.runBytes(["status", "--json"], environment: environment))
            let torrents = try #require(status["torrents"] as? [[String: Any]])
            #expect(torrents.first?["output_bytes"] as? String == Hex.encode(PathText.bytes(named.text)))
        }
    }

    /// A torrent that the first version added has its files under the names that it gave them, and is found there.
    @Test func oldTorrentKeepsItsFiles() async throws {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let names = [PathText.text([0xe9]), "\u{fc}", "u\u{308}"]
            let old = ["\u{e9}", "\u{fc}", "u\u{308} (2)"]
            let torrent = try SampleTorrent(folder: "t", names.map { SampleTorrent.File($0, 20_000) })
            try await pieces.adopt(torrent)
            let place = pieces.output.appending("t")
            let whole = try Files.tree(place)
            do {
                let connection = try Connection.open(pieces.database, mode: .readWrite, now: .now())
                for (index, (name, old)) in zip(names, old).enumerated() where !PathText.isSame(name, old) {
                    try connection.execute("UPDATE path SET path = ? WHERE idx = ?", "t/" + old, index)
                    try Files.rename(place.appending(name: name), to: place.appending(name: old))
                }
            }
            #expect(try await pieces.run(["verify"]).exitCode == 0)
            let files = try object(try await pieces.run(["files", "1", "--json"]))["files"] as? [[String: Any]]
            #expect(files?.map { Array(($0["path"] as? String ?? "").utf8) } == old.map { Array("t/\($0)".utf8) })
            // The engine finds them, too, and makes nothing new.
            #expect(try await pieces.run(["run", "--until-complete", "--quiet"] + Pieces.network).exitCode == 0)
            #expect(try Files.tree(place).count == whole.count)
            let removed = try await pieces.run(["remove", "1", "--delete-data"])
            #expect(removed.output.contains("3 files deleted") && !Files.exists(place), "\(removed)")
        }
    }

    /// Torrents meet at a path where its bytes are the same, and not where Unicode takes two paths for one.
    @Test func equivalentUnicodeNamesAreNoConflict() async throws {
        try await withTemporaryFolder { folder in
            let latin = PathText.text([0xe9])
            let torrents = [
                try SampleTorrent(folder: "\u{e9}", [.init("x", 40_000)], seed: 1),
                try SampleTorrent(folder: "e\u{301}", [.init("x", 50_000)], seed: 2),
                try SampleTorrent(folder: "t", [.init("\u{e9}", 40_000)], seed: 3),
                try SampleTorrent(folder: "t", [.init("e\u{301}", 50_000)], seed: 4),
                try SampleTorrent(folder: "t", [.init(latin, 60_000)], seed: 5),
                try SampleTorrent("\u{301}x", length: 40_000, seed: 6),
                try SampleTorrent(folder: "u", [.init("\u{301}y/z", 40_000)], seed: 7),
            ]
            // Each has other content at the path of one of the others, with the same bytes.
            let others = [
                (1, try SampleTorrent(folder: "\u{e9}", [.init("x", 40_000)], seed: 11)),
                (5, try SampleTorrent(folder: "t", [.init(latin, 60_000)], seed: 12)),
                (6, try SampleTorrent("\u{301}x", length: 40_000, seed: 13)),
                (7, try SampleTorrent(folder: "u", [.init("\u{301}y", 40_000)], seed: 14)),
            ]
            func file(_ torrent: SampleTorrent) throws -> String {
                let path = folder.appending("\(torrent.infoHash).torrent")
                try Files.write(torrent.file, to: path)
                return path.string
            }
            let seeder = try Pieces(in: folder, "seeder")
            for torrent in torrents { try torrent.write(to: seeder.output) }
            let files = try torrents.map(file)
            let adopted = try await seeder.run(["verify"] + files + ["--output", seeder.output.string])
            #expect(adopted.exitCode == 0, "\(adopted)")

            // The folder has such a name itself, and a link with another one leads to it.
            let client = try Pieces(in: folder, "client")
            let output = folder.appending(name: "o" + latin)
            let link = folder.appending(name: "l" + latin)
            try Files.makeFolders(output)
            try Files.link(link, to: output)
            for file in files {
                let added = try await client.runBytes(["add", file, "--output", output.text])
                #expect(added.exitCode == 0, "\(added)")
            }
            for (number, other) in others {
                let refused = try await client.runBytes(["add", try file(other), "--output", link.text])
                #expect(refused.exitCode == 1 && refused.errors.contains("torrent \(number) "), "\(refused)")
            }
            try await seeder.beside(["run", "--json"] + Pieces.network) { running in
                let address = try await running.address()
                let end = try await client.run(
                    ["run", "--until-complete", "--quiet", "--peer", "\(address)"] + Pieces.network)
                #expect(end.exitCode == 0, "\(end)")
            }
            for torrent in torrents { #expect(torrent.faults(in: output).isEmpty, "\(torrent)") }
        }
    }

    /// Architecture says what changes the bytes of a path; nothing in the sources uses it.
    @Test func sourcesNeverTreatAPathAsText() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let forbidden = [
            /\.string\b(?!\()/, /\bFilePath\((?!text:|root:|platformString:|"[^"\\]*"\))/, /\bCommandLine\.arguments/,
        ]
        let sources = try #require(
            FileManager.default.enumerator(at: root.appending(path: "Sources"), includingPropertiesForKeys: nil))
        var count = 0
        for case let file as URL in sources where file.pathExtension == "swift" {
            count += 1
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                for pattern in forbidden {
                    #expect(!code.contains(pattern), "\(file.lastPathComponent): \(line)")
                }
            }
        }
        #expect(count > 100)
    }

    /// `link/..` is the folder above the one that the link leads to, for the system and so for us.
    @Test func parentOfALinkIsResolvedLikeTheSystem() async throws {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            try Files.makeFolders(folder.appending("real/inner"))
            try Files.link(folder.appending("link"), to: folder.appending("real/inner"))
            let torrent = try SampleTorrent("a", length: 100)
            try torrent.write(to: folder.appending("real"))
            let file = try pieces.file(of: torrent)
            #expect(
                try await pieces.run(["verify", file.string, "--output", folder.appending("link/..").string]).exitCode
                    == 0)
            #expect(try await pieces.status()?["output"] as? String == folder.appending("real").string)
            // A link that nothing goes back over keeps its name: it may lead elsewhere tomorrow.
            let other = try Pieces(in: folder, "other")
            try torrent.write(to: folder.appending("real/inner"))
            #expect(
                try await other.run(["verify", file.string, "--output", folder.appending("link/./missing/..").string])
                    .exitCode == 0)
            #expect(try await other.status()?["output"] as? String == folder.appending("link").string)
            // `create` names the torrent as the system names the folder.
            let made = try await pieces.run([
                "create", folder.appending("link/..").string, "--json", "-o", "made.torrent",
            ])
            #expect(try object(made)["name"] as? String == "real")
        }
    }

    /// A long name that is no ASCII has room for what it is called while it is written.
    @Test func fileWithALongNameIsWritten() async throws {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let torrent = try SampleTorrent("a", length: 100)
            try torrent.write(to: folder)
            let name = String(repeating: "\u{e9}", count: 123) + ".torrent"
            let end = try await pieces.run([
                "create", folder.appending("a").string, "-o", folder.appending(name).string,
            ])
            #expect(end.exitCode == 0 && Files.exists(folder.appending(name)), "\(end)")
        }
    }

    /// What went wrong is said in text that a terminal may have.
    @Test func messagesHaveNoStrayBytes() async throws {
        try await withTemporaryFolder { folder in
            let pieces = try Pieces(in: folder)
            let name = PathText.text([0xe9, 0x1b, 0x5b, 0x4b])
            for arguments in [
                ["add", name], ["show", name], ["create", name], ["status", "--database", name], ["x" + name],
            ] {
                let end = try await pieces.runBytes(arguments)
                let text = end.output + end.errors
                #expect(
                    text.contains(#"\xE9."#) && !text.contains("\u{1b}") && !text.contains("\u{fffd}"),
                    "\(arguments[0]): \(end)")
            }
        }
    }
}
