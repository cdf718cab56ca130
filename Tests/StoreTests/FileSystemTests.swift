import DatabaseLab
import Glibc
import Store
import SystemPackage
import Testing
import Torrent

/// Where other machines may have the database mounted there is no write-ahead log.
@Suite struct FileSystemTests {
    private static let nfs = FileSystemKind(number: 0x6969)

    @Test(
        arguments: [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x0102_1997, 0x6573_5546, 0x5346_414f, 0x00c3_6400]
            as [UInt32])
    func networkFileSystemsCountAsShared(number: UInt32) {
        let kind = FileSystemKind(number: number)
        #expect(kind.isShared)
        #expect(kind.warning("/mnt/pieces.db")?.contains("/mnt/pieces.db is on a shared file system") == true)
    }

    @Test(arguments: [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0] as [UInt32])
    func localFileSystemsAreNotShared(number: UInt32) {
        #expect(!FileSystemKind(number: number).isShared)
        #expect(FileSystemKind(number: number).warning("x") == nil)
    }

    /// As the kernel numbers it (linux/magic.h, PROC_SUPER_MAGIC), for a file that is there and for one that isn't.
    @Test(arguments: ["/proc/self/stat", "/proc/none.db"]) func fileSystemKindComesFromTheKernel(path: String) {
        #expect(FileSystemKind(holding: FilePath(path)).number == 0x9fa0)
    }

    @Test func sharedFileSystemUsesARollbackJournal() throws {
        let folder = try TemporaryFolder()
        let db = try Connection.open(
            folder.database, mode: .readWriteCreate, options: DatabaseOptions(fileSystem: Self.nfs), now: noon)
        let id = try db.add()
        let mode = try #require(
            try db.value("PRAGMA journal_mode", as: String.self))
        #expect(mode == "delete")
        #expect(try db.number("PRAGMA synchronous") == 3)
        let lazy = try db.transaction(durability: .lazy) { () throws(StoreError) in
            try db.value("PRAGMA synchronous", as: Int.self)
        }
        #expect(lazy == 3)
        #expect(access(folder.database.string + "-wal", F_OK) != 0)
        #expect(access(folder.database.string + "-shm", F_OK) != 0)
        // Others read and write beside it: no lock is kept.
        #expect(
            try Connection.open(
                folder.database, mode: .readOnly, options: DatabaseOptions(fileSystem: Self.nfs), now: noon
            ).torrents.row(id) != nil)
        try Connection.open(
            folder.database, mode: .readWrite, options: DatabaseOptions(fileSystem: Self.nfs), now: noon
        ).settings.set("a", "b")
        #expect(try db.settings.value("a") == "b")
        try db.backup(to: folder.path.appending("copy.db"))
    }

    @Test func movedDatabaseIsConverted() throws {
        let folder = try TemporaryFolder()
        let id = try folder.connection().add()
        for kind in [Self.nfs, .local, Self.nfs] {
            let db = try Connection.open(
                folder.database, mode: .readWrite, options: DatabaseOptions(fileSystem: kind), now: noon)
            #expect(try db.torrents.row(id) != nil)
            let mode = try #require(
                try db.value("PRAGMA journal_mode", as: String.self))
            #expect(mode == (kind.isShared ? "delete" : "wal"))
        }
    }

    @Test func databaseOpenInTheOtherModeIsBusy() throws {
        let folder = try TemporaryFolder()
        let here = try folder.connection()
        _ = try here.add()
        let error = try failure {
            _ = try Connection.open(
                folder.database, mode: .readWrite, options: DatabaseOptions(fileSystem: Self.nfs), now: noon)
        }
        #expect(error.code == .busy)
    }
}
