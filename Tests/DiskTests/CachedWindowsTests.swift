import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Bytes in the page cache are hashed where they are, and only bytes of the files count.
struct CachedWindowsTests {
    /// Short and long pieces, of one window and of several.
    private static let pieceLengths = [16384, 300_000, 1 << 20, LaneHasher.windowLength + 70_001]

    private static func fixture(_ pieceLength: Int, cores: Int = 2) throws -> Fixture {
        let length = Int64(pieceLength * 18 - pieceLength / 3)
        let entry = FileEntry(path: ["f"], length: length)
        let fixture = try Fixture([entry], pieceLength: pieceLength, seed: 3, cores: cores)
        try fixture.plant(fixture.bytes, "f")
        fixture.calls.set { $0.hasMappings = true }
        return fixture
    }

    @Test(arguments: pieceLengths) func cachedPiecesAreHashedWithoutACopy(pieceLength: Int) async throws {
        let fixture = try Self.fixture(pieceLength)
        #expect(await fixture.verify().allSatisfy { $0 == .good })
        #expect(fixture.calls.mapped > 0)
        // Only what is shorter than a window is read.
        #expect(fixture.calls.longestRead < 128 << 10, "\(fixture.calls.longestRead)")
    }

    /// A bit that is wrong is found wherever it is.
    @Test(arguments: pieceLengths) func damageIsFound(pieceLength: Int) async throws {
        let fixture = try Self.fixture(pieceLength)
        let last = fixture.bytes.count - 1
        for place in [0, 1, pieceLength - 1, pieceLength * 7 + pieceLength / 2, pieceLength * 16, last - 4096, last] {
            var bytes = fixture.bytes
            bytes[place] ^= 4
            try fixture.plant(bytes, "f")
            let verdicts = await fixture.verify()
            let bad = verdicts.indices.filter { verdicts[$0] == .bad }
            #expect(bad == [place / pieceLength], "byte \(place)")
            #expect(verdicts.count { $0 == .good } == verdicts.count - 1)
        }
    }

    /// A file that ends while it is hashed doesn't end the process, and has no good piece behind its end.
    @Test(arguments: pieceLengths, [0, 4096, 100_000, 500_001]) func fileEndsUnderTheHash(pieceLength: Int, length: Int)
        async throws
    {
        // A second thread may have read good pieces before the file ends.
        let fixture = try Self.fixture(pieceLength, cores: 1)
        let path = fixture.folder.path.appending("f").string
        fixture.calls.set { $0.afterMapping = { _ in _ = truncate(path, off_t(length)) } }
        let verdicts = await fixture.verify()
        let expected: [PieceVerdict] = verdicts.indices.map { ($0 + 1) * pieceLength <= length ? .good : .missing }
        #expect(verdicts == expected && fixture.calls.mapped > 0)
        fixture.calls.set { $0.afterMapping = nil }
        #expect(await fixture.verify() == expected)
    }

    /// The rest of a page in which a file ends reads as zeros. A piece of zeros isn't good for that.
    @Test func endOfAFileInAPageIsNoZeros() async throws {
        let length = 256 << 10
        let folder = try TemporaryFolder()
        let layout = try #require(FileLayout(files: [FileEntry(path: ["f"], length: Int64(length))]))
        let geometry = try #require(Geometry(totalBytes: layout.totalBytes, pieceLength: length))
        let calls = FaultyDisk {
            $0.hasPageCache = true
            $0.hasMappings = true
        }
        let hashes = PieceHashes([SHA1.hash([UInt8](repeating: 0, count: length))])
        let payload = Payload(
            infoHash: try #require(InfoHash([UInt8](repeating: 9, count: 20))), root: folder.path, layout: layout,
            geometry: geometry, wanted: nil)
        let disk = try Disk(cores: 1, calls: calls)
        let path = folder.path.appending("f").string
        let file = open(path, O_CREAT | O_RDWR, 0o600)
        defer { close(file) }
        let zeros = [UInt8](repeating: 0, count: length)
        #expect(write(file, zeros, length) == length)
        for missing in [1, 100, 4095] {
            #expect(ftruncate(file, off_t(length)) == 0)
            #expect(pwrite(file, zeros, length, 0) == length)
            calls.set { $0.afterMapping = { _ in _ = truncate(path, off_t(length - missing)) } }
            let pieces = Bitfield(fullCount: 1)
            #expect(await disk.verify(payload, pieces: pieces, hashes: hashes).verdicts.map(\.verdict) == [.missing])
        }
        #expect(calls.mapped == 3)
    }

    /// Several files, of which some are damaged: the verdicts are those of reads.
    @Test(arguments: [16384, 200_000, LaneHasher.windowLength + 5]) func verdictsAreThoseOfReads(pieceLength: Int)
        async throws
    {
        let lengths = [3, pieceLength * 5 + 17, 0, pieceLength, pieceLength * 2, 900_000, 1, pieceLength * 18 + 4096]
        let entries = lengths.enumerated().map { FileEntry(path: ["\($0)"], length: Int64($1)) }
        // Long pieces take their time in debug builds.
        for damage in pieceLength < LaneHasher.windowLength ? Array(lengths.indices) : [3, 4, 5] {
            let fixture = try Fixture(entries, pieceLength: pieceLength, seed: UInt64(damage))
            for file in lengths.indices { try fixture.plant(fixture.expected(file), "\(file)") }
            let path = fixture.folder.path.appending("\(damage)").string
            switch damage % 3 {
            case 0: try fixture.plant(fixture.expected(damage).map { ~$0 }, "\(damage)")
            case 1: #expect(truncate(path, off_t(lengths[damage] / 2)) == 0)
            default: #expect(unlink(path) == 0)
            }
            let read = await fixture.verify()
            fixture.calls.set { $0.hasMappings = true }
            #expect(await fixture.verify() == read, "file \(damage)")
            #expect(fixture.calls.mapped > 0)
            let paths = lengths.indices.map { fixture.folder.path.appending("\($0)") }
            if damage % 3 == 0 {
                let hashed = try await fixture.disk.hashFiles(paths, pieceLength: pieceLength)
                fixture.calls.set { $0.hasMappings = false }
                #expect(
                    try await fixture.disk.hashFiles(paths, pieceLength: pieceLength).pieceHashes == hashed.pieceHashes)
            }
        }
    }
}
