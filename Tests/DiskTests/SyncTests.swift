import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

@Suite struct SyncTests {
    private static let twoFiles = [
        FileEntry(path: ["t", "a"], length: 1000), FileEntry(path: ["t", "b"], length: 1000),
    ]

    @Test func dataIsSyncedBeforeNames() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(
            report.isComplete && report.durable.map(\.file) == [.entry(0), .entry(1)]
                && report.created == [.entry(0), .entry(1)])
        let log = fixture.calls.log
        func last(_ call: String) throws -> Int { try #require(log.lastIndex(of: call), "\(call) in \(log)") }
        func first(_ call: String) throws -> Int { try #require(log.firstIndex(of: call), "\(call) in \(log)") }
        for name in ["a", "b"] {
            // The file was opened by its name alone when it was made.
            #expect(try last("write \(name)") < first("syncData \(name)"))
            #expect(try first("syncData \(name)") < first("syncDirectory t"))
            #expect(try first("syncData \(name)") < first("syncDirectory ."))
        }
    }

    /// A process that was killed made the file and its folder, and synced neither name; this one only writes to it.
    @Test func namesCreatedByAnEarlierProcessAreSynced() async throws {
        let folder = try TemporaryFolder()
        let killed = try Fixture(Self.twoFiles, pieceLength: 1000, folder: folder)
        #expect(await killed.disk.verifyAndWrite(try killed.pieceWrite(PieceIndex(0))).isGood)
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000, folder: folder)
        try await fixture.admitFound()
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).isGood)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.durable.map(\.file) == [.entry(0)] && report.created.isEmpty)
        for name in ["t", "."] { #expect(fixture.calls.log.contains("syncDirectory \(name)")) }
    }

    @Test func onlyWrittenFilesAreSynced() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        _ = await fixture.disk.sync(fixture.payload)
        #expect(await fixture.disk.sync(fixture.payload) == SyncReport())
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(1))).isGood)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.durable.map(\.file) == [.entry(1)] && report.created.isEmpty)
        #expect(fixture.calls.log.filter { $0.hasPrefix("syncDirectory") }.count == 2, "no name changed")
    }

    @Test func syncReturnsCurrentFingerprints() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        let synced = await fixture.disk.sync(fixture.payload).durable
        #expect(try await fixture.disk.fingerprints(fixture.payload) == synced)
        #expect(synced.map(\.print.size) == [1000, 1000])
        try fixture.plant([1], "t", "a")
        #expect(try await fixture.disk.fingerprints(fixture.payload)[0] != synced[0])
    }

    @Test func filesEvictedFromThePoolAreSynced() async throws {
        let files = (0..<20).map { FileEntry(path: ["\($0)"], length: 100) }
        let fixture = try Fixture(files, pieceLength: 100, descriptorLimit: 3)
        #expect(try await fixture.writeAll().isEmpty)
        #expect(fixture.disk.pool.count == 3)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.isComplete && report.durable.count == 20)
        #expect(fixture.calls.log.filter { $0.hasPrefix("syncData") }.count == 20)
    }

    @Test func failedSyncReportsItsFileAsLost() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        fixture.calls.fail(.syncData, .ioError, on: "a")
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.durable.map(\.file) == [.entry(1)])
        let failure = try #require(report.failures.first)
        #expect(
            failure.file == .entry(0) && failure.isLost && failure.error.code == .io && failure.error.operation == .sync
        )
        #expect(fixture.calls.log.contains("dropCache a"))
        let before = fixture.calls.opened
        fixture.calls.mend()
        #expect(
            await fixture.disk.sync(fixture.payload) == SyncReport(),
            "a second sync must not succeed for what the first one lost")
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).isGood)
        #expect(fixture.calls.opened > before, "the descriptor isn't trusted again")
        #expect(await fixture.disk.sync(fixture.payload).durable.map(\.file) == [.entry(0)])
    }

    @Test func filesAreNotDurableUntilTheirNamesAreSynced() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        fixture.calls.fail(.syncDirectory, .ioError)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.durable.isEmpty && report.folderError?.code == .io && !report.isComplete)
        fixture.calls.mend()
        let again = await fixture.disk.sync(fixture.payload)
        #expect(again.isComplete && again.durable.count == 2 && again.created.count == 2, "all of it is tried again")
    }

    /// The name of the output folder stands in one that we may not read: where we may not write in it either, the name
    /// isn't ours.
    @Test(arguments: [true, false]) func unreadableParentFolderMattersOnlyWhenWritable(mayWrite: Bool) async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        try await fixture.disk.create(fixture.payload, .sparse, makingRoot: true)
        #expect(try await fixture.writeAll().isEmpty)
        fixture.calls.fail(.openFolder, .permissionDenied, on: fixture.folder.path.removingLastComponent().string)
        fixture.calls.set { $0.mayWrite = mayWrite }
        let report = await fixture.disk.sync(fixture.payload)
        guard mayWrite else {
            #expect(report.isComplete && report.durable.count == 2)
            return
        }
        #expect(report.durable.isEmpty && report.folderError?.code == .permission)
        fixture.calls.mend()
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 2, "it is tried again")
    }

    @Test func writePermissionIsReadFromTheSystem() async throws {
        let folder = try TemporaryFolder()
        #expect(try SystemCalls().mayWrite(folder.path))
        #expect(throws: Errno.noSuchFileOrDirectory) { try SystemCalls().mayWrite(folder.path.appending("gone")) }
        #expect(chmod(folder.path.string, 0o555) == 0)
        let path = folder.path.string
        // In a process of its own, as a user who isn't almighty.
        await #expect(processExitsWith: .success) { [path = path as String] in
            if geteuid() == 0 { #expect(seteuid(65534) == 0) }
            let mayWrite = try SystemCalls().mayWrite(FilePath(path))
            #expect(!mayWrite)
        }
    }

    @Test func fileSystemWithoutDirectorySyncIsAccepted() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        fixture.calls.fail(.syncDirectory, .invalidArgument)
        #expect(await fixture.disk.sync(fixture.payload).isComplete)
    }

    @Test func unreachableFilesStayPendingForTheNextSync() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        let away = fixture.folder.path.string + "-away"
        #expect(rename(fixture.folder.path.string, away) == 0)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.folderError?.code == .rootMissing && report.durable.isEmpty)
        #expect(rename(away, fixture.folder.path.string) == 0)
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 2)
    }

    @Test func replacedFileIsNoticed() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(try await fixture.writeAll().isEmpty)
        let path = fixture.folder.path.appending("t/a").string
        #expect(rename(path, path + "-old") == 0)
        let gone = await fixture.disk.sync(fixture.payload)
        #expect(gone.failures.map(\.isLost) == [true] && gone.durable.map(\.file) == [.entry(1)])
        #expect(
            await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).error?.code == .replaced,
            "it isn't made again unasked")
        #expect(fixture.content("t", "a") == nil)
        try fixture.plant([1, 2, 3], "t", "a")
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).error?.code == .replaced)
        #expect(fixture.content("t", "a") == [1, 2, 3], "somebody's file is not extended")
        fixture.disk.release(fixture.payload.infoHash)
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).error?.code == .notOurs)
        try await fixture.admitFound()
        #expect(
            await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).isGood,
            "once the torrent was checked, it is the torrent's again"
        )
    }

    @Test func missingFolderDoesNotBlockTheNextSync() async throws {
        let fixture = try Fixture(manyFiles)
        #expect(try await fixture.writeAll().isEmpty)
        TemporaryFolder.remove(fixture.folder.path.appending("t"))
        let report = await fixture.disk.sync(fixture.payload)
        #expect(
            report.durable.isEmpty && report.failures.count == 3 && report.failures.allSatisfy(\.isLost)
                && report.folderError == nil)
        #expect(await fixture.disk.sync(fixture.payload) == SyncReport())
    }

    @Test func failedCloseIsReportedByTheNextSync() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000, descriptorLimit: 1)
        fixture.calls.fail(.close, .ioError, on: "a")
        #expect(try await fixture.writeAll().isEmpty, "the second file pushed the first out of the pool")
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.failures.map(\.file) == [.entry(0)] && report.failures.map(\.isLost) == [true])
        #expect(report.failures.first?.error.operation == .close)
    }

    @Test func poolIsEmptiedWhenDescriptorsRunOut() async throws {
        let fixture = try Fixture(Self.twoFiles, pieceLength: 1000)
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).isGood)
        fixture.calls.fail(.create, .tooManyOpenFiles, on: "b")
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(1))).error?.code == .tooManyFiles)
        #expect(fixture.disk.pool.count == 0, "the pool gave way first")
        #expect(fixture.calls.log.filter { $0 == "create b" }.count == 2)
    }
}
