import Disk
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A verification that computes the SHA-256 of files in the same pass.
struct OrderedScanTests {
    /// Many windows of several lengths, files that end anywhere, and pieces that are left out.
    @Test(arguments: 0..<12) func filesOfWholeRangesHaveTheirDigest(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let files = (0..<Int.random(in: 1...12, using: &random)).map { n in
            FileEntry(
                path: ["t", "\(n)"], length: Int64(Int.random(in: 0...90_000, using: &random)),
                isPad: Int.random(in: 0...5, using: &random) == 0)
        }
        let length = [1000, 16384, 30_000].randomElement(using: &random) ?? 1000
        let fixture = try Fixture(files, pieceLength: length, seed: seed)
        #expect(try await fixture.writeAll().isEmpty)
        let (layout, geometry) = (fixture.payload.layout, fixture.payload.geometry)
        var pieces = fixture.allPieces
        for piece in geometry.pieces where seed % 2 == 1 && Int.random(in: 0...4, using: &random) == 0 {
            pieces.remove(piece)
        }
        let digests = Box<[Int: SHA256Digest]>([:])
        let outcome = await answer { (done: @escaping @Sendable (VerificationOutcome) -> Void) in
            fixture.disk.verifyWithDigests(
                fixture.payload, pieces: pieces, hashes: fixture.hashes, bytesPerLook: 50_000
            ) { verdicts, found in
                #expect(verdicts.allSatisfy { $0.verdict == .good }, "seed \(seed)")
                digests.value.withLock { for digest in found { $0[digest.file] = digest.sha256 } }
            } completion: {
                done($0)
            }
        }
        #expect(outcome == .finished)
        let all = digests.value.withLock(\.self)
        for file in layout.files {
            let isRead = layout.pieces(of: file.index, geometry: geometry).allSatisfy { pieces[$0] }
            let expected =
                isRead && !file.isPad && !file.isEmpty
                ? SHA256.hash(Array(fixture.bytes[Int(file.offset)..<Int(file.end)])) : nil
            #expect(all[file.index] == expected, "seed \(seed): file \(file.index)")
        }
    }

    @Test func aCancelledScanEnds() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 100_000)])
        try fixture.plant(fixture.bytes, "f")
        let cancel = CancelToken()
        cancel.cancel()
        #expect(await fixture.verifyWithDigests(cancel: cancel).verdicts.isEmpty)
    }

    /// One file alone, with every hash at once.
    @Test func aFileIsHashedFromEndToEnd() async throws {
        let fixture = try Fixture([
            FileEntry(path: ["a"], length: 70_001), FileEntry(path: ["b"], length: 3_000_000),
            FileEntry(path: ["c"], length: 5),
        ])
        #expect(try await fixture.writeAll().isEmpty)
        for file in fixture.payload.layout.files {
            let bytes = Array(fixture.bytes[Int(file.offset)..<Int(file.end)])
            let digests = try await fixture.disk.hashFile(fixture.payload, file.index, ContentHash.allCases)
            #expect(digests[.sha1].map { Hex.encode($0) } == Hex.encode(SHA1.hash(bytes)))
            #expect(digests[.sha256].map { Hex.encode($0) } == Hex.encode(SHA256.hash(bytes)))
            #expect(digests[.md5]?.count == 16)
        }
        #expect(unlink(fixture.folder.path.appending("b").string) == 0)
        await #expect(throws: DiskError.self) { try await fixture.disk.hashFile(fixture.payload, 1, [.md5]) }
    }

    // MARK: Names

    /// Names that are taken are found, also where the new name is the file itself.
    @Test func takenNamesAreFound() async throws {
        let fixture = try Fixture([
            FileEntry(path: ["t", "a"], length: 10), FileEntry(path: ["t", "b"], length: 10),
            FileEntry(path: ["t", "c"], length: 10),
        ])
        #expect(try await fixture.writeAll().isEmpty)
        try fixture.plant([1], "t", "taken")
        let other = try #require(
            FileLayout(files: [
                FileEntry(path: ["t", "x", "a"], length: 10), FileEntry(path: ["t", "taken"], length: 10),
                FileEntry(path: ["t", "free"], length: 10),
            ]))
        let move = PayloadMove(
            from: fixture.payload, to: fixture.payload.renamed(to: other), allocatesFull: false)
        let taken = try await fixture.disk.takenNames(of: [.entry(0), .entry(1), .entry(2)], move)
        #expect(taken == [.entry(1)])
    }
}
