import Disk
import Glibc
import SystemPackage
import TestSupport
import Testing
import Torrent

/// Names are bytes: what isn't UTF-8, and what Unicode takes for the same name, are files of their own.
@Suite struct ByteNameTests {
    /// Files in folders whose names differ in normalization alone, and names that aren't UTF-8.
    private static let files = [
        ["t", "é", "a"], ["t", "e\u{301}", "a"], ["t", "é", "b"], ["t", "e\u{301}", "c"],
        ["t", PathText.text([0xe9]), "a"], ["t", "x\u{301}"],
        ["t", PathText.text(Array("\u{10fee9}".utf8))], ["t", PathText.text([0xff, 0x0a, 0x20])], ["t", "\u{fffd}"],
        ["t", "\u{301}"],
    ].enumerated().map { FileEntry(path: $1, length: Int64(20_000 + $0)) }

    /// The bytes of a file below the folder; `nil` where none is there.
    private func content(_ folder: FilePath, _ path: [UInt8]) -> [UInt8]? {
        let whole = (Array(folder.string.utf8) + [UInt8(ascii: "/")] + path + [0]).map { CChar(bitPattern: $0) }
        guard let file = fopen(whole, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 30_000)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes.prefix(count))
    }

    @Test(arguments: [true, false]) func eachFileIsStoredUnderItsNameBytes(hasOpenBeneath: Bool) async throws {
        let fixture = try Fixture(Self.files)
        fixture.calls.set { $0.hasOpenBeneath = hasOpenBeneath }
        #expect(try await fixture.writeAll().isEmpty)
        let report = await fixture.disk.sync(fixture.payload)
        #expect(report.failures.isEmpty && report.folderError == nil && report.durable.count == Self.files.count)
        for file in fixture.payload.layout.files {
            let path = Array(file.path.map { PathText.bytes($0) }.joined(separator: [UInt8(ascii: "/")]))
            #expect(
                content(fixture.folder.path, path) == Array(fixture.bytes[Int(file.offset)..<Int(file.end)]),
                "\(file.displayPath)")
        }
        #expect(try await fixture.disk.fingerprints(fixture.payload).count == Self.files.count)
    }

    /// Every folder that names a new file is synced, also where another has its name in Unicode's eyes.
    @Test func foldersWithEquivalentUnicodeNamesAreEachSynced() async throws {
        let fixture = try Fixture(Self.files)
        #expect(try await fixture.writeAll().isEmpty)
        _ = await fixture.disk.sync(fixture.payload)
        let synced = Set(fixture.calls.log.filter { $0.hasPrefix("syncDirectory") }.map { Array($0.utf8) })
        for name in ["t/é", "t/e\u{301}", "t/" + PathText.text([0xe9])] {
            #expect(
                synced.contains { Array($0.suffix(name.utf8.count)) == Array(name.utf8) },
                "\(name) of \(fixture.calls.log)")
        }
    }

    @Test func removalKeepsFilesWithEquivalentUnicodeNames() async throws {
        let fixture = try Fixture([
            FileEntry(path: ["e\u{301}", "a"], length: 10), FileEntry(path: [PathText.text([0xe9])], length: 10),
        ])
        #expect(try await fixture.writeAll().isEmpty)
        fixture.makeFolder("é")
        try fixture.plant([1], "é", "a")
        try fixture.plant([2], "\u{fffd}")
        let removal = try await fixture.disk.removeData(fixture.payload, own: try await fixture.found())
        #expect(removal.failures.isEmpty && removal.removedFiles == 2)
        #expect(fixture.content("é", "a") == [1] && fixture.content("\u{fffd}") == [2])
        #expect(access(fixture.folder.path.appending("e\u{301}").string, F_OK) != 0, "the empty folder goes")
    }

    @Test func mountTablePathsAreBytes() {
        let line =
            "36 35 98:0 / /mnt/" + PathText.text([0xe9]) + "\\040x\u{301} rw,noatime - ext4 /dev/sd"
            + PathText.text([0xff]) + " rw"
        let table = MountTable("25 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + line + "\n")
        let mount = table.mount(of: FilePath(text: "/mnt/" + PathText.text([0xe9]) + " x\u{301}/below"))
        #expect(mount.map { PathText.bytes($0.path) } == Array("/mnt/".utf8) + [0xe9] + Array(" x\u{301}".utf8))
        #expect(mount.map { PathText.bytes($0.source) } == Array("/dev/sd".utf8) + [0xff])
        #expect(table.mount(of: "/mnt/é x\u{301}")?.path == "/")
    }
}
