import Bencode
import Testing
import Torrent

/// Changes to a valid .torrent, one at a time.
struct MetainfoTests {
    private static func info(_ change: (inout BencodeDictionary) -> Void = { _ in }) -> BencodeValue {
        var info = BencodeDictionary()
        info["length"] = 40_000
        info["name"] = "file.bin"
        info["piece length"] = 16384
        info["pieces"] = .string(Array(repeating: 7, count: 60))
        change(&info)
        return .dictionary(info)
    }

    private static func torrent(_ info: BencodeValue, _ change: (inout BencodeDictionary) -> Void = { _ in }) -> [UInt8]
    {
        var root = BencodeDictionary()
        root["info"] = info
        change(&root)
        return Bencode.encode(.dictionary(root))
    }

    private static func files(
        _ files: [BencodeValue], pieces: Int, _ change: (inout BencodeDictionary) -> Void = { _ in }
    ) -> [UInt8] {
        torrent(
            info {
                $0["length"] = nil
                $0["files"] = .list(files)
                $0["name"] = "folder"
                $0["pieces"] = .string(Array(repeating: 7, count: 20 * pieces))
                change(&$0)
            })
    }

    @Test func singleFileTorrentIsParsed() throws {
        let bytes = Self.torrent(Self.info())
        let metainfo = try Metainfo(torrentFile: bytes)
        #expect(metainfo.file == bytes)
        #expect(metainfo.name == "file.bin")
        #expect(metainfo.isSingleFile)
        #expect(!metainfo.isPrivate)
        #expect(metainfo.geometry.pieceCount == 3)
        #expect(metainfo.layout.files == [FileEntry(path: ["file.bin"], length: 40_000)])
        #expect(bytes[metainfo.infoRange].elementsEqual(Bencode.encode(Self.info())))
        #expect(metainfo.infoHash == InfoHash(SHA1.hash(Bencode.encode(Self.info()))))
        #expect(metainfo.pieceHashes[PieceIndex(2)].elementsEqual(Array(repeating: 7, count: 20)))
        #expect(metainfo.trackers.isEmpty && metainfo.webSeeds.isEmpty && metainfo.comment == nil)
    }

    /// BEP 52: the same bytes, hashed once more.
    @Test func hybridHasTwoHashes() throws {
        let info = Self.info {
            $0["meta version"] = 2
            $0["file tree"] = ["file.bin": ["": ["length": 40_000]]]
        }
        let metainfo = try Metainfo(torrentFile: Self.torrent(info))
        #expect(metainfo.identity.v1 == metainfo.infoHash)
        #expect(metainfo.identity.v2 == SHA256.hash(Bencode.encode(info)))
        #expect(try Metainfo(torrentFile: Self.torrent(Self.info())).identity.v2 == nil)
    }

    @Test func infoHashCoversUnknownKeys() throws {
        let info = Self.info { $0["zz unknown"] = ["a": [1, 2]] }
        let metainfo = try Metainfo(torrentFile: Self.torrent(info) { $0["zzz"] = 1 })
        #expect(metainfo.infoHash == InfoHash(SHA1.hash(Bencode.encode(info))))
    }

    private typealias Change = @Sendable (inout BencodeDictionary) -> Void

