import Disk
import Glibc
import SystemPackage
import Testing
import Torrent

@Suite struct RemovalTests {
    @Test func onlyFilesOfTheTorrentAreRemoved() async throws {
        let fixture = try Fixture(manyFiles)
        #expect(try await fixture.writeAll().isEmpty)
        try fixture.plant([1], "t", "mine")
        try fixture.plant([2], "other")
        let removal = try await fixture.disk.removeData(fixture.payload, own: try await fixture.found())
        #expect(removal.failures.isEmpty && removal.removedFiles == 3)
        #expect(fixture.content("t", "a") == nil && fixture.content("t", "sub", "b") == nil)
        #expect(access(fixture.folder.path.appending("t/sub").string, F_OK) != 0, "an empty folder of the torrent goes")
        #expect(fixture.content("t", "mine") == [1] && fixture.content("other") == [2])
    }

    @Test func sharedAndReplacedFilesAreKept() async throws {
        let fixture = try Fixture(manyFiles)
        #expect(try await fixture.writeAll().isEmpty)
        var own = try await fixture.found()
        let shared = try #require(own.keys.first { $0 == .entry(0) })
        own[shared] = nil
        // Somebody replaced this one after it was looked at.
        try fixture.plant([9], "t", "replaced")
        #expect(
            rename(fixture.folder.path.appending("t/replaced").string, fixture.folder.path.appending("t/sub/b").string)
                == 0)
        let removal = try await fixture.disk.removeData(fixture.payload, own: own)
        #expect(Set(removal.kept) == [.entry(0), .entry(3)] && removal.failures.isEmpty)
        #expect(fixture.content("t", "a") != nil && fixture.content("t", "sub", "b") == [9])
    }

    @Test func outputFolderAndLinkTargetsAreKept() async throws {
        let outside = try TemporaryFolder()
        let fixture = try Fixture([FileEntry(path: ["t", "f"], length: 10), FileEntry(path: ["u", "f"], length: 10)])
        fixture.makeFolder("u")
        #expect(symlink(outside.path.string, fixture.folder.path.appending("t").string) == 0)
        #expect(symlink("/etc/passwd", fixture.folder.path.appending("u/f").string) == 0)
        let victim = try #require(fopen(outside.path.appending("f").string, "w"))
        #expect(fclose(victim) == 0)
        let removal = try await fixture.disk.removeData(fixture.payload, own: [:])
        #expect(removal.removedFiles == 0 && removal.failures.map(\.code).contains(.symbolicLink))
        #expect(access(outside.path.appending("f").string, F_OK) == 0)
        #expect(access(fixture.folder.path.string, F_OK) == 0)
    }

    @Test func skippedFilesAreKeptAndThePartFileIsRemoved() async throws {
        let fixture = try Fixture(manyFiles, wanted: [true, true, true, false, true])
        fixture.makeFolder("t")
        fixture.makeFolder("t", "sub")
        try fixture.plant([7], "t", "sub", "b")
        #expect(try await fixture.writeAll().isEmpty)
        let removal = try await fixture.disk.removeData(fixture.payload, own: try await fixture.found())
        #expect(removal.failures.isEmpty && removal.removedFiles == 3, "a, c and the part file")
        #expect(fixture.content("t", "sub", "b") == [7], "somebody's file of the same name, which was never written")
        #expect(fixture.content(".\(fixture.payload.infoHash).parts") == nil)
    }
}
