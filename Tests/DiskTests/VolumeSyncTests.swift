import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Many files are made durable by one call, as long as nothing speaks against it; else each of them is asked.
struct VolumeSyncTests {
    private static let threshold = 3
    /// Of a kilobyte each, a piece a file; two of them in a folder of their own.
    private static let files = ["a", "b", "c", "sub/d", "sub/e"].map {
        FileEntry(path: ["t"] + $0.split(separator: "/").map(String.init), length: 1000)
    }
    private static let names = ["a", "b", "c", "d", "e"]

    private static func fixture(descriptorLimit: Int = 64, from threshold: Int = threshold) throws -> Fixture {
        try Fixture(files, pieceLength: 1000, descriptorLimit: descriptorLimit, volumeSyncFrom: threshold)
    }

    private func write(_ pieces: some Sequence<Int>, _ fixture: Fixture) async throws {
        for piece in pieces {
            #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(piece))).isGood)
        }
    }

    /// The syncs since the last question: of files by their last names, of the volume and of directories.
    private func syncs(_ fixture: Fixture) -> (files: [String], volumes: Int, directories: Int) {
        let log = fixture.calls.log
        fixture.calls.set { $0.log = [] }
        let files = log.filter { $0.hasPrefix("syncData ") }.compactMap {
            $0.dropFirst(9).split(separator: "/").last.map(String.init)
        }
        return (files, log.count { $0.hasPrefix("syncVolume ") }, log.count { $0.hasPrefix("syncDirectory ") })
    }