    private static let badInfoRows: [(MetainfoError, Change)] = [
        (.missing(key: "info.piece length"), { $0["piece length"] = nil }),
        (.wrongType(key: "info.piece length", expected: "an integer"), { $0["piece length"] = "16 KiB" }),
        (.badPieceLength(0), { $0["piece length"] = 0 }),
        (.badPieceLength(-16384), { $0["piece length"] = -16384 }),
        (.badPieceLength(.max), { $0["piece length"] = .integer(.max) }),
        (.badPieceLength((256 << 20) + 1), { $0["piece length"] = .integer((256 << 20) + 1) }),
        (.missing(key: "info.pieces"), { $0["pieces"] = nil }),
        (.wrongType(key: "info.pieces", expected: "a string"), { $0["pieces"] = [] }),
        (.raggedPieceHashes(bytes: 59), { $0["pieces"] = .string(Array(repeating: 0, count: 59)) }),
        (.wrongPieceCount(expected: 3, found: 2), { $0["pieces"] = .string(Array(repeating: 0, count: 40)) }),
        (.wrongPieceCount(expected: 3, found: 4), { $0["pieces"] = .string(Array(repeating: 0, count: 80)) }),
        (.wrongPieceCount(expected: 3, found: 0), { $0["pieces"] = "" }),
        (.wrongPieceCount(expected: 0, found: 3), { $0["length"] = 0 }),
        (.badLength(file: 1, -1), { $0["length"] = -1 }),
        (.tooManyPieces, { $0["length"] = .integer(.max) }),
        (.wrongType(key: "info.length", expected: "an integer"), { $0["length"] = "1 MB" }),
        (.neitherLengthNorFiles, { $0["length"] = nil }),
        (.lengthAndFiles, { $0["files"] = [["length": 40_000, "path": ["a"]]] }),
        (.lengthAndFiles, { $0["files"] = "none" }),
        (
            .versionTwoOnly,
            {
                $0["pieces"] = nil; $0["length"] = nil; $0["meta version"] = 2; $0["file tree"] = [:]
            }
        ),
        (
            .versionTwoOnly,
            {
                $0["pieces"] = nil; $0["length"] = nil; $0["file tree"] = [:]
            }
        ),
    ]

    @Test(arguments: badInfoRows.indices)
    func invalidInfoIsRejected(row: Int) {
        let (error, change) = Self.badInfoRows[row]
        #expect(throws: error) { try Metainfo(torrentFile: Self.torrent(Self.info(change))) }
    }

    private static let badFilesRows: [(MetainfoError, [BencodeValue])] = [
        (.noFiles, []),
        (.wrongType(key: "info.files.1", expected: "a dictionary"), [1]),
        (.missing(key: "info.files.1.length"), [["path": ["a"]]]),
        (
            .wrongType(key: "info.files.2.length", expected: "an integer"),
            [["length": 1, "path": ["a"]], ["length": "one", "path": ["b"]]]
        ),
        (.badLength(file: 1, -5), [["length": -5, "path": ["a"]]]),
        (.missing(key: "info.files.1.length"), [[:]]),
        (.wrongType(key: "info.files.1.path", expected: "a list of strings"), [["length": 1, "path": ["0": "a"]]]),
        (.wrongType(key: "info.files.1.path", expected: "a list of strings"), [["length": 1, "path": ["a", ["b"]]]]),
        (.totalTooLarge, [["length": .integer(.max), "path": ["a"]], ["length": 1, "path": ["b"]]]),
        (.tooManyPieces, [["length": .integer(.max - 1), "path": ["a"]], ["length": 1, "path": ["b"]]]),
    ]

    @Test(arguments: badFilesRows.indices)
    func invalidFilesAreRejected(row: Int) {
        let (error, files) = Self.badFilesRows[row]
        #expect(throws: error) { try Metainfo(torrentFile: Self.files(files, pieces: 1)) }
    }

