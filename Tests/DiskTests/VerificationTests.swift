import Disk
import Glibc
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Torrent

@Suite struct VerificationTests {
    @Test(arguments: [1, 64, 1000, 16384, 131_072, 131_073, 200_000, 262_144])
    func correctPiecesAreFoundGood(_ pieceLength: Int) async throws {
        let fixture = try Fixture(
            [FileEntry(path: ["f"], length: Int64(min(pieceLength * 19 + pieceLength / 3, 1_500_000)))],
            pieceLength: pieceLength)
        try fixture.plant(fixture.bytes, "f")
        #expect(await fixture.verify() == Array(repeating: .good, count: fixture.payload.geometry.pieceCount))
    }

    @Test func badMissingAndUnreadableAreDistinguished() async throws {
        let fixture = try Fixture((0..<5).map { FileEntry(path: ["\($0)"], length: 1000) }, pieceLength: 1000)
        try fixture.plant(fixture.expected(0), "0")
        try fixture.plant(fixture.expected(1).map { $0 ^ 1 }, "1")
        try fixture.plant(fixture.expected(2).dropLast(), "2")
        fixture.makeFolder("4")
        let verdicts = await fixture.verify()
        #expect(verdicts[..<4] == [.good, .bad, .missing, .missing])
        guard case .unreadable(let error) = verdicts[4] else { return #expect(Bool(false), "\(verdicts[4])") }
        #expect(error.code == .isADirectory)
        fixture.calls.fail(.read, .ioError, on: "0")
        guard case .unreadable(let io) = await fixture.verify()[0] else { return #expect(Bool(false)) }
        #expect(io.code == .io)
    }

    @Test func failureInOneLaneDoesNotAffectTheOthers() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 16 * 300_000)], pieceLength: 300_000)
        try fixture.plant(fixture.bytes.dropLast(300_000 * 3 + 1), "f")
        #expect(await fixture.verify() == Array(repeating: .good, count: 12) + Array(repeating: .missing, count: 4))
    }

    @Test func onlyRequestedPiecesAreVerified() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 50_000)], pieceLength: 1000)
        try fixture.plant(fixture.bytes, "f")
        var some = Bitfield(count: 50)
        for n in [3, 17, 49] { some.insert(PieceIndex(n)) }
        let (verdicts, outcome) = await fixture.disk.verify(fixture.payload, pieces: some, hashes: fixture.hashes)
        #expect(
            verdicts.map(\.piece.value) == [3, 17, 49] && verdicts.allSatisfy { $0.verdict == .good }
                && outcome == .finished)
        let none = await fixture.disk.verify(
            fixture.payload, pieces: Bitfield(count: 50), hashes: fixture.hashes)
        #expect(none.verdicts.isEmpty && none.outcome == .finished)
    }

    @Test func deletedButStillOpenFileIsMissing() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 1000)])
        #expect(try await fixture.writeAll().isEmpty)
        #expect(unlink(fixture.folder.path.appending("f").string) == 0)
        #expect(await fixture.verify() == [.missing])
    }

    @Test func readBeyondTheEndOfAShortFileFails() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 1000)])
        try fixture.plant(Array(fixture.bytes[..<500]), "f")
        #expect(
            try await fixture.disk.read(fixture.payload, piece: PieceIndex(0), begin: 0, length: 500)
                == Array(fixture.bytes[..<500]))
        let error = await #expect(throws: DiskError.self) {
            try await fixture.disk.read(fixture.payload, piece: PieceIndex(0), begin: 499, length: 2)
        }
        #expect(error?.code == .shortFile)
    }

    @Test func verificationStopsWhenCancelled() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 200_000)], pieceLength: 1000, cores: 1)
        try fixture.plant(fixture.bytes, "f")
        let cancel = CancelToken()
        let seen = Box(0)
        let outcome = await answer { (done: @escaping @Sendable (VerificationOutcome) -> Void) in
            fixture.disk.verify(
                fixture.payload, pieces: fixture.allPieces, hashes: fixture.hashes, cancel: cancel,
                progress: { verdicts in
                    seen.value.withLock { $0 += verdicts.count }
                    cancel.cancel()
                }, completion: done)
        }
        #expect(outcome == .cancelled && seen.value.withLock(\.self) == LaneHasher.lanes)
    }

    /// A scan keeps its thread only as long as nobody waits for one.
    @Test func scansOnOneCoreTakeTurns() async throws {
        let fixture = try Fixture([FileEntry(path: ["f"], length: 200_000)], pieceLength: 1000, cores: 1)
        try fixture.plant(fixture.bytes, "f")
        let order = Box<[Int]>([])
        let second = Box<CheckedContinuation<Void, Never>?>(nil)
        let lanefuls = (200 + LaneHasher.lanes - 1) / LaneHasher.lanes
        @Sendable func verify(_ number: Int, _ done: @escaping @Sendable () -> Void) {
            fixture.disk.verify(
                fixture.payload, pieces: fixture.allPieces, hashes: fixture.hashes, cancel: CancelToken(),
                progress: { verdicts in
                    #expect(verdicts.allSatisfy { $0.verdict == .good })
                    let isFirst = order.value.withLock { order in
                        order.append(number)
                        return order.count == 1
                    }
                    // The second begins while the first has the only thread for it.
                    if isFirst { verify(2) { second.value.withLock { $0?.resume() } } }
                }, completion: { _ in done() })
        }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            second.value.withLock { $0 = continuation }
            verify(1) {}
        }
        #expect(order.value.withLock(\.self) == (0..<lanefuls).flatMap { _ in [1, 2] })
    }

    @Test func filesOfANewTorrentAreHashed() async throws {
        let fixture = try Fixture(
            (0..<40).map { FileEntry(path: ["\($0)"], length: $0 % 7 == 0 ? 0 : Int64($0) * 313) }, pieceLength: 4096)
        for file in 0..<40 { try fixture.plant(fixture.expected(file), "\(file)") }
        let hashed = try await fixture.disk.hashFiles(
            (0..<40).map { fixture.folder.path.appending("\($0)") }, pieceLength: 4096)
        #expect(hashed.pieceHashes == fixture.hashes && hashed.lengths == fixture.payload.layout.files.map(\.length))
        await #expect(throws: DiskError.self) {
            try await fixture.disk.hashFiles([fixture.folder.path], pieceLength: 4096)
        }
        await #expect(throws: DiskError.self) {
            try await fixture.disk.hashFiles([fixture.folder.path.appending("none")], pieceLength: 4096)
        }
    }
}
