import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

/// A payload on its way to another folder, with faults at each step: the old folder stays whole until the files are
/// removed from it.
@Suite struct MoveTests {
    /// A payload that is written, and the way to an empty folder.
    private struct Ground {
        let fixture: Fixture
        let target: TemporaryFolder
        let move: PayloadMove
        var files: [MovedFile]

        init(_ entries: [FileEntry] = manyFiles, stays: Set<PayloadFile> = [], allocatesFull: Bool = false) async throws
        {
            fixture = try Fixture(entries)
            target = try TemporaryFolder()
            #expect(try await fixture.writeAll().isEmpty)
            _ = await fixture.disk.sync(fixture.payload)
            fixture.disk.release(fixture.payload.infoHash)
            move = PayloadMove(
                from: fixture.payload, to: fixture.payload.moved(to: target.path.appending("new")),
                allocatesFull: allocatesFull)
            files = try await fixture.disk.fingerprints(fixture.payload).map {
                MovedFile(before: $0, stays: stays.contains($0.file), copy: nil)
            }
        }

        /// Brings all files to the new folder, and remembers the copies as the database does.
        @discardableResult
        mutating func place() async throws(DiskError) -> [Placing] {
            let disk = fixture.disk
            try await disk.prepare(move)
            var placings: [Placing] = []
            for (index, file) in files.enumerated() {
                let placing = try await disk.place(file, move, cancel: CancelToken()) { _ in }
                placings.append(placing)
                if case .copied(let print, _) = placing {
                    files[index] = MovedFile(before: file.before, stays: file.stays, copy: print)
                    try await disk.settle([file.file], move)
                }
            }
            try await disk.syncNames(of: files.map(\.file), in: move.target)
            return placings
        }

        func remove() async throws -> Removal { try await fixture.disk.removeOld(files, move) }

        /// The pieces that are good in the folder.
        func good(_ payload: Payload) async -> Int { await fixture.verify(payload).count { $0 == .good } }

        var pieceCount: Int { fixture.payload.geometry.pieceCount }

