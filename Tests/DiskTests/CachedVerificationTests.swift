import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A verification finds the same whatever of the files is in the page cache, and says what it reads soon only where
/// something isn't.
struct CachedVerificationTests {
    /// What of each file is in the page cache.
    enum Cache: Hashable, CaseIterable {
        case all, nothing, someBytes, halfAPiece, morePieces
        /// The system gives a little at a time.
        case drops

        func set(_ state: inout FaultyDisk.State, _ pieceLength: Int) {
            state.cached =
                switch self {
                case .all, .drops: nil
                case .nothing: 0
                case .someBytes: 3
                case .halfAPiece: pieceLength / 2 + 1
                case .morePieces: pieceLength * 3 / 2
                }
            state.maximumTransfer = self == .drops ? 1 + pieceLength / 7 : .max
        }
    }

    /// Every kind of file, of which a piece has one or several.
    private enum File: Int, CaseIterable {
        case whole, tiny, tinier, empty, pad, skipped, bad, good, short, missing, folder, last

        func entry(_ pieceLength: Int) -> FileEntry {
            let length =
                switch self {
                case .whole: pieceLength * 2 + pieceLength / 3
                case .tiny: 5
                case .tinier: 1
                case .empty: 0
                case .pad: pieceLength / 5
                case .skipped: pieceLength + pieceLength / 2
                case .bad, .short, .missing, .folder: pieceLength
                case .good: pieceLength * 3
                case .last: pieceLength + pieceLength / 7
                }
            return FileEntry(path: ["t", "\(self)"], length: Int64(length), isPad: self == .pad)
        }

        /// Whether its pieces are not to be found good.
        var isDamaged: Bool { [.bad, .short, .missing, .folder].contains(self) }
    }

    /// Of one chunk, of exactly one, and of one and a byte.
    static let pieceLengths = [1000, 16384, LaneHasher.chunkLength, LaneHasher.chunkLength + 1]

    @Test(arguments: pieceLengths) func verdictsDoNotDependOnThePageCache(pieceLength: Int) async throws {
        let fixture = try Fixture(
            File.allCases.map { $0.entry(pieceLength) }, pieceLength: pieceLength,
            wanted: File.allCases.map { $0 != .skipped }, seed: 7)
        #expect(try await fixture.writeAll().isEmpty)
        try damage(fixture, pieceLength)
        let (layout, geometry) = (fixture.payload.layout, fixture.payload.geometry)
        var warm: [PieceVerdict] = []
        for cache in Cache.allCases {
            fixture.calls.set { cache.set(&$0, pieceLength) }
            let verdicts = await fixture.verify()
            #expect(verdicts.count == geometry.pieceCount)
            for piece in geometry.pieces {
                let isDamaged = layout.files(of: piece, geometry: geometry).contains {
                    File(rawValue: $0)?.isDamaged ?? true
                }
                #expect(
                    (verdicts[piece.value] == .good) == !isDamaged, "\(cache), piece \(piece): \(verdicts[piece.value])"
                )
            }
            if cache == .all { warm = verdicts }
            #expect(verdicts == warm, "\(cache)")
        }
        // In order, with the SHA-256 of files in the same pass, the verdicts are the same.
        let (ordered, digests) = await fixture.verifyWithDigests()
        #expect(ordered == warm)
        for file in layout.files {
            let isWhole = layout.pieces(of: file.index, geometry: geometry).allSatisfy { warm[$0.value] == .good }
            let digest = isWhole && !file.isPad && !file.isEmpty ? SHA256.hash(fixture.expected(file.index)) : nil
            #expect(digests[file.index] == digest, "\(file.displayPath)")
        }
        #expect(warm.contains(.bad) && warm.contains(.missing))
        #expect(warm.contains { if case .unreadable(let error) = $0 { error.code == .isADirectory } else { false } })
    }

    private func damage(_ fixture: Fixture, _ pieceLength: Int) throws {
        func path(_ file: File) -> String { fixture.folder.path.appending("t").appending("\(file)").string }
        try fixture.plant(fixture.expected(File.bad.rawValue).map { ~$0 }, "t", "bad")
        #expect(truncate(path(.short), off_t(1)) == 0)
        #expect(unlink(path(.missing)) == 0 && unlink(path(.folder)) == 0)
        fixture.makeFolder("t", "folder")
    }

    /// A read that fails isn't taken for one that has to wait, and tells why.
    @Test(arguments: [1000, LaneHasher.chunkLength + 1]) func readErrorIsReportedWhetherCachedOrNot(pieceLength: Int)
        async throws
    {
        let fixture = try Fixture([FileEntry(path: ["f"], length: Int64(pieceLength) * 3)], pieceLength: pieceLength)
        try fixture.plant(fixture.bytes, "f")
        fixture.calls.fail(.read, .ioError)
        for cached in [nil, 0] {
            fixture.calls.set { $0.cached = cached }
            let verdicts = await fixture.verify()
            #expect(
                verdicts.allSatisfy { if case .unreadable(let error) = $0 { error.code == .io } else { false } },
                "\(verdicts)")
        }
    }

    @Test(arguments: pieceLengths) func cachedPiecesAreNotReadAhead(pieceLength: Int) async throws {
        let count = LaneHasher.lanes + 4
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: Int64(pieceLength * count + 1))], pieceLength: pieceLength)
        try fixture.plant(fixture.bytes, "f")
        #expect(await readAheads(fixture, cached: nil) == 0)
        #expect(await readAheads(fixture, cached: 0) == count + 1, "each piece once")
        // In the first lane-full ten pieces are there, and it is said of the others; then of all.
        #expect(await readAheads(fixture, cached: pieceLength * 10) == count + 1 - 10)
        #expect(
            await readAheads(fixture, cached: pieceLength * 10 + 1) == count + 1 - 10, "a part of one isn't all of it")
        #expect(await readAheads(fixture, cached: pieceLength * count) == 1, "the end of the file")
    }

    /// Long pieces are said ahead in parts, from where something wasn't there.
    @Test func longPiecesAreReadAheadInParts() async throws {
        let part = 4 << 20
        let length = part + LaneHasher.chunkLength + 100
        let fixture = try Fixture([FileEntry(path: ["f"], length: Int64(length))], pieceLength: length)
        try fixture.plant(fixture.bytes, "f")
        #expect(await readAheads(fixture, cached: nil) == 0)
        #expect(await readAheads(fixture, cached: 0) == 2)
        #expect(await readAheads(fixture, cached: LaneHasher.chunkLength) == 2)
        #expect(await readAheads(fixture, cached: part) == 1)
    }

    private func readAheads(_ fixture: Fixture, cached: Int?) async -> Int {
        fixture.calls.set { state in
            state.cached = cached
            state.readAheads = []
        }
        #expect(await fixture.verify().allSatisfy { $0 == .good })
        return fixture.calls.readAheads.count
    }

    @Test func hashesOfANewTorrentDoNotDependOnThePageCache() async throws {
        let fixture = try Fixture(
            (0..<30).map { FileEntry(path: ["\($0)"], length: $0 % 7 == 0 ? 0 : Int64($0) * 3130) }, pieceLength: 16384)
        for file in 0..<30 { try fixture.plant(fixture.expected(file), "\(file)") }
        for cache in Cache.allCases {
            fixture.calls.set { cache.set(&$0, 16384) }
            let hashed = try await fixture.disk.hashFiles(
                (0..<30).map { fixture.folder.path.appending("\($0)") }, pieceLength: 16384)
            #expect(hashed.pieceHashes == fixture.hashes, "\(cache)")
        }
    }
}
