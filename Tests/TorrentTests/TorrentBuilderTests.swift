import Bencode
import Testing
import Torrent

struct TorrentBuilderTests {
    @Test func singleFileTorrentRoundTrips() throws {
        var builder = TorrentBuilder(
            name: "a.bin", content: .file(length: 20_000), pieceLength: 16384, pieceHashes: .raw(Array(1...40)))
        builder.trackers = [["http://a/x", "http://b/x"], [], ["udp://c:1"]]
        builder.webSeeds = ["http://seed/a.bin"]
        builder.isPrivate = true
        builder.comment = "words"
        builder.source = "S"
        builder.createdBy = "pieces"
        builder.creationDate = 42
        let bytes = try builder.build()
        let metainfo = try Metainfo(torrentFile: bytes)
        #expect(metainfo.isSingleFile && metainfo.isPrivate)
        #expect(metainfo.layout.files == [FileEntry(path: ["a.bin"], length: 20_000)])
        #expect(metainfo.trackers == [["http://a/x", "http://b/x"], ["udp://c:1"]])
        #expect(metainfo.webSeeds == ["http://seed/a.bin"])
        #expect(
            metainfo.comment == "words" && metainfo.source == "S" && metainfo.createdBy == "pieces"
                && metainfo.creationDate == 42)
        #expect(metainfo.pieceHashes[PieceIndex(1)].elementsEqual(Array(21...40)))
        #expect(Bencode.encode(try Bencode.decode(bytes)) == bytes)
    }

    @Test func folderTorrentRoundTrips() throws {
        let builder = TorrentBuilder(
            name: "d",
            content: .folder([.init(path: ["x", "run"], length: 7, isExecutable: true), .init(path: ["é"], length: 0)]),
            pieceLength: 16384,
            pieceHashes: .raw(Array(repeating: 0, count: 20)))
        let metainfo = try Metainfo(torrentFile: try builder.build())
        #expect(!metainfo.isSingleFile && !metainfo.isPrivate && metainfo.trackers.isEmpty)
        #expect(metainfo.layout.files.map(\.displayPath) == ["d/x/run", "d/é"])
        #expect(metainfo.layout.files.map(\.isExecutable) == [true, false])
    }

    /// Names that differ in normalization alone, and names that aren't UTF-8, are in the torrent byte for byte.
    @Test func namesKeepTheirBytes() throws {
        let names: [[UInt8]] = [
            [0xe9], Array("e\u{301}".utf8), Array("é".utf8), Array("\u{10fee9}".utf8), Array("\u{fffd}".utf8),
            Array(" \u{301}".utf8),
        ]
        let builder = TorrentBuilder(
            name: PathText.text([0x64, 0xff]),
            content: .folder(names.map { .init(path: [PathText.text($0)], length: 1) }), pieceLength: 16384,
            pieceHashes: .raw(Array(repeating: 0, count: 20)))
        let bytes = try builder.build()
        let info = try #require(try Bencode.decode(bytes)["info"])
        #expect(info["name"]?.bytes == [0x64, 0xff])
        #expect(info["files"]?.list?.compactMap { $0["path"]?.list?.first?.bytes } == names)
        let metainfo = try Metainfo(torrentFile: bytes)
        #expect(metainfo.layout.files.map { PathText.bytes($0.displayPath) } == names.map { [0x64, 0xff, 0x2f] + $0 })
    }

    @Test func singleTrackerNeedsNoList() throws {
        var builder = TorrentBuilder(
            name: "a", content: .file(length: 1), pieceLength: 16384, pieceHashes: .raw(Array(repeating: 0, count: 20)))
        builder.trackers = [["http://a/x"]]
        let root = try Bencode.decode(try builder.build())
        #expect(root["announce"] == "http://a/x")
        #expect(root["announce-list"] == nil)
    }

    static let unsafePaths: [([String], String)] = [
        (["a\\b"], "a_b"), (["..", "x"], "__/x"), (["", "x"], "x"), (["x\n"], "x_"),
        ([String(repeating: "x", count: 300)], ""),
        (["same"], "same (2)"),
    ]

    @Test(arguments: unsafePaths.indices)
    func namesThatClientsWouldChangeAreRejected(row: Int) {
        let (path, becomes) = Self.unsafePaths[row]
        let content = TorrentBuilder.Content.folder([.init(path: ["same"], length: 1), .init(path: path, length: 1)])
        let builder = TorrentBuilder(
            name: "d", content: content, pieceLength: 16384, pieceHashes: .raw(Array(repeating: 0, count: 20)))
        let error = #expect(throws: TorrentBuilderError.self) { try builder.build() }
        guard case .unsafePath(_, let other)? = error else {
            Issue.record("\(String(describing: error)) is not about the path")
            return
        }
        #expect(becomes.isEmpty || other == "d/" + becomes)
    }

    @Test func padNameIsRejectedAsContent() {
        let content = TorrentBuilder.Content.folder([.init(path: [".pad", "1"], length: 1)])
        let builder = TorrentBuilder(
            name: "d", content: content, pieceLength: 16384, pieceHashes: .raw(Array(repeating: 0, count: 20)))
        #expect(throws: TorrentBuilderError.padName("d/.pad/1")) { try builder.build() }
    }

    @Test func wrongNumberOfHashesIsRejected() {
        let builder = TorrentBuilder(
            name: "a", content: .file(length: 20_000), pieceLength: 16384,
            pieceHashes: .raw(Array(repeating: 0, count: 20)))
        #expect(throws: TorrentBuilderError.invalid(.wrongPieceCount(expected: 2, found: 1))) { try builder.build() }
    }

    @Test(
        arguments: [
            (0, 16 << 10), (1, 16 << 10), (32 << 20, 16 << 10), ((32 << 20) + 1, 32 << 10), (1 << 30, 512 << 10),
            (32 << 30, 16 << 20),
            (1 << 50, 16 << 20),
            (.max, 16 << 20),
        ] as [(Int64, Int)])
    func pieceLengthGrowsWithTheTotal(total: Int64, length: Int) {
        #expect(TorrentBuilder.sensiblePieceLength(totalBytes: total) == length)
    }
}
