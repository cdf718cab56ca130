import Disk
import Glibc
import SystemPackage
import Testing
import Torrent

/// A file that the torrent neither created nor was allowed to write to stays as it is; and a file has one owner,
/// however many paths lead to it.
@Suite struct OwnershipTests {
    private static let oneFile = [FileEntry(path: ["f"], length: 100_000)]

    private func code(_ outcome: PieceOutcome) -> DiskError.Code? {
        if case .failed(let error) = outcome { error.code } else { nil }
    }

    private func write(_ fixture: Fixture, _ payload: Payload? = nil, on disk: Disk? = nil) async throws
        -> [PieceOutcome]
    {
        var outcomes: [PieceOutcome] = []
        for piece in fixture.payload.geometry.pieces {
            let outcome = await (disk ?? fixture.disk).verifyAndWrite(try fixture.pieceWrite(piece, payload: payload))
            if case .good = outcome { continue }
            outcomes.append(outcome)
        }
        return outcomes
    }

    @Test(arguments: [0, 10, 99_999, 100_000, 100_001])
    func existingFileIsNotTouched(size: Int) async throws {
        let fixture = try Fixture(Self.oneFile)
        let own = [UInt8](repeating: 7, count: size)
        try fixture.plant(own, "f")
        let outcomes = try await write(fixture)
        #expect(!outcomes.isEmpty && outcomes.allSatisfy { code($0) == .notOurs })
        try await fixture.disk.create(fixture.payload, .full, makingRoot: false)
        #expect(fixture.content("f") == own, "nor is it extended by a reservation of space")
    }

    @Test func admittedFileIsWrittenUntilItIsReplaced() async throws {
        let fixture = try Fixture(Self.oneFile)
        try fixture.plant([1, 2, 3], "f")
        #expect(fixture.disk.admit(try await fixture.found(), of: fixture.payload.infoHash).isEmpty)
        try fixture.plant([9], "g")
        #expect(rename(fixture.folder.path.appending("g").string, fixture.folder.path.appending("f").string) == 0)
        let outcomes = try await write(fixture)
        #expect(
            !outcomes.isEmpty && outcomes.allSatisfy { code($0) == .notOurs }, "another file has been put in its place")
        #expect(fixture.content("f") == [9])
        #expect(fixture.disk.admit(try await fixture.found(), of: fixture.payload.infoHash).isEmpty)
        #expect(try await write(fixture).isEmpty)
        #expect(fixture.content("f") == fixture.bytes)
    }

    @Test func createdFileBelongsToTheTorrent() async throws {
        let fixture = try Fixture(manyFiles, descriptorLimit: 1)
        #expect(try await write(fixture).isEmpty, "also when its descriptor was closed in between")
        #expect(await fixture.disk.sync(fixture.payload).isComplete)
    }

    @Test func concurrentCreatorsOfAFileAllWriteToIt() async throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let fixture = try Fixture([FileEntry(path: ["f"], length: 1_000_000)], seed: seed)
            let outcomes = await withTaskGroup(of: PieceOutcome?.self) { group in
                for piece in fixture.payload.geometry.pieces {
                    guard let write = try? fixture.pieceWrite(piece) else { continue }
                    group.addTask { await fixture.disk.verifyAndWrite(write) }
                }
                return await group.reduce(into: [PieceOutcome]()) { if let outcome = $1 { $0.append(outcome) } }
            }
            #expect(outcomes.count == fixture.payload.geometry.pieceCount)
            #expect(outcomes.allSatisfy { $0.isGood }, "seed \(seed)")
        }
    }

    enum Way: CaseIterable, Sendable { case samePath, hardLink, linkedFolder, otherEntry }

    @Test(arguments: Way.allCases)
    func secondOwnerOfAFileIsRejected(way: Way) async throws {
        let first = try Fixture(
            way == .otherEntry
                ? [FileEntry(path: ["f"], length: 100_000), FileEntry(path: ["g"], length: 100_000)] : Self.oneFile)
        #expect(try await first.disk.verifyAndWrite(first.pieceWrite(PieceIndex(0))).isGood)
        let outside = try TemporaryFolder()
        var root = first.folder.path
        let file = first.folder.path.appending("f").string
        switch way {
        case .samePath: break
        case .hardLink:
            root = outside.path
            #expect(link(file, root.appending("f").string) == 0)
        case .linkedFolder:
            root = outside.path.appending("link")
            #expect(symlink(first.folder.path.string, root.string) == 0)
        case .otherEntry: #expect(link(file, first.folder.path.appending("g").string) == 0)
        }
        let before = first.content("f")
        let second =
            way == .otherEntry
            ? first.payload
            : Payload(
                infoHash: try #require(InfoHash([UInt8](repeating: 99, count: 20))), root: root,
                layout: first.payload.layout,
                geometry: first.payload.geometry)
        let entry = PayloadFile.entry(way == .otherEntry ? 1 : 0)
        let found = try await first.found(second)
        let identity = try #require(found[entry])
        let refused = first.disk.admit([entry: identity], of: second.infoHash)
        #expect(refused[entry] == ForeignOwner(torrent: first.payload.infoHash, file: .entry(0)))
        let piece = way == .otherEntry ? PieceIndex(5) : PieceIndex(1)
        #expect(code(try await first.disk.verifyAndWrite(first.pieceWrite(piece, payload: second))) == .ownedByOther)
        #expect(first.content("f") == before)
        guard way != .otherEntry else { return }
        first.disk.release(first.payload.infoHash)
        #expect(
            first.disk.admit([entry: identity], of: second.infoHash).isEmpty,
            "who has let go of its files owns them no more")
    }

    @Test func sharedBytesAreComparedAndNeverWritten() async throws {
        let fixture = try Fixture([
            FileEntry(path: ["theirs"], length: 40_000), FileEntry(path: ["ours"], length: 60_000),
        ])
        try fixture.plant(Array(fixture.bytes[..<40_000]), "theirs")
        let payload = fixture.payload.placing(0, as: .shared)
        #expect(try await write(fixture, payload).isEmpty)
        let report = await fixture.disk.sync(payload)
        #expect(Set(report.durable.map(\.file)) == [.entry(0), .entry(1)], "a claim rests on the shared bytes, too")
        #expect(fixture.content("ours").map { $0[...] } == fixture.bytes[40_000...])
        let removal = try await fixture.disk.removeData(
            payload, own: [.entry(1): try #require(try await fixture.found(payload)[.entry(1)])])
        #expect(removal.kept == [.entry(0)] && fixture.content("theirs") != nil)
    }

    @Test(arguments: [0, 39_999, 40_000])
    func differentBytesInASharedFileAreReported(size: Int) async throws {
        let fixture = try Fixture([
            FileEntry(path: ["theirs"], length: 40_000), FileEntry(path: ["ours"], length: 60_000),
        ])
        let theirs = [UInt8](repeating: 7, count: size)
        try fixture.plant(theirs, "theirs")
        let payload = fixture.payload.placing(0, as: .shared)
        let outcomes = try await write(fixture, payload)
        #expect(outcomes.count == 2 && outcomes.allSatisfy { code($0) == .differs }, "the two pieces that lie in it")
        #expect(fixture.content("theirs") == theirs)
    }
}
