import Bencode
import Testing
import Torrent

/// Other names for the files of a torrent, whose metainfo stays as it is.
struct RenamesTests {
    private static func metainfo(_ paths: [String], pad: Int? = nil) throws -> Metainfo {
        var info = BencodeDictionary()
        info["files"] = .list(
            paths.enumerated().map { n, path in
                var file = BencodeDictionary()
                if n == pad { file["attr"] = "p" }
                file["length"] = .integer(1)
                file["path"] = .list(path.split(separator: "/").map { .text(String($0)) })
                return .dictionary(file)
            })
        info["name"] = "root"
        info["piece length"] = .integer(16384)
        info["pieces"] = .string(Array(SHA1.hash([UInt8](repeating: 0, count: paths.count))))
        var root = BencodeDictionary()
        root["info"] = .dictionary(info)
        return try Metainfo(torrentFile: Bencode.encode(.dictionary(root)))
    }

    private static func single() throws -> Metainfo {
        var info = BencodeDictionary()
        info["length"] = .integer(1)
        info["name"] = "one.iso"
        info["piece length"] = .integer(16384)
        info["pieces"] = .string(Array(SHA1.hash([0])))
        var root = BencodeDictionary()
        root["info"] = .dictionary(info)
        return try Metainfo(torrentFile: Bencode.encode(.dictionary(root)))
    }

    @Test func filesAndRootGetOtherNames() throws {
        let metainfo = try Self.metainfo(["a", "b/c", "pad", "b/d"], pad: 2)
        let renamed = try metainfo.renamed(Renames(root: "new root", files: [0: "x/y", 3: "d"]))
        #expect(renamed.name == "new root")
        #expect(
            renamed.layout.files.map(\.displayPath) == ["new root/x/y", "new root/b/c", "root/pad", "new root/d"])
        #expect(renamed.file == metainfo.file && renamed.infoHash == metainfo.infoHash)
        #expect(renamed.layout.files.map(\.offset) == metainfo.layout.files.map(\.offset))
        // New names replace earlier ones, and none leaves the metainfo's.
        #expect(
            try renamed.renamed(Renames(files: [1: "z"])).layout.files.map(\.displayPath)
                == ["root/a", "root/z", "root/pad", "root/b/d"])
        #expect(try renamed.renamed(Renames()).layout == metainfo.layout)
        #expect(renamed.withoutRenames.layout == metainfo.layout && renamed.withoutRenames.name == "root")
        // Two files may exchange their names.
        #expect(
            try metainfo.renamed(Renames(files: [0: "b/c", 1: "a"])).layout.files[0].displayPath == "root/b/c")
    }

    @Test func theOnlyFileHasTheRootsName() throws {
        let renamed = try Self.single().renamed(Renames(root: "two.iso"))
        #expect(renamed.layout.files.map(\.displayPath) == ["two.iso"])
        #expect(throws: RenameError.noFolder) { try Self.single().renamed(Renames(files: [0: "x"])) }
    }

    @Test(arguments: [
        "", "/x", "x/", "x//y", ".", "..", "../x", "x/../y", "a\\b", "a\nb", "a\u{202e}b",
        String(repeating: "n", count: 256), "x\0y",
    ]) func namesThatAreNotSafeAreRefused(name: String) throws {
        let metainfo = try Self.metainfo(["a", "b/c"])
        #expect(throws: RenameError.self) { try metainfo.renamed(Renames(files: [0: name])) }
        #expect(throws: RenameError.self) { try metainfo.renamed(Renames(root: name)) }
    }

    @Test func pathsThatMeetAreRefused() throws {
        let metainfo = try Self.metainfo(["a", "b/c", "pad"], pad: 2)
        for (files, error) in [
            ([0: "b/c"], RenameError.taken("root/b/c")), ([0: "b"], .taken("root/b")),
            ([1: "a/c"], .taken("root/a")), ([2: "x"], .noFile(2)), ([7: "x"], .noFile(7)), ([-1: "x"], .noFile(-1)),
        ] {
            #expect(throws: error) { try metainfo.renamed(Renames(files: files)) }
        }
        #expect(throws: RenameError.self) {
            try metainfo.renamed(Renames(files: [0: String(repeating: "d/", count: 70) + "x"]))
        }
        #expect(throws: RenameError.self) {
            try metainfo.renamed(Renames(files: [0: String(repeating: "12345678/", count: 400) + "x"]))
        }
        #expect(throws: RenameError.self) { try metainfo.renamed(Renames(root: ".\(metainfo.infoHash).parts")) }
    }

    /// Whatever the names are: the result has as many files, none twice, and none outside the root.
    @Test(arguments: 0..<200) func anyNamesAreSafeOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let parts = ["a", "b", "c", "..", ".", "", "x y", "é", "e\u{301}", "/", "\u{338}", "%", "d"]
        let metainfo = try Self.metainfo(["a", "b/c", "b/d", "e"])
        var renames = Renames()
        if Bool.random(using: &random) { renames.root = parts.randomElement(using: &random) }
        for index in 0..<5 where Bool.random(using: &random) {
            renames.files[index] = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                parts.randomElement(using: &random) ?? ""
            }.joined(separator: "/")
        }
        guard let renamed = try? metainfo.renamed(renames) else { return }
        let paths = renamed.layout.files.map { FileName($0.displayPath) }
        #expect(Set(paths).count == 4, "seed \(seed)")
        for file in renamed.layout.files {
            #expect(PathText.isSame(file.path[0], renamed.name), "seed \(seed)")
            for name in file.path {
                #expect(
                    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/")),
                    "seed \(seed): \(file.path)")
            }
        }
    }
}