    @Test func manyFilesAreSyncedByOneVolumeSync() async throws {
        let fixture = try Self.fixture()
        try await write(0..<5, fixture)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(
            report.isComplete && report.durable.map(\.file) == (0..<5).map { .entry($0) } && report.created.count == 5)
        #expect(try await fixture.disk.fingerprints(fixture.payload) == report.durable)
        let log = fixture.calls.log.filter { $0.hasPrefix("write") || $0.hasPrefix("sync") }
        let firstSync = try #require(log.firstIndex { $0.hasPrefix("sync") })
        #expect(log[..<firstSync].allSatisfy { $0.hasPrefix("write") })
        #expect(log[firstSync...].prefix(2) == ["syncVolume .", "syncData a"])
        #expect(
            Set(log[(firstSync + 2)...]) == ["syncDirectory .", "syncDirectory t", "syncDirectory t/sub"],
            "the names come last")
        #expect(await fixture.disk.sync(fixture.payload) == SyncReport())
    }

    @Test func everyLaterSyncUsesAVolumeSync() async throws {
        let fixture = try Self.fixture()
        for _ in 0..<2 {
            try await write(0..<4, fixture)
            #expect(await fixture.disk.sync(fixture.payload).durable.count == 4)
            let made = syncs(fixture)
            #expect(made.files == ["a"] && made.volumes == 1)
        }
    }

    /// A few files of a torrent of many, and a torrent of a few.
    @Test(arguments: [(3, 2), (6, 5)]) func fewFilesAreSyncedIndividually(threshold: Int, written: Int) async throws {
        let fixture = try Self.fixture(from: threshold)
        try await write(0..<written, fixture)
        #expect(await fixture.disk.sync(fixture.payload).durable.count == written)
        let made = syncs(fixture)
        #expect(made.files == Array(Self.names.prefix(written)) && made.volumes == 0)
    }

    /// What the volume told of may be a file's whose turn comes with the next sync: it isn't told again.
    @Test func volumeSyncPausesAfterAFailure() async throws {
        let fixture = try Self.fixture()
        try await write(0..<5, fixture)
        fixture.calls.fail(.syncVolume, .ioError)
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 5)
        let first = syncs(fixture)
        #expect(first.files == Self.names && first.volumes == 1 && first.directories == 3)
        fixture.calls.mend()
        try await write(0..<5, fixture)
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 5)
        let second = syncs(fixture)
        #expect(second.files == Self.names && second.volumes == 0)
        // Once everything was looked at, another begins.
        fixture.disk.release(fixture.payload.infoHash)
        try await fixture.admitFound()
        try await write(0..<5, fixture)
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 5)
        #expect(syncs(fixture).volumes == 1)
    }

    @Test func onlyTheFailedFileIsLost() async throws {
        let fixture = try Self.fixture()
        try await write(0..<5, fixture)
        fixture.calls.fail(.syncVolume, .ioError)
        fixture.calls.fail(.syncData, .ioError, on: "c")
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.durable.map(\.file) == [0, 1, 3, 4].map { .entry($0) } && report.folderError == nil)
        #expect(
            report.failures.map(\.file) == [.entry(2)]
                && report.failures.allSatisfy { $0.isLost && $0.error.code == .io })
        fixture.calls.mend()
        #expect(await fixture.disk.sync(fixture.payload) == SyncReport(), "what is lost is not synced again")
    }

    /// A file system that gave up may say that all is well: it has nothing to sync.
    @Test func fileSyncErrorOverridesASuccessfulVolumeSync() async throws {
        let fixture = try Self.fixture()
        try await write(0..<5, fixture)
        fixture.calls.fail(.syncData, .readOnlyFileSystem)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.durable.isEmpty && report.failures.count == 5 && report.failures.allSatisfy(\.isLost))
        let made = syncs(fixture)
        #expect(made.volumes == 1 && made.files == Self.names)
    }

    @Test func filesAreSyncedIndividuallyWithoutVolumeSync() async throws {
        let fixture = try Self.fixture()
        fixture.calls.set { $0.hasVolumeSync = false }
        try await write(0..<5, fixture)
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 5)
        #expect(syncs(fixture).files == Self.names)
        fixture.calls.set { $0.hasVolumeSync = true }
        try await write(0..<5, fixture)
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 5)
        #expect(syncs(fixture).volumes == 0)
    }

    /// What was opened after a write may not hear of its failure.
    @Test func witnessIsNotOpenedAfterTheFirstWrite() async throws {
        let fixture = try Self.fixture()
        fixture.calls.fail(.openFolder, .permissionDenied, on: ".")
        try await write(0..<5, fixture)
        fixture.calls.mend()
        for _ in 0..<2 {
            #expect(await fixture.disk.sync(fixture.payload).durable.count == 5)
            let made = syncs(fixture)
            #expect(made.files == Self.names && made.volumes == 0)
            try await write(0..<5, fixture)
        }
    }

    /// Files that somebody else brought: a sync begins with the witness.
    @Test func adoptedFilesAreSyncedByOneVolumeSync() async throws {
        let fixture = try Self.fixture()
        fixture.makeFolder("t")
        fixture.makeFolder("t", "sub")
        for (n, name) in Self.names.enumerated() {
            if n < 3 {
                try fixture.plant(fixture.expected(n), "t", name)
            } else {
                try fixture.plant(fixture.expected(n), "t", "sub", name)
            }
        }
        fixture.disk.include(fixture.payload, pieces: fixture.allPieces)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.isComplete && report.durable.count == 5 && report.created.isEmpty)
        let made = syncs(fixture)
        #expect(made.files == ["a"] && made.volumes == 1 && made.directories == 3)
    }

    enum Mischief: CaseIterable { case replaced, removed, link }

    @Test(arguments: Mischief.allCases, [0, 2]) func removedOrReplacedFileIsLost(mischief: Mischief, file: Int)
        async throws
    {
        let fixture = try Self.fixture()
        try await write(0..<5, fixture)
        let path = fixture.folder.path.appending("t").appending(Self.names[file]).string
        #expect(rename(path, path + "-old") == 0)
        switch mischief {
        case .replaced: try fixture.plant(fixture.expected(file), "t", Self.names[file])
        case .removed: break
        case .link: #expect(symlink(path + "-old", path) == 0)
        }
        let report = await fixture.disk.sync(fixture.payload)
        #expect(
            report.durable.map(\.file) == (0..<5).filter { $0 != file }.map { .entry($0) } && report.folderError == nil)
        #expect(report.failures.map(\.file) == [.entry(file)] && report.failures.allSatisfy(\.isLost))
        #expect(report.failures.first?.error.code == (mischief == .removed ? .notFound : .replaced))
        let made = syncs(fixture)
        #expect(made.volumes == 1 && made.files == [file == 0 ? "b" : "a"])
    }

    /// The system said at the closing of a descriptor that it lost something: no sync of the volume makes that good.
    @Test func fileLostByAFailedCloseStaysLost() async throws {
        let fixture = try Self.fixture(descriptorLimit: 1)
        fixture.calls.fail(.close, .ioError, on: "b")
        try await write(0..<5, fixture)
        fixture.calls.mend()
        let report = await fixture.disk.sync(fixture.payload)
        #expect(
            report.failures.map(\.file) == [.entry(1)]
                && report.failures.allSatisfy { $0.isLost && $0.error.operation == .close })
        #expect(report.durable.count == 4 && syncs(fixture).volumes == 1)
    }

    /// A disk that is mounted within the output folder: nothing was heard of it.
    @Test(arguments: [0, 3]) func fileOnAnotherDeviceIsSyncedIndividually(file: Int) async throws {
        let fixture = try Self.fixture()
        fixture.calls.set { $0.devices[Self.names[file]] = 77 }
        try await write(0..<5, fixture)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.isComplete && report.durable.count == 5 && report.durable[file].print.device == 77)
        let made = syncs(fixture)
        #expect(
            made.volumes == 1 && made.files == (file == 0 ? ["a", "b"] : ["a", "d"]),
            "a file of the volume is asked as well")
    }

    /// The witness is of the volume that was there first.
    @Test func folderMovedToAnotherDeviceIsNotVolumeSynced() async throws {
        let fixture = try Self.fixture()
        try await write(0..<5, fixture)
        // The witness was opened as `.`, the folder by its path.
        fixture.calls.set { $0.devices["."] = 77 }
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 5)
        let made = syncs(fixture)
        #expect(made.volumes == 0 && made.files == Self.names)
    }

    /// Writes, syncs and syncs of the same torrent at once: what a sync claims was written and asked for, whichever of
    /// them has the witness.
    @Test func concurrentSyncsReportEachFileOnce() async throws {
        let fixture = try Self.fixture()
        for _ in 0..<20 {
            try await write(0..<5, fixture)
            async let one = fixture.disk.sync(fixture.payload)
            async let other = fixture.disk.sync(fixture.payload)
            let reports = await [one, other]
            #expect(reports.allSatisfy(\.isComplete) && reports.reduce(0) { $0 + $1.durable.count } == 5)
        }
    }

    /// The machine's own call on what the tests' folder is on: it is done, or it isn't offered.
    @Test func realVolumeSyncWorksOrIsUnsupported() async throws {
        let fixture = try Self.fixture()
        try await write(0..<5, fixture)
        let folder = try SystemCalls().open(fixture.folder.path, flags: O_RDONLY | O_DIRECTORY)
        defer { SystemCalls().closeUnwritten(folder) }
        do { try SystemCalls().syncVolume(folder) } catch { #expect(error == .notSupported) }
    }
}
