import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Files stay below the output folder, and other people's files stay as they are.
@Suite struct PlacementTests {
    private static let oneFile = [FileEntry(path: ["t", "f"], length: 1000)]

    private func write(_ fixture: Fixture) async throws -> DiskError? {
        await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0))).error
    }

    @Test(arguments: [true, false])
    func symbolicLinkInThePathIsNotFollowed(_ hasOpenBeneath: Bool) async throws {
        let outside = try TemporaryFolder()
        let fixture = try Fixture(Self.oneFile)
        fixture.calls.set { $0.hasOpenBeneath = hasOpenBeneath }
        #expect(symlink(outside.path.string, fixture.folder.path.appending("t").string) == 0)
        #expect(try await write(fixture)?.code == .symbolicLink)
        #expect(Fixture.content(outside.path.appending("f")) == nil)
        let verdict = await fixture.verify()
        #expect(verdict.count == 1)
        if case .unreadable(let error) = verdict.first {
            #expect(error.code == .symbolicLink)
        } else {
            Issue.record("\(verdict)")
        }
    }

    @Test(arguments: [true, false])
    func symbolicLinkInPlaceOfAFileIsNotFollowed(_ hasOpenBeneath: Bool) async throws {
        let outside = try TemporaryFolder()
        let fixture = try Fixture(Self.oneFile)
        fixture.calls.set { $0.hasOpenBeneath = hasOpenBeneath }
        fixture.makeFolder("t")
        let target = outside.path.appending("victim").string
        #expect(symlink(target, fixture.folder.path.appending("t/f").string) == 0)
        #expect(try await write(fixture)?.code == .symbolicLink, "also where the link leads to nothing")
        #expect(access(target, F_OK) != 0)
    }

    @Test(arguments: [true, false])
    func filesAreWrittenWithoutOpenBeneath(_ hasOpenBeneath: Bool) async throws {
        let fixture = try Fixture(manyFiles)
        fixture.calls.set { $0.hasOpenBeneath = hasOpenBeneath }
        #expect(try await fixture.writeAll().isEmpty)
        #expect(await fixture.disk.sync(fixture.payload).isComplete)
        #expect(await fixture.verify().allSatisfy { $0 == .good })
    }

    @Test(arguments: [
        ["..", "f"], ["t", "..", "f"], ["t", "."], ["t", ""], ["t/x"], ["t", "a\0b"], ["/tmp", "f"],
    ])
    func namesLeadingOutsideAreRejected(_ path: [String]) async throws {
        let fixture = try Fixture(Self.oneFile)
        let open = OpenFolder(try PayloadFolder(fixture.payload, calls: fixture.calls))
        #expect(throws: DiskError.self) { try open.create(path) }
        #expect(throws: DiskError.self) { try open.folder.open(path, flags: O_RDONLY) }
    }

    @Test func outputFolderMayBeASymbolicLink() async throws {
        let real = try TemporaryFolder()
        let links = try TemporaryFolder()
        let link = links.path.appending("downloads")
        #expect(symlink(real.path.string, link.string) == 0)
        let fixture = try Fixture(Self.oneFile)
        let payload = Payload(
            infoHash: fixture.payload.infoHash, root: link, layout: fixture.payload.layout,
            geometry: fixture.payload.geometry)
        #expect(try await fixture.writeAll(payload).isEmpty)
        #expect(Fixture.content(real.path.appending("t/f")) == fixture.bytes)
    }

    @Test func missingOutputFolderIsNotCreated() async throws {
        let fixture = try Fixture(Self.oneFile)
        #expect(rmdir(fixture.folder.path.string) == 0)
        #expect(try await write(fixture)?.code == .rootMissing)
        #expect(access(fixture.folder.path.string, F_OK) != 0)
        guard case .absent(let error) = await fixture.disk.presence(of: fixture.payload) else {
            return #expect(Bool(false))
        }
        #expect(error.code.isOffline)
        let all = await fixture.disk.verify(fixture.payload, pieces: fixture.allPieces, hashes: fixture.hashes)
        #expect(all.outcome == .offline(error) && all.verdicts.isEmpty, "what is out of reach has no verdict")
        await #expect(throws: DiskError.self) { try await fixture.disk.removeData(fixture.payload, own: [:]) }
    }

    @Test func outputFolderIsCreatedOnRequest() async throws {
        let fixture = try Fixture(manyFiles)
        let root = fixture.folder.path.appending("x/y/z")
        let payload = Payload(
            infoHash: fixture.payload.infoHash, root: root, layout: fixture.payload.layout,
            geometry: fixture.payload.geometry)
        await #expect(throws: DiskError.self) { try await fixture.disk.create(payload, .sparse, makingRoot: false) }
        #expect(access(root.string, F_OK) != 0)
        try await fixture.disk.create(payload, .sparse, makingRoot: true)
        #expect(Fixture.content(root.appending("t/empty")) == [], "empty files are made")
        #expect(access(root.appending("t/a").string, F_OK) != 0, "others when their first byte comes")
        let before = fixture.calls.log.count
        #expect(await fixture.disk.sync(payload).isComplete)
        for folder in ["x/y", "x", ""] {
            let path = fixture.folder.path.appending(folder)
            #expect(fixture.calls.log[before...].contains("syncDirectory \(path)"), "it holds a new one")
        }
        #expect(fixture.calls.log[before...].contains("syncDirectory ."), "and the new one, which holds the torrent's")
    }

    /// Whoever made the folder may not come to sync its name for long, or ever.
    @Test func outputFolderCreatedByAnotherTorrentIsSynced() async throws {
        let fixture = try Fixture(manyFiles)
        let root = fixture.folder.path.appending("shared")
        let torrents = try (1...2).map { n in
            let files = manyFiles.map {
                FileEntry(path: ["t\(n)"] + $0.path.dropFirst(), length: $0.length, isPad: $0.isPad)
            }
            return Payload(
                infoHash: try #require(InfoHash(Array(repeating: UInt8(n), count: 20))), root: root,
                layout: try #require(FileLayout(files: files)),
                geometry: fixture.payload.geometry)
        }
        for torrent in torrents { try await fixture.disk.create(torrent, .sparse, makingRoot: true) }
        #expect(await fixture.disk.sync(torrents[1]).isComplete)
        #expect(fixture.calls.log.contains("syncDirectory \(fixture.folder.path)"))
    }

    @Test func payloadOnAnotherVolumeIsNotWritten() async throws {
        let fixture = try Fixture(Self.oneFile)
        guard case .present(let device) = await fixture.disk.presence(of: fixture.payload) else {
            return #expect(Bool(false))
        }
        #expect(await fixture.disk.presence(of: fixture.payload.on(device: device)) == .present(device: device))
        let elsewhere = fixture.payload.on(device: device &+ 1)
        let outcome = await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(0), payload: elsewhere))
        #expect(outcome.error?.code == .wrongVolume)
        #expect(fixture.content("t", "f") == nil)
    }

    @Test func longerFileIsLeftUnchanged() async throws {
        let fixture = try Fixture(Self.oneFile)
        fixture.makeFolder("t")
        let foreign = [UInt8](repeating: 9, count: 1001)
        try fixture.plant(foreign, "t", "f")
        #expect(try await write(fixture)?.code == .notOurs)
        try await fixture.admitFound()
        #expect(try await write(fixture)?.code == .sizeMismatch)
        #expect(fixture.content("t", "f") == foreign)
    }

    @Test func nonRegularFilesAreRejected() async throws {
        let fixture = try Fixture(Self.oneFile)
        fixture.makeFolder("t")
        #expect(mkfifo(fixture.folder.path.appending("t/f").string, 0o644) == 0)
        #expect(try await write(fixture)?.code == .notRegular, "without waiting for the other end of the pipe")
        unlink(fixture.folder.path.appending("t/f").string)
        fixture.makeFolder("t", "f")
        #expect(try await write(fixture)?.code == .isADirectory)
    }

    @Test func onlyNeededFilesAreOpened() async throws {
        let files = (0..<100_000).map { FileEntry(path: ["t", "\($0 / 1000)", "\($0)"], length: 4) }
        let fixture = try Fixture(files, pieceLength: 16, descriptorLimit: 8)
        #expect(await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(7000))).isGood)
        #expect(fixture.calls.log.filter { $0.hasPrefix("create") } == (28000..<28004).map { "create \($0)" })
        #expect(await fixture.disk.sync(fixture.payload).durable.count == 4)
        #expect(fixture.calls.opened < 60)
        #expect(try await fixture.disk.fingerprints(fixture.payload).map(\.print.size) == [4, 4, 4, 4])
    }

    @Test func spaceIsReservedOrReportedAsMissing() async throws {
        let fixture = try Fixture(manyFiles)
        fixture.calls.set { $0.freeBytes = 1000 }
        let error = await #expect(throws: DiskError.self) {
            try await fixture.disk.create(fixture.payload, .full, makingRoot: false)
        }
        #expect(error?.code == .noSpace && fixture.content("t", "a") == nil)
        fixture.calls.set { $0.freeBytes = nil }
        try await fixture.disk.create(fixture.payload, .full, makingRoot: false)
        #expect(fixture.content("t", "a")?.count == 40000 && fixture.content("t", "empty") == [])
        var status = stat()
        #expect(
            stat(fixture.folder.path.appending("t/sub/b").string, &status) == 0 && status.st_blocks * 512 >= 100_000)
        fixture.calls.fail(.allocate, .noSpace)
        let late = await #expect(throws: DiskError.self) {
            try await fixture.disk.create(fixture.payload, .full, makingRoot: false)
        }
        #expect(late?.code == .noSpace, "also what the file system says only when asked")
    }

    @Test func freeSpaceIsThatOfTheNearestExistingFolder() async throws {
        let fixture = try Fixture(Self.oneFile)
        #expect(try await fixture.disk.freeSpace(at: fixture.folder.path.appending("not/there/yet")) > 0)
    }
}
