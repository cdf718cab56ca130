import Bencode
import Testing
import Torrent

/// .torrent files as the makers of the world write them: what has one reading is read, and what has two names its key.
struct OtherMakersTests {
    /// Bencode by hand, so that it may be as wrong as theirs.
    indirect enum Raw: Sendable {
        case number(String)
        case text(String)
        case bytes([UInt8])
        case list([Raw])
        case pairs([(String, Raw)])

        var encoded: [UInt8] {
            switch self {
            case .number(let digits): Array("i\(digits)e".utf8)
            case .text(let text): Raw.bytes(Array(text.utf8)).encoded
            case .bytes(let bytes): Array("\(bytes.count):".utf8) + bytes
            case .list(let values): Array("l".utf8) + values.flatMap(\.encoded) + Array("e".utf8)
            case .pairs(let pairs):
                Array("d".utf8) + pairs.flatMap { Raw.text($0.0).encoded + $0.1.encoded } + Array("e".utf8)
            }
        }
    }

    private static let hashes = Raw.bytes([UInt8](repeating: 7, count: 60))
    private static let single: [(String, Raw)] = [
        ("length", .number("40000")), ("name", .text("file.bin")), ("piece length", .number("16384")),
        ("pieces", hashes),
    ]
    private static let folder: [(String, Raw)] = [
        ("files", .list([file("a", "30000"), file("b", "10000")])), ("name", .text("folder")),
        ("piece length", .number("16384")), ("pieces", hashes),
    ]

    private static func file(_ name: String, _ length: String) -> Raw {
        .pairs([("length", .number(length)), ("path", .list([.text(name)]))])
    }

    /// The pairs with those of `changes` in place of theirs, or behind them; without those of `removed`.
    private static func info(_ pairs: [(String, Raw)], _ changes: [(String, Raw)] = [], without removed: [String] = [])
        -> [(String, Raw)]
    {
        var pairs = pairs.filter { !removed.contains($0.0) }
        for (key, value) in changes {
            if let at = pairs.firstIndex(where: { $0.0 == key }) {
                pairs[at].1 = value
            } else {
                pairs.append((key, value))
            }
        }
        return pairs
    }

    private static func torrent(_ info: [(String, Raw)], _ root: [(String, Raw)] = []) -> [UInt8] {
        Raw.pairs(root + [("info", .pairs(info))]).encoded
    }

    private static func read(_ info: [(String, Raw)], _ root: [(String, Raw)] = []) throws -> Metainfo {
        try Metainfo(torrentFile: torrent(info, root))
    }

    // MARK: Order and surroundings