    @Test func nonTorrentFilesAreRejected() {
        #expect(throws: MetainfoError.foreign(.empty)) { try Metainfo(torrentFile: []) }
        #expect(throws: MetainfoError.foreign(.webPage)) { try Metainfo(torrentFile: Array("<html>".utf8)) }
        #expect(throws: MetainfoError.bencode(BencodeError(.unexpectedByte(120), at: 0))) {
            try Metainfo(torrentFile: Array("xyz".utf8))
        }
        #expect(throws: MetainfoError.truncated(bytes: 7)) { try Metainfo(torrentFile: Array("d4:info".utf8)) }
        #expect(throws: MetainfoError.notADictionary) { try Metainfo(torrentFile: Array("le".utf8)) }
        #expect(throws: MetainfoError.missing(key: "info")) { try Metainfo(torrentFile: Array("de".utf8)) }
        #expect(throws: MetainfoError.wrongType(key: "info", expected: "a dictionary")) {
            try Metainfo(torrentFile: Array("d4:infolee".utf8))
        }
        #expect(throws: MetainfoError.foreign(.magnet)) {
            try Metainfo(torrentFile: Array("d10:magnet-uri7:magnet:e".utf8))
        }
        #expect(throws: MetainfoError.foreign(.document("resume data"))) {
            try Metainfo(torrentFile: Array("d11:file-format22:libtorrent resume filee".utf8))
        }
    }

    @Test func hybridsAreParsedAsV1() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.torrent(
                Self.info {
                    $0["meta version"] = 2; $0["file tree"] = [:]
                }))
        #expect(metainfo.geometry.pieceCount == 3)
    }

    @Test func fileAttributesAreParsed() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.files(
                [
                    ["length": 1, "path": ["plain"]], ["attr": "x", "length": 2, "path": ["run"]],
                    ["attr": "p", "length": 3, "path": [".pad", "3"]],
                    ["length": 4, "path": ["_____padding_file_0_"]], ["length": 5, "path": [".pad", "5"]],
                    ["attr": "l", "path": ["link"], "symlink path": ["..", "x"]],
                    ["attr": "hx", "length": 6, "path": ["d", "hidden"]],
                    ["length": 0, "path": ["empty"]], ["length": 7, "path": [".pad"]],
                ], pieces: 1))
        let files = metainfo.layout.files
        #expect(files.map(\.isPad) == [false, false, true, true, true, true, false, false, false])
        #expect(files.map(\.isExecutable) == [false, true, false, false, false, false, true, false, false])
        #expect(files.map(\.isSymlink) == [false, false, false, false, false, true, false, false, false])
        #expect(files.map(\.offset) == [0, 1, 3, 6, 10, 15, 15, 21, 21])
        #expect(files[6].path == ["folder", "d", "hidden"])
        #expect(!metainfo.isSingleFile)
    }

    @Test func hostilePathsStayInsideTheFolder() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.files(
                [
                    ["length": 1, "path": ["..", "..", "etc", "passwd"]], ["length": 1, "path": ["/etc/passwd"]],
                    ["length": 1, "path": ["a"]],
                    ["length": 1, "path": ["a"]], ["length": 1, "path": ["a", "b"]], ["length": 1, "path": ["", "c"]],
                    ["length": 1, "path": ["\0"]],
                ], pieces: 1
            ) { $0["name"] = ".." })
        #expect(metainfo.name == "__")
        #expect(
            metainfo.layout.files.map(\.displayPath) == [
                "__/__/__/etc/passwd", "__/_etc_passwd", "__/a", "__/a (2)", "__/a (3)/b", "__/c", "__/_",
            ])
    }

    @Test func utf8NamesArePreferred() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.files(
                [
                    ["length": 1, "path": [.string([0xe9])], "path.utf-8": ["é8"]],
                    ["length": 1, "path": [.string([0xe9])]],
                ], pieces: 1
            ) {
                $0["name"] = .string([0xe9])
                $0["name.utf-8"] = "ñ"
            })
        #expect(metainfo.layout.files.map(\.displayPath) == ["ñ/é8", PathText.text(Array("ñ/".utf8) + [0xe9])])
        #expect(metainfo.underFirstRule?.file == 1)
        #expect(metainfo.underFirstRule?.metainfo.layout.files.map(\.displayPath) == ["ñ/é8", "ñ/é"])
    }

    /// Whatever a torrent calls its files, the rule of its time is asked for where the paths differ, and nowhere else.
    @Test(
        arguments: [
            ([[0x61], [0x62]], nil), ([Array("é".utf8), Array("ñ".utf8)], nil), ([[0x61], [0xe9]], 1),
            ([Array("\u{10fee9}".utf8)], nil),
            ([Array("é".utf8), Array("e\u{301}".utf8), Array("é".utf8)], 1),
        ] as [([[UInt8]], Int?)])
    func firstNamingRuleIsKeptWherePathsDiffer(names: [[UInt8]], file: Int?) throws {
        let files = names.map { ["length": 1, "path": [.string($0)]] as BencodeValue }
        let metainfo = try Metainfo(torrentFile: Self.files(files, pieces: 1))
        #expect(metainfo.underFirstRule?.file == file)
        #expect(metainfo.underFirstRule?.metainfo.underFirstRule == nil)
        #expect(metainfo.underFirstRule.map { $0.metainfo.infoHash == metainfo.infoHash } ?? true)
    }

    @Test func torrentWithoutContentIsAccepted() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.files([["length": 0, "path": ["a"]], ["length": 0, "path": ["b"]]], pieces: 0))
        #expect(metainfo.geometry.pieceCount == 0)
        #expect(metainfo.layout.totalBytes == 0)
        let single = try Metainfo(
            torrentFile: Self.torrent(
                Self.info {
                    $0["length"] = 0; $0["pieces"] = ""
                }))
        #expect(single.geometry.pieces.isEmpty)
    }

    @Test func descriptiveFieldsAreParsed() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.torrent(
                Self.info {
                    $0["private"] = 1; $0["source"] = "TRK"
                }
            ) {
                $0["comment"] = .string([0x80])
                $0["created by"] = "maker"
                $0["creation date"] = 1_700_000_000
            })
        #expect(metainfo.isPrivate)
        #expect(metainfo.source == "TRK")
        #expect(metainfo.comment == "€")
        #expect(metainfo.createdBy == "maker")
        #expect(metainfo.creationDate == 1_700_000_000)
    }

    /// The text, what is kept of it, and how many bytes it is said to have; `nil` where all is kept.
    private static let longTexts: [(BencodeValue, String, Int?)] = {
        let limit = Metainfo.maximumTextBytes
        let full = String(repeating: "c", count: limit)
        return [
            (.text(full), full, nil), (.text(full + "c"), full, limit + 1),
            (.text(full + full + full), full, 3 * limit),
            // A character isn't cut in two, and Latin-1 stays what it is.
            (
                .text("c" + String(repeating: "é", count: limit)), "c" + String(repeating: "é", count: limit / 2 - 1),
                2 * limit + 1
            ),
            (.text(full.dropLast() + "日本"), String(full.dropLast()), limit + 5),
            (.string([UInt8](repeating: 0xe9, count: 2 * limit)), String(repeating: "é", count: limit), 2 * limit),
            (["one", .text(full), "three"], "one\n" + full.dropLast(4), limit + 10),
            (.list(Array(repeating: .text(String(full.dropLast())), count: 3)), String(full.dropLast()), 3 * limit - 1),
        ]
    }()

    @Test(arguments: longTexts.indices)
    func longTextIsTruncated(row: Int) throws {
        let (text, kept, bytes) = Self.longTexts[row]
        let metainfo = try Metainfo(
            torrentFile: Self.torrent(Self.info { $0["source"] = text }) {
                $0["comment"] = text
                $0["created by"] = text
            })
        let found = [metainfo.comment, metainfo.createdBy, metainfo.source]
        #expect(found.allSatisfy { $0 == kept })
        #expect(metainfo.unused.map(\.key) == (bytes == nil ? [] : ["comment", "created by", "info.source"]))
        for value in metainfo.unused {
            #expect(
                value.reason
                    == "it has \(bytes ?? 0) bytes, and the first \(Metainfo.maximumTextBytes) of them are kept")
        }
    }

    /// One string of many words is no list of URLs, and what is shown of it is short.
    @Test func longTrackerTextIsOneUnusedTracker() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.torrent(Self.info()) {
                $0["announce"] = .text(String(repeating: "http://a/x ", count: 100_000))
            })
        #expect(metainfo.trackers == [] && metainfo.unused.count == 1)
        #expect(
            metainfo.unused.allSatisfy {
                $0.key == "announce" && $0.text.utf8.count <= 200 && $0.reason.contains("longer than")
            })
    }

    /// A path that is one string may have as many names as half of its bytes.
    @Test func pathOfAMillionNamesIsShortened() throws {
        let path = String(repeating: "a/", count: 1_000_000) + "file"
        let metainfo = try Metainfo(
            torrentFile: Self.files([["length": 1, "path": .text(path)], ["length": 1, "path": "/a//b/"]], pieces: 1))
        let files = metainfo.layout.files
        #expect(files[0].path.count == SafePath.maximumDepth && files[0].path.last == "file")
        #expect(files[1].path == ["folder", "a", "b"])
    }

    @Test func descriptiveFieldsOfWrongTypeAreIgnored() throws {
        let metainfo = try Metainfo(
            torrentFile: Self.torrent(Self.info { $0["source"] = [["x": 1]] }) {
                for key in ["announce", "announce-list", "comment", "created by", "creation date", "url-list"] {
                    $0[Array(key.utf8)] = [["x": 1]]
                }
            })
        #expect(metainfo.trackers.isEmpty && metainfo.webSeeds.isEmpty)
        #expect(
            metainfo.comment == nil && metainfo.createdBy == nil && metainfo.creationDate == nil
                && metainfo.source == nil)
    }

    private static let trackersRows: [(BencodeValue?, BencodeValue?, [[String]])] = [
        (nil, nil, []),
        ("http://a/x", nil, [["http://a/x"]]),
        ("http://a/x", [], [["http://a/x"]]),
        ("http://a/x", [[], ["wss://b"]], [["http://a/x"]]),
        (
            "http://a/x", [["http://b/x", " udp://c:1 \n"], [], ["HTTPS://d/x"]],
            [["http://b/x", "udp://c:1"], ["HTTPS://d/x"]]
        ),
        (nil, [["http://b/x"], ["http://b/x", "http://c/x"]], [["http://b/x"], ["http://c/x"]]),
        (nil, ["http://flat/x"], [["http://flat/x"]]),
        (nil, "http://text/x", [["http://text/x"]]),
        (["http://list/x", ["udp://c:1"]], nil, [["http://list/x", "udp://c:1"]]),
        ("http://a/x http://b/x\nudp://c:1", nil, [["http://a/x", "http://b/x", "udp://c:1"]]),
        (nil, [["http://a/x\r\nhttp://b/x"]], [["http://a/x", "http://b/x"]]),
        (nil, ["0": ["http://php/x"], "1": ["0": "http://php/y"]], [["http://php/x"], ["http://php/y"]]),
        (nil, [["http://"], ["udp://"], ["ftp://x/"], ["http://a\nb/"], [1], ["x"], ["dht://x"], [""]], []),
        (nil, [[.string([0x68, 0xff])]], []),
    ]

    @Test(arguments: trackersRows.indices)
    func trackerTiersAreParsed(row: Int) throws {
        let (announce, list, tiers) = Self.trackersRows[row]
        let metainfo = try Metainfo(
            torrentFile: Self.torrent(Self.info()) {
                $0["announce"] = announce
                $0["announce-list"] = list
            })
        #expect(metainfo.trackers == tiers)
    }

    @Test func numberOfTrackersIsLimited() throws {
        let many = BencodeValue.list(
            (0..<1000).map { ["http://tracker/\($0)"].map(BencodeValue.text) }.map(BencodeValue.list))
        #expect(
            try Metainfo(torrentFile: Self.torrent(Self.info()) { $0["announce-list"] = many }).trackers.count
                == AnnounceList.maximumCount)
    }

    private static let webSeedsRows: [(BencodeValue, [String])] = [
        ("http://a/", ["http://a/"]), ("", []),
        (["http://a/", "https://b/c d", "ftp://c/", "http://a/", 1], ["http://a/", "https://b/c d"]),
    ]

    @Test(arguments: webSeedsRows.indices)
    func webSeedsAreParsed(row: Int) throws {
        let (value, seeds) = Self.webSeedsRows[row]
        #expect(try Metainfo(torrentFile: Self.torrent(Self.info()) { $0["url-list"] = value }).webSeeds == seeds)
    }

    @Test func errorsSayWhatToDo() {
        #expect(
            MetainfoError.missing(key: "info.pieces").description
                == "the .torrent has no 'info.pieces'; ask its creator for a corrected .torrent")
        #expect(
            MetainfoError.versionTwoOnly.description
                == "this is a v2 torrent (BEP 52) without v1 piece hashes, and v2 is not supported yet; "
                + "ask for a v1 or hybrid .torrent of the same content")
        #expect(
            MetainfoError.truncated(bytes: 4096).description
                == "the .torrent is cut off after 4096 bytes; "
                + "download it again, and compare its size with that of the original")
    }
}
