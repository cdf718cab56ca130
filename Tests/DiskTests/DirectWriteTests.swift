import Disk
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Long aligned runs go past the page cache; what is in the files is the same.
struct DirectWriteTests {
    private static let pieceLength = 256 << 10

    private func direct(_ fixture: Fixture) -> [String] {
        fixture.calls.log.filter { $0.hasPrefix("write") && $0.hasSuffix(" direct") }
    }
    private func buffered(_ fixture: Fixture) -> [String] {
        fixture.calls.log.filter { $0.hasPrefix("write") && !$0.hasSuffix(" direct") }
    }

    @Test func wholePiecesAreWrittenDirectly() async throws {
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: 3 * Int64(Self.pieceLength) + 5000)], pieceLength: Self.pieceLength)
        #expect(try await fixture.writeAll().isEmpty)
        #expect(direct(fixture) == Array(repeating: "write f direct", count: 3))
        #expect(buffered(fixture) == ["write f"], "the short last piece alone")
        #expect(fixture.content("f") == fixture.bytes)
    }

    /// A piece's memory lies in pages as its bytes lie in the file, wherever the file begins in the torrent.
    @Test func fileAtAnUnalignedOffsetIsWrittenDirectly() async throws {
        let fixture = try Fixture(
            [
                FileEntry(path: ["t", "odd"], length: 12_345),
                FileEntry(path: ["t", "long"], length: 4 * Int64(Self.pieceLength)),
            ],
            pieceLength: Self.pieceLength)
        #expect(try await fixture.writeAll().isEmpty)
        // Of five pieces the last is the 12,345 bytes by which the file is late.
        #expect(direct(fixture) == Array(repeating: "write long direct", count: 4))
        #expect(fixture.content("t", "odd") == fixture.expected(0))
        #expect(fixture.content("t", "long") == fixture.expected(1))
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>) func anyLayoutIsWrittenCorrectly(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let files = (0..<Int.random(in: 1...5, using: &random)).map { n in
            let length =
                Bool.random(using: &random)
                ? Int64.random(in: 0...20_000, using: &random) : .random(in: 100_000...400_000, using: &random)
            return FileEntry(
                path: ["t", "\(n)"], length: length, isPad: n > 0 && Int.random(in: 0...5, using: &random) == 0)
        }
        guard files.contains(where: { $0.length > 0 }) else { return }
        let fixture = try Fixture(
            files, pieceLength: [131_072, 262_144, 524_288].randomElement(using: &random)!, seed: seed)
        // Some disks write less than they were asked to.
        if seed.isMultiple(of: 3) {
            fixture.calls.set { $0.maximumTransfer = Int.random(in: 1000...100_000, using: &random) }
        }
        #expect(try await fixture.writeAll().isEmpty, "seed \(seed)")
        for file in fixture.payload.layout.files where !file.isPad && !file.isEmpty {
            #expect(
                fixture.content("t", file.path[1]) == fixture.expected(file.index), "seed \(seed): \(file.displayPath)")
        }
        #expect(await fixture.verify().allSatisfy { $0 == .good }, "seed \(seed)")
    }

    @Test func cacheIsUsedWithoutDirectWrites() async throws {
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: 2 * Int64(Self.pieceLength))], pieceLength: Self.pieceLength)
        fixture.calls.set { $0.hasDirect = false }
        #expect(try await fixture.writeAll().isEmpty)
        #expect(direct(fixture) == [] && buffered(fixture).count == 2)
        #expect(fixture.content("f") == fixture.bytes)
    }

    /// A file system that says EINVAL to the write itself isn't asked again.
    @Test func rejectedDirectWriteFallsBackToTheCache() async throws {
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: 3 * Int64(Self.pieceLength))], pieceLength: Self.pieceLength)
        fixture.calls.fail(.write, .invalidArgument, on: "f direct")
        #expect(try await fixture.writeAll().isEmpty)
        #expect(direct(fixture).count == 1 && buffered(fixture).count == 3)
        #expect(fixture.content("f") == fixture.bytes)
    }

    @Test func deviceErrorOfADirectWriteIsReported() async throws {
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: Int64(Self.pieceLength))], pieceLength: Self.pieceLength)
        fixture.calls.fail(.write, .noSpace, on: "f direct")
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).error?.code == .noSpace)
        fixture.calls.mend()
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).isGood)
    }

    /// What went past the cache is durable no sooner than what went through it.
    @Test func directlyWrittenFileIsStillSynced() async throws {
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: Int64(Self.pieceLength))], pieceLength: Self.pieceLength)
        #expect(try await fixture.writeAll().isEmpty)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.durable.map(\.file) == [.entry(0)])
        #expect(fixture.calls.log.contains("syncData f"))
    }

    /// The machine's own way, where its file system has one: the second descriptor is of the same file.
    @Test func realDirectWritesWriteTheSameFile() async throws {
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: 2 * Int64(Self.pieceLength))], pieceLength: Self.pieceLength)
        let disk = try Disk()
        for piece in fixture.payload.geometry.pieces {
            #expect(await disk.verifyAndWrite(try fixture.pieceWrite(piece)).isGood)
        }
        #expect(fixture.content("f") == fixture.bytes)
    }
}
