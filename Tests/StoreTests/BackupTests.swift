import DatabaseLab
import Glibc
import Store
import SystemPackage
import Testing
import Torrent

@Suite struct BackupTests {
    @Test func backupIsACompleteDatabase() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let ids = try (0..<30).map { try connection.add(seed: UInt64($0)) }
        let copy = folder.path.appending("copy.db")
        try connection.backup(to: copy)
        try connection.torrents.remove(ids[0], now: noon)
        let restored = try Connection.open(copy, mode: .readWrite, now: noon)
        #expect(try restored.torrents.rows().map(\.id) == ids)
        #expect(try restored.integrityFaults().isEmpty)
        #expect(try restored.metainfos.file(of: ids[3]) == connection.metainfos.file(of: ids[3]))
        #expect(access(copy.string + ".unfinished", F_OK) != 0)
    }

    @Test func existingFileIsRejectedAndUnchanged() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        let copy = folder.path.appending("copy.db")
        try write("mine".utf8, to: copy)
        #expect(try failure { try connection.backup(to: copy) }.code == .cantOpen)
        #expect(try read(copy) == Array("mine".utf8))
        #expect(throws: StoreError.self) { try connection.backup(to: folder.path.appending("no/copy.db")) }
    }

    @Test func integrityCheckFindsDamage() throws {
        let folder = try TemporaryFolder()
        let connection = try folder.connection()
        for n in 0..<50 { _ = try connection.add(seed: UInt64(n)) }
        let copy = folder.path.appending("copy.db")
        try connection.backup(to: copy)
        var bytes = try read(copy)
        // A page in the middle is overwritten, as a failing disk does.
        let middle = bytes.count / 4096 / 2 * 4096
        for n in middle..<middle + 4096 { bytes[n] = 0xa5 }
        try write(bytes, to: copy)
        var faults: [String] = []
        do throws(StoreError) {
            faults = try Connection.open(copy, mode: .readOnly, now: noon).integrityFaults()
        } catch {
            #expect(error.code == .corrupt)
            faults = [error.description]
        }
        #expect(!faults.isEmpty)
    }
}
