import DatabaseLab
import Glibc
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

/// The path of a database is bytes: UTF-8 or not, and apart from paths that Unicode takes for the same.
@Suite struct ByteNameTests {
    /// Names of databases, as bytes.
    private static let odd: [[UInt8]] = [
        [0x70, 0xe9, 0x2e, 0x64, 0x62], Array("é.db".utf8), Array("e\u{301}.db".utf8), [0xff, 0x0a, 0x20],
        Array("\u{10fee9} ?#%41".utf8),
        Array("\u{600}".utf8), Array("\u{fffd}".utf8),
    ]

    private func rawNames(in folder: FilePath) -> Set<[UInt8]> { Set(names(in: folder).map { PathText.bytes($0) }) }

    @Test(arguments: odd) func databaseAndItsFilesKeepTheNameBytes(name: [UInt8]) async throws {
        let folder = try TemporaryFolder()
        let database = folder.path.appending(name: PathText.text(name))
        let lock = try DatabaseLock.acquire(database: database, now: noon)
        let store = try await Store.open(database, now: noon)
        let metainfo = try madeUp()
        let id = try await store.perform { db throws(StoreError) in
            try db.torrents.insert(NewTorrent(metainfo: metainfo, output: "/" + PathText.text([0xe9])), now: noon)
        }
        let found = rawNames(in: folder.path)
        for end in ["", "-wal", ".lock", ".reserve"] { #expect(found.contains(name + Array(end.utf8)), "\(end)") }
        #expect(found.allSatisfy { $0.starts(with: name) }, "\(found)")
        #expect(try DatabaseLock.holder(database: database)?.pid == getpid())
        let reader = try Connection.open(database, mode: .readOnly, now: noon)
        #expect(try reader.torrents.row(id).map { PathText.bytes($0.output) } == [0x2f, 0xe9])
        #expect(reader.sizes.log > 0)
        try await store.close()
        withExtendedLifetime(lock) {}
    }

    @Test(arguments: odd) func backupsWithOddNamesAreListedAndRestored(name: [UInt8]) async throws {
        let folder = try TemporaryFolder()
        let database = folder.path.appending(name: PathText.text(name))
        do {
            let db = try Connection.open(database, mode: .readWriteCreate, now: noon)
            _ = try db.add(seed: 1)
            let backup = try #require(try db.rotateBackups(now: noon))
            #expect(try BackupFile.list(database) == [backup])
            #expect(rawNames(in: folder.path).contains(name + Array(".backup-20231114T221320Z".utf8)))
            try db.checkpoint()
        }
        // All pages but the first are gone: only the backup has the torrent.
        try write(try read(database).prefix(100), to: database)
        let opened = try await Store.openRecovering(database, now: noon) { db throws(StoreError) in
            try db.torrents.rows().count
        }
        #expect(opened.value == 1 && opened.opening.recovery?.fromBackup == 1)
        try await opened.store.close()
        let aside = try #require(opened.opening.recovery?.setAside)
        #expect(rawNames(in: folder.path).contains(name + Array(".damaged-20231114T221320Z".utf8)))
        #expect(PathText.bytes(aside.text).starts(with: Array(folder.path.string.utf8) + [UInt8(ascii: "/")] + name))
        let restored = try DatabaseRecovery.restore(
            database, from: try #require(try BackupFile.list(database).first).path, now: noon)
        #expect(restored.torrents == 1)
    }

    /// Two databases whose names are one for Unicode: neither lists or removes the other's backups.
    @Test func backupsWithEquivalentUnicodeNamesAreDistinct() throws {
        let folder = try TemporaryFolder()
        let paths = ["é.db", "e\u{301}.db"].map { folder.path.appending(name: $0) }
        for path in paths {
            let db = try Connection.open(path, mode: .readWriteCreate, now: noon)
            _ = try db.add()
            for day in 0..<5 { try db.rotateBackups(now: noon + .seconds(day * 90_000)) }
        }
        for path in paths {
            let own = try BackupFile.list(path)
            #expect(own.count == 3 && own.allSatisfy { $0.path.text.utf8.starts(with: path.text.utf8) })
        }
    }

    /// A reader that may not write the folder opens the file by a URI, which has the same bytes.
    @Test(arguments: odd) func databaseInAReadOnlyFolderIsRead(name: [UInt8]) throws {
        let folder = try TemporaryFolder()
        let database = folder.path.appending(name: PathText.text(name))
        do {
            let db = try Connection.open(database, mode: .readWriteCreate, now: noon)
            _ = try db.add()
            try db.checkpoint()
        }
        for file in names(in: folder.path) where !PathText.isSame(file, PathText.text(name)) {
            _ = folder.path.appending(name: file).withPlatformString { unlink($0) }
        }
        // Root writes where nobody may: then it is opened as ever.
        chmod(folder.path.string, 0o500)
        defer { chmod(folder.path.string, 0o700) }
        #expect(try Connection.open(database, mode: .readOnly, now: noon).torrents.count() == 1)
    }
}