        /// The names below a folder.
        func names(_ path: FilePath) -> [String] {
            var found: [String] = []
            guard let directory = opendir(path.string) else { return [] }
            defer { closedir(directory) }
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { PathText.text($0.prefix { $0 != 0 }) }
                guard name != ".", name != ".." else { continue }
                found.append(name)
                found += names(path.appending(name))
            }
            return found.sorted()
        }
    }

    @Test func filesGetNamesWithoutACopy() async throws {
        var ground = try await Ground()
        let placings = try await ground.place()
        #expect(placings == placings.map { _ in .named })
        #expect(await ground.good(ground.move.source) == ground.pieceCount, "the old folder is whole until the end")
        #expect(await ground.good(ground.move.target) == ground.pieceCount)
        let removal = try await ground.remove()
        #expect(removal.failures == [] && removal.kept == [] && removal.removedFiles == ground.files.count)
        #expect(ground.names(ground.fixture.folder.path) == [], "empty folders of the torrent go")
        #expect(await ground.good(ground.move.target) == ground.pieceCount)
    }

    /// Another disk takes the place of the new one in the middle of a move: it gets nothing.
    @Test func exchangedDiskReceivesNothing() async throws {
        let ground = try await Ground()
        try await withTemporaryFolder { folder in
            try await MountPoint.with(at: folder.appending("mnt")) { point in
                let disk = ground.fixture.disk
                var move = PayloadMove(
                    from: ground.move.source, to: ground.move.source.moved(to: point.path), allocatesFull: false)
                try await disk.prepare(move)
                move = try await disk.bound(move)
                _ = try await disk.place(ground.files[0], move, cancel: CancelToken()) { _ in }
                try point.unmount()
                do throws(DiskError) {
                    _ = try await disk.place(ground.files[1], move, cancel: CancelToken()) { _ in }
                    Issue.record("a file was placed on the wrong disk")
                } catch {
                    let code = error.code
                    #expect(code == .wrongVolume)
                }
                #expect(try point.litter == [])
                try point.mount()
                _ = try await disk.place(ground.files[1], move, cancel: CancelToken()) { _ in }
                #expect(await ground.good(ground.move.source) == ground.pieceCount)
            }
        }
    }

    /// Where links aren't possible: on another file system, and where the kernel can't copy either.
    @Test(arguments: [true, false]) func copiesHaveTheSameBytesAndTimes(isByKernel: Bool) async throws {
        var ground = try await Ground()
        ground.fixture.calls.fail(.link, .improperLink)
        ground.fixture.calls.set { $0.maximumTransfer = 1000 }
        if !isByKernel { ground.fixture.calls.fail(.copyRange, .improperLink) }
        let placings = try await ground.place()
        #expect(!placings.contains(.named))
        let there = Dictionary(
            uniqueKeysWithValues: try await ground.fixture.disk.fingerprints(ground.move.target).map { ($0.file, $0) })
        for file in ground.files {
            let (copy, before) = (try #require(there[file.file]).print, file.before.print)
            #expect(copy.mtimeNs == before.mtimeNs && copy.size == before.size)
            #expect(copy.inode != before.inode)
        }
        ground.fixture.calls.mend()
        #expect(await ground.good(ground.move.target) == ground.pieceCount)
        #expect(try await ground.remove().removedFiles == ground.files.count)
    }

    @Test func holesStayHoles() async throws {
        let fixture = try Fixture([FileEntry(path: ["sparse"], length: 4 << 20)], pieceLength: 1 << 20)
        guard case .good = await fixture.disk.verifyAndWrite(try fixture.pieceWrite(PieceIndex(2))) else {
            Issue.record("the piece was not written")
            return
        }
        _ = await fixture.disk.sync(fixture.payload)
        fixture.disk.release(fixture.payload.infoHash)
        let target = try TemporaryFolder()
        let move = PayloadMove(
            from: fixture.payload, to: fixture.payload.moved(to: target.path), allocatesFull: false)
        fixture.calls.fail(.link, .improperLink)
        let print = try #require(try await fixture.disk.fingerprints(fixture.payload).first)
        let placing = try await fixture.disk.place(
            MovedFile(before: print, stays: false, copy: nil), move, cancel: CancelToken()
        ) { _ in }
        guard case .copied = placing else {
            Issue.record("\(placing)")
            return
        }
        try await fixture.disk.settle([.entry(0)], move)
        var status = stat()
        #expect(stat(target.path.appending("sparse").string, &status) == 0)
        #expect(status.st_size == 4 << 20 && status.st_blocks * 512 < 2 << 20, "\(status.st_blocks)")
        #expect(await fixture.verify(move.target)[2] == .good)
    }

    @Test func aFileSystemWithoutLinksRenames() async throws {
        var ground = try await Ground(stays: [.entry(4)])
        ground.fixture.calls.fail(.link, .notPermitted)
        let placings = try await ground.place()
        #expect(placings.count { $0 == .named } == placings.count - 1, "the file of two torrents is copied")
        // Interrupted here, the same call finds what was renamed.
        _ = try await ground.place()
        #expect(await ground.good(ground.move.target) == ground.pieceCount)
        let removal = try await ground.remove()
        #expect(removal.kept == [.entry(4)] && removal.failures == [])
        #expect(ground.names(ground.fixture.folder.path) == ["c", "sub", "t"])
    }

    @Test func renamedFilesComeBack() async throws {
        var ground = try await Ground()
        ground.fixture.calls.fail(.link, .notPermitted)
        try await ground.place()
        try await ground.fixture.disk.undo(ground.files, ground.move)
        #expect(await ground.good(ground.move.source) == ground.pieceCount)
        #expect(ground.names(ground.move.target.root) == [])
    }

    /// Each call of a copy fails in turn: the error says so, the old folder is whole, and undoing leaves nothing.
    @Test(arguments: [
        (FaultyDisk.Call.copyRange, Errno.noSpace), (.create, .readOnlyFileSystem), (.syncDirectory, .ioError),
        (.rename, .ioError), (.makeDirectory, .noSpace), (.truncate, .noSpace),
    ])
    func failedCopyLeavesTheOldFolderWhole(call: FaultyDisk.Call, error: Errno) async throws {
        for countdown in 0..<3 {
            var ground = try await Ground()
            ground.fixture.calls.fail(.link, .improperLink)
            ground.fixture.calls.fail(call, error, after: countdown)
            do { try await ground.place() } catch {
                #expect(error.errno == error.errno && !error.fact.isEmpty)
            }
            ground.fixture.calls.mend()
            #expect(await ground.good(ground.move.source) == ground.pieceCount, "\(call) \(countdown)")
            try await ground.fixture.disk.undo(ground.files, ground.move)
            #expect(ground.names(ground.move.target.root) == [], "\(call) \(countdown)")
            #expect(await ground.good(ground.move.source) == ground.pieceCount, "\(call) \(countdown)")
            // Once the disk is well, the same move succeeds.
            try await ground.place()
            #expect(await ground.good(ground.move.target) == ground.pieceCount)
        }
    }

    /// A file that appears while a copy is made isn't ours, whether or not the file system has links.
    @Test(arguments: [true, false]) func aFileThatAppearsDuringTheCopyIsKept(hasLinks: Bool) async throws {
        let ground = try await Ground()
        let disk = ground.fixture.disk
        ground.fixture.calls.fail(.link, .improperLink)
        try await disk.prepare(ground.move)
        let placing = try await disk.place(ground.files[0], ground.move, cancel: CancelToken()) { _ in }
        guard case .copied = placing else {
            Issue.record("\(placing)")
            return
        }
        if hasLinks { ground.fixture.calls.mend() }
        let theirs = ground.move.target.root.appending("t/a")
        let file = try #require(fopen(theirs.string, "w"))
        #expect(fputs("mine", file) >= 0 && fclose(file) == 0)
        let error = await #expect(throws: DiskError.self) {
            try await disk.settle([ground.files[0].file], ground.move)
        }
        #expect(error?.code == .exists)
        #expect(try Files.read(theirs) == Array("mine".utf8))
    }

    @Test func aTakenNameStopsTheMove() async throws {
        var ground = try await Ground()
        mkdir(ground.move.target.root.string, 0o755)
        mkdir(ground.move.target.root.appending("t").string, 0o755)
        let theirs = ground.move.target.root.appending("t/a")
        let file = try #require(fopen(theirs.string, "w"))
        #expect(fputs("mine", file) >= 0 && fclose(file) == 0)
        let survey = try await ground.fixture.disk.survey(ground.move, ground.files)
        #expect(survey.taken == [.entry(0)] && !survey.isOtherFileSystem && !survey.isSameFolder)
        await #expect(throws: DiskError.self) { try await ground.place() }
        #expect(Fixture.content(theirs) == Array("mine".utf8))
        try await ground.fixture.disk.undo(ground.files, ground.move)
        #expect(Fixture.content(theirs) == Array("mine".utf8), "the way back leaves it, too")
        #expect(await ground.good(ground.move.source) == ground.pieceCount)
    }

    @Test func aFileThatChangesIsNotMoved() async throws {
        var ground = try await Ground()
        try ground.fixture.plant([1, 2, 3], "t", "sub", "c")
        await #expect(throws: DiskError.self) { try await ground.place() }
        // What changes after it got its new name stays in the old folder, unless both are one file.
        var other = try await Ground()
        other.fixture.calls.fail(.link, .improperLink)
        try await other.place()
        try other.fixture.plant([1, 2, 3], "t", "sub", "c")
        #expect(try await other.remove().kept == [.entry(4)])
        #expect(other.fixture.content("t", "sub", "c") == [1, 2, 3])
    }

    @Test func bothPathsOfOneFolderAreFoundOut() async throws {
        let ground = try await Ground()
        let link = ground.target.path.appending("link")
        #expect(symlink(ground.fixture.folder.path.string, link.string) == 0)
        let move = PayloadMove(
            from: ground.fixture.payload, to: ground.fixture.payload.moved(to: link), allocatesFull: false)
        #expect(try await ground.fixture.disk.survey(move, ground.files).isSameFolder)
        await #expect(throws: DiskError.self) {
            _ = try await ground.fixture.disk.place(ground.files[0], move, cancel: CancelToken()) { _ in }
        }
        let removal = try await ground.fixture.disk.removeOld(ground.files, move)
        #expect(removal.removedFiles == 0 && removal.kept.count == ground.files.count)
        #expect(await ground.good(ground.fixture.payload) == ground.pieceCount)
    }

    @Test func aCancelledCopyEndsAtOnce() async throws {
        let ground = try await Ground()
        ground.fixture.calls.fail(.link, .improperLink)
        let cancel = CancelToken()
        cancel.cancel()
        try await ground.fixture.disk.prepare(ground.move)
        await #expect(throws: DiskError.self) {
            _ = try await ground.fixture.disk.place(ground.files[0], ground.move, cancel: cancel) { _ in }
        }
        #expect(ground.names(ground.move.target.root) == [])
    }
}