    @Test func keysMayComeInAnyOrder() throws {
        for pairs in [Self.single, Self.folder] {
            let plain = try Self.read(pairs)
            let turned = Array(pairs.reversed())
            let metainfo = try Metainfo(
                torrentFile: Raw.pairs([("info", .pairs(turned)), ("announce", .text("http://a/x"))]).encoded)
            #expect(metainfo.infoHash == InfoHash(SHA1.hash(Raw.pairs(turned).encoded)))
            #expect(metainfo.infoHash != plain.infoHash)
            #expect(
                metainfo.layout == plain.layout && metainfo.geometry == plain.geometry && metainfo.name == plain.name)
            #expect(metainfo.file[metainfo.pieceHashesRange].elementsEqual([UInt8](repeating: 7, count: 60)))
        }
        let files = Raw.list([.pairs([("path", .list([.text("a")])), ("length", .number("40000"))])])
        #expect(
            try Self.read(Self.info(Self.folder, [("files", files)])).layout.files.map(\.displayPath) == ["folder/a"])
    }

    /// What scripts and editors leave around a document.
    @Test(
        arguments: ["\n", "\r\n", String(repeating: "\0", count: 100), "\n<!-- 0.01 s -->\n", "e", "d4:infodee"],
        ["", "\n\n", "\u{feff}", "\u{feff}\r\n "])
    func bytesAroundTheDocumentAreIgnored(behind: String, before: String) throws {
        let bytes = Array(before.utf8) + Self.torrent(Self.single) + Array(behind.utf8)
        let metainfo = try Metainfo(torrentFile: bytes)
        #expect(metainfo.file == bytes)
        #expect(metainfo.infoHash == (try Self.read(Self.single).infoHash))
        #expect(metainfo.pieceHashes[PieceIndex(0)].elementsEqual([UInt8](repeating: 7, count: 20)))
    }

    // MARK: Keys that repeat

    /// A key that decides what is downloaded, twice in `info`.
    @Test(arguments: [
        ("length", Raw.number("1")), ("length", .text("40001")), ("name", .text("other")),
        ("piece length", .number("32768")),
        ("pieces", .bytes([UInt8](repeating: 8, count: 60))), ("private", .number("1")), ("meta version", .number("2")),
        ("name.utf-8", .text("x")), ("file tree", .pairs([("a", .text("b"))])),
    ])
    func essentialKeyWithTwoValuesIsRejected(key: String, value: Raw) throws {
        let first: Raw = Self.single.first { $0.0 == key }?.1 ?? .number("0")
        let once = Self.info(Self.single, [(key, first)])
        for pairs in [once + [(key, value)], [(key, value)] + once] {
            #expect(throws: MetainfoError.disputed(key: "info.\(key)")) { try Self.read(pairs) }
        }
        #expect(MetainfoError.disputed(key: "info.\(key)").description.contains("'info.\(key)'"))
        // Twice the same says nothing new; a hybrid's tree can't be a number, but nobody reads it here.
        #expect(try Self.read(once + [(key, first)]).geometry.totalBytes == 40_000)
    }

    @Test func conflictingKeysOfRootAndFilesAreRejected() throws {
        let one = Raw.pairs(Self.single)
        let two = Raw.pairs(Self.info(Self.single, [("length", .number("40001"))]))
        #expect(throws: MetainfoError.disputed(key: "info")) {
            try Metainfo(torrentFile: Raw.pairs([("info", one), ("info", two)]).encoded)
        }
        #expect(
            try Metainfo(torrentFile: Raw.pairs([("info", one), ("info", one)]).encoded).geometry.totalBytes == 40_000)
        for (key, value) in [
            ("length", Raw.number("1")), ("path", .list([.text("c")])), ("path.utf-8", .list([.text("d")])),
            ("attr", .text("p")),
        ] {
            let first: Raw = key == "length" ? .number("30000") : key == "attr" ? .text("x") : .list([.text("a")])
            let file: [(String, Raw)] = Self.info(
                [("length", .number("30000")), ("path", .list([.text("a")]))], [(key, first)])
            let files = { (pairs: [(String, Raw)]) in
                Self.info(Self.folder, [("files", .list([Self.file("z", "10000"), .pairs(pairs)]))])
            }
            #expect(throws: MetainfoError.disputed(key: "info.files.2.\(key)")) {
                try Self.read(files(file + [(key, value)]))
            }
            #expect(try Self.read(files(file + [(key, first)])).layout.files.count == 2)
        }
    }

    /// A key that nobody reads, or that only describes; which of the values is used is told.
    @Test func otherKeysMayRepeat() throws {
        let odd =
            [("123", Raw.text("x")), ("123", .text("y"))] + Self.single + [
                ("source", .text("A")), ("source", .text("B")),
            ]
        let metainfo = try Self.read(
            odd,
            [
                ("announce", .text("http://a/x")), ("announce", .text("http://b/x")), ("comment", .text("1")),
                ("comment", .text("2")),
            ])
        #expect(metainfo.infoHash == InfoHash(SHA1.hash(Raw.pairs(odd).encoded)))
        #expect(metainfo.trackers == [["http://a/x"]] && metainfo.comment == "1" && metainfo.source == "A")
        #expect(metainfo.unused.map(\.key) == ["announce", "comment"])
    }

    @Test func hundredThousandFilesWithRepeatedKeysAreParsed() throws {
        let count = 100_000
        let file = Raw.pairs([
            ("path", .list([.text("same")])), ("md5", .text("x")), ("md5", .text("y")), ("length", .number("1")),
        ])
        let info = Self.info(
            Self.folder,
            [
                ("files", .list(Array(repeating: file, count: count))), ("piece length", .number("100000")),
                ("pieces", .bytes(Array(repeating: 0, count: 20))),
            ])
        #expect(try Self.read(info).layout.files.last?.displayPath == "folder/same (\(count))")
    }

    // MARK: Forms of values

    /// Numbers as text and with zeros, and what they mean.
    @Test func numbersMayBeText() throws {
        let metainfo = try Self.read(
            Self.info(Self.single, [("length", .text("40000")), ("piece length", .number("016384"))]),
            [("creation date", .text("1700000000"))])
        #expect(metainfo.geometry == Geometry(totalBytes: 40_000, pieceLength: 16384))
        #expect(metainfo.creationDate == 1_700_000_000)
        let files = Raw.list([
            .pairs([("length", .text("40000")), ("path", .list([.text("season"), .number("2010"), .text("1.mkv")]))])
        ])
        let folder = try Self.read(Self.info(Self.folder, [("files", files), ("name", .number("2012"))]))
        #expect(folder.layout.files.map(\.displayPath) == ["2012/season/2010/1.mkv"])
    }

    /// What isn't clearly a no is a yes (BEP 27).
    @Test(arguments: [
        (Raw.number("0"), false, 0), (.number("1"), true, 0), (.number("2"), true, 0), (.text("1"), true, 0),
        (.text("0"), false, 0),
        (.text(""), false, 0),
        (.text("no"), true, 1), (.list([]), true, 1), (.number("-0"), false, 0),
    ])
    func privateFlagIsReadInAnyForm(value: Raw, isPrivate: Bool, told: Int) throws {
        let metainfo = try Self.read(Self.info(Self.single, [("private", value)]))
        #expect(metainfo.isPrivate == isPrivate)
        #expect(metainfo.unused.map(\.key) == Array(repeating: "info.private", count: told))
    }

    /// Sizes that are in use, and some that only old makers used.
    @Test(arguments: [1, 7, 16_383, 20_000, 32_769, 16 << 20, 64 << 20, 128 << 20, 256 << 20, 100_000_000])
    func unusualPieceLengthsAreAccepted(length: Int) throws {
        let total = length < 100 ? 100 : 40_000
        let count = (total + length - 1) / length
        let metainfo = try Self.read(
            Self.info(
                Self.single,
                [
                    ("length", .number("\(total)")), ("piece length", .number("\(length)")),
                    ("pieces", .bytes(Array(repeating: 1, count: 20 * count))),
                ]))
        #expect(metainfo.geometry.pieceCount == count && metainfo.geometry.pieceLength == length)
    }

    /// Paths in other forms, and the path of the file.
    @Test(
        arguments: [
            ([("path", Raw.text("plain.txt"))], "plain.txt"), ([("path", .text("sub/folder/x"))], "sub/folder/x"),
            ([("path", .text("/../x"))], "__/x"),
            ([("path", .text(""))], "file 1"), ([("path", .list([]))], "file 1"), ([], "file 1"),
            ([("path", .list([.text("")]))], "_"),
            ([("path.utf-8", .text("no list")), ("path", .list([.text("a")]))], "a"),
            ([("path.utf-8", .list([.number("1")])), ("path", .list([.text("a")]))], "a"),
            ([("path.utf-8", .list([.text("é")]))], "é"), ([("attr", .text("p"))], "padding 1"),
            ([("attr", .number("1")), ("path", .list([.text("a")]))], "a"),
        ] as [([(String, Raw)], String)])
    func pathsInOtherFormsAreAccepted(pairs: [(String, Raw)], path: String) throws {
        let metainfo = try Self.read(
            Self.info(Self.folder, [("files", .list([.pairs([("length", .number("40000"))] + pairs)]))]))
        #expect(metainfo.layout.files[0].displayPath == "folder/" + path)
        #expect(metainfo.layout.files[0].isPad == (path == "padding 1"))
    }

    /// Deeper than 64 folders, or longer than a path may be: the files can be had under other names.
    @Test(arguments: [(100, "d"), (20, String(repeating: "d", count: 250)), (2000, "d")])
    func endlessPathsAreAccepted(depth: Int, name: String) throws {
        let file = { (last: String) in
            Raw.pairs([
                ("length", .number("13000")),
                ("path", .list(Array(repeating: Raw.text(name), count: depth) + [.text(last)])),
            ])
        }
        let files = try Self.read(Self.info(Self.folder, [("files", .list([file("a"), file("b"), file("a")]))])).layout
            .files
        #expect(files.map { $0.path.last } == ["a", "b", "a (2)"])
        #expect(Set(files.map { $0.path.dropLast() }).count == 1)
        #expect(files.allSatisfy { $0.displayPath.utf8.count < 4096 && $0.path.count <= 64 })
    }

    @Test func missingNameIsReplacedByTheHash() throws {
        for pairs in [Self.info(Self.single, without: ["name"]), Self.info(Self.single, [("name", .list([]))])] {
            let metainfo = try Self.read(pairs)
            #expect(metainfo.name == metainfo.infoHash.description)
            #expect(metainfo.layout.files.map(\.displayPath) == [metainfo.name])
        }
        #expect(try Self.read(Self.info(Self.single, [("name", .text(""))])).name == "_")
    }

    /// `length` beside an empty `files` says one thing; beside files it says another.
    @Test func lengthBesideFilesIsRejected() throws {
        let metainfo = try Self.read(Self.single + [("files", .list([]))])
        #expect(metainfo.isSingleFile && metainfo.layout.files.map(\.displayPath) == ["file.bin"])
        let error = #expect(throws: MetainfoError.lengthAndFiles) {
            try Self.read(Self.folder + [("length", .number("40000"))])
        }
        #expect(error?.description.contains("'info.length' and 'info.files'") == true)
    }

    /// Nothing to download, with the hash of nothing that some makers write.
    @Test func hashOfNothingIsAcceptedForEmptyContent() throws {
        let nothing = Raw.bytes(Array(SHA1.hash([])))
        let metainfo = try Self.read(Self.info(Self.single, [("length", .number("0")), ("pieces", nothing)]))
        #expect(metainfo.geometry.pieceCount == 0 && metainfo.pieceHashesRange.isEmpty)
        #expect(throws: MetainfoError.wrongPieceCount(expected: 0, found: 3)) {
            try Self.read(Self.info(Self.single, [("length", .number("0"))]))
        }
    }

    /// Hashes that don't fit the lengths: one of them is wrong, and every piece would fail.
    @Test(arguments: [40, 59, 61, 80]) func wrongNumberOfHashesIsRejected(bytes: Int) {
        let error = #expect(throws: MetainfoError.self) {
            try Self.read(Self.info(Self.single, [("pieces", .bytes(Array(repeating: 7, count: bytes)))]))
        }
        #expect(error?.description.contains("'info.pieces'") == true)
    }

    /// The first version of a hybrid is read, however deep its tree is and in whatever order.
    @Test func fileTreeOfAHybridIsIgnored() throws {
        var tree = Raw.pairs([("", .pairs([("pieces root", .bytes([1])), ("length", .number("40000"))]))])
        for _ in 0..<120 { tree = .pairs([("z", tree), ("a", .pairs([]))]) }
        let metainfo = try Self.read(
            Self.single + [("meta version", .number("2")), ("file tree", tree)], [("piece layers", .text("x"))])
        #expect(metainfo.geometry.pieceCount == 3)
    }

    // MARK: What isn't used

    @Test func unusedValuesAreReported() throws {
        let metainfo = try Self.read(
            Self.single,
            [
                ("announce", .text("http://first/x")),
                (
                    "announce-list",
                    .list([
                        .list([.text("udp://a:1"), .text("wss://b"), .number("5")]), .text(""), .text("http://"),
                        .text("http://" + String(repeating: "x", count: 3000)), .bytes([0x68, 0xff]),
                    ])
                ),
                ("creation date", .text("yesterday")),
                ("url-list", .list([.text("ftp://seed/"), .text("http://seed/")])),
            ])
        #expect(metainfo.trackers == [["udp://a:1"]])
        #expect(metainfo.webSeeds == ["http://seed/"])
        #expect(
            metainfo.unused.map(\.key)
                == [
                    "announce-list", "announce-list", "announce-list", "announce-list", "announce-list", "announce",
                    "url-list", "creation date",
                ])
        #expect(
            metainfo.unused.first { $0.text == "wss://b" }?.reason
                == "only URLs with udp, http, https are supported")
        #expect(metainfo.unused.first { $0.key == "announce" }?.text == "http://first/x")
        #expect(metainfo.unused.allSatisfy { $0.text.utf8.count <= 400 })
    }

    @Test func textInOtherFormsIsAccepted() throws {
        let metainfo = try Self.read(
            Self.single, [("comment", .list([.text("one"), .number("2")])), ("created by", .number("7"))])
        #expect(metainfo.comment == "one\n2")
        #expect(metainfo.createdBy == "7")
    }

    @Test(arguments: [
        ("http://A.example:80/announce", "http://a.example/announce", true), ("HTTPS://a:443/x", "https://a/x", true),
        ("udp://a:80", "udp://a", false),
        ("http://a/Announce", "http://a/announce", false), ("http://a:8080/x", "http://a/x", false),
        ("http://User@H/x", "http://User@h/x", true),
        ("http://User@h/x", "http://user@h/x", false), ("http://a?k=V", "http://A?k=V", true),
        ("nonsense", "nonsense", true),
        ("http://[::80]/", "http://[::80]/", true),
    ])
    func trackerIdentityIgnoresSpelling(a: String, b: String, isSame: Bool) {
        #expect((TrackerIdentity.of(a) == TrackerIdentity.of(b)) == isSame)
    }
}

