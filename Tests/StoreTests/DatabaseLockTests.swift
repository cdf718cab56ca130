import DatabaseLab
import Glibc
import Recovery
import Store
import SystemPackage
import Testing
import Torrent

@Suite struct DatabaseLockTests {
    @Test func lockErrorNamesTheHolder() throws {
        let folder = try TemporaryFolder()
        #expect(try DatabaseLock.holder(database: folder.database) == nil)
        var lock: DatabaseLock? = try DatabaseLock.acquire(database: folder.database, now: noon)
        let holder = try #require(try DatabaseLock.holder(database: folder.database))
        #expect(holder.pid == getpid())
        #expect(holder.since == noon)
        let error = try failure { _ = try DatabaseLock.acquire(database: folder.database, now: noon) }
        #expect(error.code == .lockedByOther)
        #expect(error.description.contains("process \(getpid())"))
        #expect(lock != nil)
        lock = nil
        #expect(try DatabaseLock.holder(database: folder.database) == nil)
        #expect(access(folder.database.string + ".lock", F_OK) == 0)
        _ = try DatabaseLock.acquire(database: folder.database, now: noon)
    }

    @Test func everyPathOfADatabaseSharesOneLock() throws {
        let folder = try TemporaryFolder()
        _ = try folder.connection()
        let link = folder.path.appending("link.db")
        #expect(symlink(folder.database.string, link.string) == 0)
        let lock = try DatabaseLock.acquire(database: folder.database, now: noon)
        defer { withExtendedLifetime(lock) {} }
        #expect(try DatabaseLock.holder(database: link) != nil)
        for name in [link, FilePath(folder.path.string + "/./pieces.db")] {
            let error = try failure { _ = try DatabaseLock.acquire(database: name, now: noon) }
            #expect(error.code == .lockedByOther)
        }
    }

    @Test func invalidLockTextGivesAnUnknownHolder() throws {
        let folder = try TemporaryFolder()
        let lock = try DatabaseLock.acquire(database: folder.database, now: noon)
        defer { withExtendedLifetime(lock) {} }
        try write("rubbish".utf8, to: FilePath(folder.database.string + ".lock"))
        let holder = try #require(try DatabaseLock.holder(database: folder.database))
        #expect(holder.pid == nil && holder.since == nil)
    }

    @Test func missingFolderIsReported() throws {
        let folder = try TemporaryFolder()
        let error = try failure {
            _ = try DatabaseLock.acquire(database: folder.path.appending("no/pieces.db"), now: noon)
        }
        #expect(error.code == .cantOpen)
    }
}
