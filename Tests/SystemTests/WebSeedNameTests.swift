import Foundation
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Files are asked for by the bytes of their names, and padding isn't asked for at all (BEP 19).
@Suite(.crowded) struct WebSeedNameTests {
    /// Names that somebody escapes, decodes or trims wrongly.
    private static let names: [[UInt8]] = [
        Array("c++ #1?.bin".utf8), Array("100%".utf8), Array("%41".utf8), Array("a&b=c;d".utf8), Array("(x)!*'".utf8),
        Array("a:b@c".utf8), Array("é~_.-".utf8), Array("e\u{301}".utf8), [0xe9], [0xff, 0x20, 0x41],
        Array("\"q\"".utf8),
        Array("[1] {2} |3| ^4`".utf8), Array("日本".utf8), Array("..a".utf8), Array("a,b$".utf8),
    ]

    private func download(_ torrent: SampleTorrent, at url: String, _ pieces: Pieces) async throws {
        let end = try await pieces.run(try pieces.download(try torrent.naming(webSeeds: [url])))
        #expect(end.exitCode == 0, "\(url): \(end)")
        #expect(torrent.faults(in: pieces.output) == [], "\(url)")
    }

    /// A folder, at a URL with and without a slash at its end, below a path that has escapes itself.
    @Test(arguments: ["", "/"]) func oddNamesInAFolderAreFound(end: String) async throws {
        let torrent = try SampleTorrent(
            folder: PathText.text([0x6d, 0xe8] + Array(" +#%41".utf8)),
            Self.names.enumerated().map { .init("d \($0 % 2)+/" + PathText.text($1), 20_000 + $0) }, seed: 501)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder) { nginx in
                try torrent.write(to: nginx.root.appending("base +%"))
                try await download(torrent, at: nginx.url + "base%20+%25" + end, try Pieces(in: folder))
                #expect(try nginx.requests().allSatisfy { $0.status == 206 || $0.status == 200 })
            }
        }
    }

    /// A single file at its own URL, and in a folder that the URL names.
    @Test(arguments: names) func oddNameOfASingleFileIsFound(name: [UInt8]) async throws {
        let torrent = try SampleTorrent(PathText.text(name), length: 100_001, seed: 502)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder) { nginx in
                try torrent.write(to: nginx.root)
                try torrent.write(to: nginx.root.appending("d"))
                let escaped = name.map { String(format: "%%%02X", $0) }.joined()
                try await download(torrent, at: nginx.url + escaped, try Pieces(in: folder, "own"))
                try await download(torrent, at: nginx.url + "d/", try Pieces(in: folder, "folder"))
            }
        }
    }

    /// The Internet Archive's torrents, whose padding isn't on its servers and has no attribute.
    @Test func paddingOfTheInternetArchiveIsNotAskedFor() async throws {
        let torrent = try SampleTorrent(
            folder: "item",
            [
                .init("a.bin", 100_000), .archivePad(0, 31_072), .init("b.bin", 300_000), .archivePad(1, 27_680),
                .init("item_meta.xml", 999), .archivePad(2, 64_537), .init("z", 70_000),
            ], pieceLength: 65536, seed: 503)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder) { nginx in
                try torrent.write(to: nginx.root)
                try await download(torrent, at: nginx.url, try Pieces(in: folder))
                let targets = try nginx.requests().map(\.target)
                #expect(!targets.isEmpty && !targets.contains { $0.contains("padding") }, "\(targets)")
                let sent = try nginx.requests().reduce(0) { $0 + $1.bytes }
                #expect(sent == 100_000 + 300_000 + 999 + 70_000)
            }
        }
    }

    @Test(
        .enabled(if: RealTorrentTests.isThere, "the folder with the real torrents is not there: set PIECES_REAL_DATA"),
        arguments: ["alice", "leaves", "numbers", "lots-of-numbers", "folder"])
    func realTorrentCompletesFromAWebServerAlone(name: String) async throws {
        let file = try Files.read(RealTorrentTests.folder.appending("\(name).torrent"))
        let metainfo = try Metainfo(torrentFile: file)
        try await withTemporaryFolder { folder in
            try await withNginx(in: folder, "location / { root \(RealTorrentTests.folder); }") { nginx in
                // Their own trackers and web seeds are left alone: the file without them is the same torrent.
                let url = nginx.url
                let bare =
                    Array("d4:info".utf8) + metainfo.file[metainfo.infoRange]
                    + Array("8:url-list\(url.utf8.count):\(url)e".utf8)
                let path = folder.appending("\(name).torrent")
                try Files.write(bare, to: path)
                let pieces = try Pieces(in: folder)
                let end = try await pieces.run(
                    ["download", path.string, "--output", pieces.output.string] + Pieces.network)
                #expect(end.exitCode == 0, "\(end)")
                for entry in metainfo.layout.files where !entry.isPad {
                    let path = { (root: FilePath) in entry.path.reduce(root) { $0.appending($1) } }
                    #expect(try Files.read(path(pieces.output)) == Files.read(path(RealTorrentTests.folder)))
                }
            }
        }
    }
}