struct ForeignFileTests {
    @Test(
        arguments: [
            ([], .empty), ([0, 0, 0, 0], .zeros), ([0x1f, 0x8b, 8, 0], .compressed("gzip", with: "gunzip")),
            ([0x42, 0x5a, 0x68, 0x39], .compressed("bzip2", with: "bunzip2")),
            ([0x50, 0x4b, 3, 4, 1], .archive("zip")),
            (Array("<!DOCTYPE html><title>Login".utf8), .webPage), (Array("\u{feff}\n <HTML>".utf8), .webPage),
            (Array("<?xml version='1.0'?><!DOCTYPE html PUBLIC".utf8), .webPage),
            (Array("<?xml version='1.0'?><metalink>".utf8), .document("Metalink")),
            (Array("<?xml version='1.0'?><rss>".utf8), .document("feed (RSS)")),
            (Array("<?xml version='1.0'?><x>".utf8), .document("XML")),
            (Array("magnet:?xt=urn:btih:00".utf8), .magnet), (Array("\nMAGNET:?xt".utf8), .magnet),
            (Array("https://example.org/x.torrent\n".utf8), .address),
            (Array("[InternetShortcut]\r\nURL=http://x/".utf8), .address),
            (Array("{\"error\": 404}".utf8), .document("JSON")),
            (Array("%PDF-1.7".utf8), .document("PDF")), (Array("d8:announce".utf8), nil), (Array("hello".utf8), nil),
            ([0, 1, 2], nil), ([0x1f], nil),
        ] as [([UInt8], ForeignFile?)])
    func foreignFileIsRecognizedByItsFirstBytes(bytes: [UInt8], kind: ForeignFile?) {
        #expect(ForeignFile(bytes) == kind)
        guard let kind else { return }
        let error = #expect(throws: MetainfoError.foreign(kind)) { try Metainfo(torrentFile: bytes) }
        #expect(error?.description.hasPrefix("this is not a .torrent but ") == true)
        #expect(error?.description.contains("; ") == true)
    }
}
