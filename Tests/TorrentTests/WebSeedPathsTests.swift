import Bencode
import Testing
import Torrent

/// Where files are on a web seed (BEP 19).
struct WebSeedPathsTests {
    private static func torrent(name: [UInt8], paths: [[[UInt8]]]?, root: BencodeDictionary = BencodeDictionary())
        throws -> Metainfo
    {
        var info = BencodeDictionary()
        info["name"] = .string(name)
        info["piece length"] = 16384
        if let paths {
            info["files"] = .list(
                paths.map { path in
                    var file = BencodeDictionary()
                    file["length"] = 1
                    file["path"] = .list(path.map { .string($0) })
                    return .dictionary(file)
                })
        } else {
            info["length"] = 1
        }
        info["pieces"] = .string(Array(repeating: 0, count: paths?.isEmpty == true ? 0 : 20))
        var root = root
        root["info"] = .dictionary(info)
        return try Metainfo(torrentFile: Bencode.encode(.dictionary(root)))
    }

    private static func url(_ seed: String, name: String, path: [String]?) throws -> String? {
        let metainfo = try torrent(name: Array(name.utf8), paths: path.map { [$0.map { Array($0.utf8) }] })
        return WebSeedPaths(metainfo).url(of: 0, at: seed)
    }

    @Test(
        arguments: [
            // A single file: the URL itself, unless it ends with a slash.
            ("http://h/a.iso", "x.iso", nil, "http://h/a.iso"), ("http://h/d/", "x.iso", nil, "http://h/d/x.iso"),
            ("http://h/d/", "x y.iso", nil, "http://h/d/x%20y.iso"),
            ("http://h/get?id=3", "x", nil, "http://h/get?id=3"),
            // Several files: the name and the path are appended, with a slash if one is lacking.
            ("http://h/d/", "T", ["a", "b"], "http://h/d/T/a/b"), ("http://h/d", "T", ["a"], "http://h/d/T/a"),
            ("http://h", "T", ["a"], "http://h/T/a"),
            // Every byte that isn't unreserved is escaped; what the base has escaped stays.
            ("http://h/a%20b/", "T", ["c+d", "#1?.bin"], "http://h/a%20b/T/c%2Bd/%231%3F.bin"),
            ("http://h/", "T", ["100%", "a&b=c;d", "é~_.-"], "http://h/T/100%25/a%26b%3Dc%3Bd/%C3%A9~_.-"),
            ("http://h/", "T", ["a:b", "(c)!*'"], "http://h/T/a%3Ab/%28c%29%21%2A%27"),
            // The metainfo's names, not the safe ones that are on the disk.
            ("http://h/", "T", ["..", "con", "a\\b"], "http://h/T/../con/a%5Cb"),
            ("http://h/", "T", ["", ".", "a"], "http://h/T/a"),
        ] as [(String, String, [String]?, String)])
    func urlsFollowTheRules(seed: String, name: String, path: [String]?, expected: String) throws {
        #expect(try Self.url(seed, name: name, path: path) == expected)
    }

    @Test func namesThatAreNotUTF8KeepTheirBytes() throws {
        let metainfo = try Self.torrent(name: [0xe9], paths: [[[0xff, 0x41]], [[0x62], [0x80]]])
        let paths = WebSeedPaths(metainfo)
        #expect(paths.url(of: 0, at: "http://h/") == "http://h/%E9/%FFA")
        #expect(paths.url(of: 1, at: "http://h/") == "http://h/%E9/b/%80")
        #expect(paths.url(of: 2, at: "http://h/") == nil)
    }

    /// Files with equal paths are numbered on the disk, and not on the server.
    @Test func numberedFilesAreAskedForByTheirOwnNames() throws {
        let metainfo = try Self.torrent(name: [0x54], paths: [[[0x61]], [[0x61]]])
        #expect(metainfo.layout.files[1].displayPath != metainfo.layout.files[0].displayPath)
        #expect(WebSeedPaths(metainfo).url(of: 1, at: "http://h/") == "http://h/T/a")
    }

    @Test(
        arguments: [
            (.text("http://h/a"), ["http://h/a"]),
            (.list(["http://h/a", "https://i/"]), ["http://h/a", "https://i/"]),
            (.text(""), []), (.list([]), []), (.list(["/1/items/", "http://h/a"]), ["http://h/a"]),
            (.list(["ftp://h/a", 7]), []),
        ] as [(BencodeValue, [String])])
    func urlListIsAStringOrAList(value: BencodeValue, expected: [String]) throws {
        var root = BencodeDictionary()
        root["url-list"] = value
        let metainfo = try Self.torrent(name: [0x54], paths: nil, root: root)
        #expect(metainfo.webSeeds == expected)
        // What is left out is named, but for what is empty.
        let dropped = (value.list?.count ?? (value.text == "" ? 0 : 1)) - expected.count
        #expect(metainfo.unused.count { $0.key == "url-list" } == dropped)
    }

    /// The form of the Internet Archive.
    @Test func paddingOfTheInternetArchiveIsPadding() throws {
        let metainfo = try Self.torrent(
            name: [0x54], paths: [[Array("a".utf8)], [Array(".____padding_file".utf8), [0x30]]])
        #expect(metainfo.layout.files.map(\.isPad) == [false, true])
    }
}
