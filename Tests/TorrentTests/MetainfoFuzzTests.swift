import Bencode
import Glibc
import Testing
import Torrent

struct MetainfoFuzzTests {
    private static let original = Bencode.encode([
        "announce": "http://tracker.example/announce", "announce-list": [["udp://a:1"], ["http://b/x"]],
        "comment": "text", "creation date": 1,
        "info": [
            "files": [
                ["length": 20000, "path": ["a", "b.txt"]], ["attr": "p", "length": 12768, "path": [".pad", "1"]],
                ["length": 9, "path": ["c"], "path.utf-8": ["ç"]],
            ],
            "name": "folder", "piece length": 16384, "pieces": .string(Array(repeating: 0x64, count: 60)), "private": 1,
            "source": "s",
        ],
        "url-list": ["http://seed/"],
    ])

    /// Every mutant is read or refused; what is read holds together.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func mutantsAreConsistentOrRejected(seed: UInt64) throws {
        _ = try Metainfo(torrentFile: Self.original)
        var generator = SeededGenerator(seed: seed)
        var readCount = 0
        for _ in 0..<100 {
            let mutant = Self.mutant(using: &generator)
            guard let metainfo = Self.read(mutant) else { continue }
            readCount += 1
            #expect(metainfo.file == mutant, "seed \(seed)")
            // The identity is that of the bytes, whatever form they have.
            #expect(metainfo.infoHash == InfoHash(SHA1.hash(Array(mutant[metainfo.infoRange]))), "seed \(seed)")
            #expect(
                metainfo.trackers.joined().count <= AnnounceList.maximumCount
                    && metainfo.unused.count <= UnusedValue.maximumCount + 10)
            #expect(metainfo.geometry.totalBytes == metainfo.layout.totalBytes, "seed \(seed)")
            #expect(metainfo.pieceHashesRange.count == 20 * metainfo.geometry.pieceCount, "seed \(seed)")
            for file in metainfo.layout.files {
                #expect(
                    file.path.allSatisfy {
                        !["", ".", ".."].contains($0) && !$0.utf8.contains(0x2f) && !$0.utf8.contains(0)
                    }, "seed \(seed)")
                _ = metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry)
            }
            for piece in metainfo.geometry.pieces.prefix(100) {
                let length = metainfo.geometry.length(of: piece)
                let segments = metainfo.layout.segments(offset: metainfo.geometry.offset(of: piece), length: length)
                #expect(segments.reduce(0) { $0 + $1.length } == length, "seed \(seed)")
                #expect(metainfo.pieceHashes[piece].count == 20, "seed \(seed)")
            }
        }
        #expect((5...95).contains(readCount), "the mutants of seed \(seed) test only one of both outcomes")
    }

    /// Damaged numbers, markers and bytes, and now and then a cut.
    private static func mutant(using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0...Int.random(in: 0...2, using: &generator) {
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0...5, using: &generator) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert("idle0123456789:-".utf8.randomElement(using: &generator) ?? 0, at: at)
            case 3: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 4:
                // Another digit for a digit is what most often gives another valid document.
                if let digit = bytes.indices.filter({ (0x30...0x39).contains(bytes[$0]) }).randomElement(
                    using: &generator)
                {
                    bytes[digit] = UInt8.random(in: 0x30...0x39, using: &generator)
                }
            default: if Int.random(in: 0...9, using: &generator) == 0 { bytes.removeSubrange(at...) }
            }
            if bytes.isEmpty { break }
        }
        return bytes
    }

    private static func read(_ bytes: [UInt8]) -> Metainfo? {
        do throws(MetainfoError) {
            return try Metainfo(torrentFile: bytes)
        } catch {
            #expect(!error.description.isEmpty)
            return nil
        }
    }
}

struct ManyFilesTests {
    #if DEBUG
        private static let fileCount = 10_000
        private static let limit = Duration.seconds(10)
    #else
        private static let fileCount = 100_000
        private static let limit = Duration.seconds(1)
    #endif

    /// What the thread itself had to do: whoever else is busy on the machine doesn't count (clock_gettime(3)).
    private static func work(_ body: () throws -> Void) throws -> Duration {
        func now() throws -> Duration {
            var time = timespec()
            try #require(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
        let start = try now()
        try body()
        return try now() - start
    }

    @Test func manyFilesAreParsedQuickly() throws {
        let files = (0..<Self.fileCount).map {
            TorrentBuilder.File(
                path: ["folder number \($0 / 1000)", "some folder \($0 / 10)", "file number \($0).bin"], length: 1000)
        }
        let pieces = (Self.fileCount * 1000 + 65535) / 65536
        let bytes = try TorrentBuilder(
            name: "many", content: .folder(files), pieceLength: 65536,
            pieceHashes: .raw(Array(repeating: 0, count: pieces * 20))
        ).build()
        var count = 0
        let time = try Self.work { count = try Metainfo(torrentFile: bytes).layout.files.count }
        #expect(count == Self.fileCount)
        #expect(time < Self.limit)
    }

    /// Equal names may not make the square of their count out of it.
    @Test func equalNamesAreParsedQuickly() throws {
        let file: BencodeValue = ["length": 1, "path": ["same", "name.bin"]]
        let info: BencodeValue = [
            "files": .list(Array(repeating: file, count: Self.fileCount)), "name": "n",
            "piece length": .integer(Int64(Self.fileCount)),
            "pieces": .string(Array(repeating: 0, count: 20)),
        ]
        let bytes = Bencode.encode(["info": info])
        var last: String?
        let time = try Self.work { last = try Metainfo(torrentFile: bytes).layout.files.last?.displayPath }
        #expect(last == "n/same/name (\(Self.fileCount)).bin")
        #expect(time < Self.limit)
    }
}
